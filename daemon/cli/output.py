"""What commands print: tables for people, tab-separated lines for pipes, JSON for programs.

Names of files are untrusted: they are never read as markup, and characters that could drive the terminal, break a line
or turn the direction of text (so that `gpj.exe` reads `exe.jpg`) are shown as escapes. Bytes that are no UTF-8 are
written back as the bytes they were.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from daemon.errors import DaemonError

# Line and paragraph separators; embeddings, overrides and isolates of direction (Unicode Standard Annex #9).
_LAYOUT = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def print_json(value: object) -> None:
    """Indented JSON in ASCII, as the API writes it."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with a header: drawn on a terminal, tab-separated elsewhere."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in [list(columns), *cells])
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def print_pairs(pairs: Mapping[str, object]) -> None:
    """One name and value a line."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        text = f"{name:<{width}}  {_cell(value)}" if sys.stdout.isatty() else f"{name}\t{_cell(value)}"
        sys.stdout.write(text + "\n")


def print_error(error: Exception, code: str) -> None:
    """The error with its code, and what to try where it says so, on stderr."""
    message = printable(str(error), keep="\n")
    sys.stderr.write(f"photond: {code}: {message}\n")
    if isinstance(error, DaemonError) and error.hint:
        sys.stderr.write(f"try: {error.hint}\n")


def note(text: str) -> None:
    """Something worth knowing, on stderr, when a person is there to read it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{printable(text)}\n")


def printable(text: str, keep: str = "") -> str:
    """The text with its control characters as escapes, except those to keep."""
    return "".join(_escape(c) if _is_control(c) and c not in keep else c for c in text)


def local_time(text: str | None) -> str:
    """An RFC 3339 time as a person's clock shows it, to the second."""
    if text is None:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str:
    """Seconds as `1:02:03`; nothing for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes with a binary prefix."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or character in _LAYOUT


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
