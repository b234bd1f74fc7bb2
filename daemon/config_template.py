"""The commented TOML file that `photond init` writes: every key with its meaning and default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo

from daemon.config import Config
from daemon.config_schema import Table, tables
from daemon.config_text import default_text, toml_value

_HEAD = """\
# photond: a daemon for photographs. docs/configuration.md lists every key with its type.
# A key that is commented out shows its default; environment variables override what stands here
# (PHOTOND__ML__MODEL=… is `model` in [ml]).
"""


def template(folders: Sequence[Path]) -> str:
    """A configuration that watches these folders and leaves everything else at its default."""
    parts = [_HEAD]
    for table in tables(Config):
        if table.is_array:
            parts += [_watch(table, folder) for folder in folders] or [_commented(_watch(table, Path("/photos")))]
        else:
            parts.append("\n".join([f"# {table.model.__doc__}", f"[{table.name}]", *_keys(table)]) + "\n")
    return "\n".join(parts)


def _watch(table: Table, folder: Path) -> str:
    return "\n".join([f"[[{table.name}]]", f"path = {toml_value(folder)}", *_keys(table)]) + "\n"


def _keys(table: Table) -> Iterator[str]:
    for name, field in table.model.model_fields.items():
        if not field.is_required():
            yield from textwrap.wrap(str(field.description), 100, initial_indent="# ", subsequent_indent="# ")
            yield f"# {name} = {_shown(field)}"


def _shown(field: FieldInfo) -> str:
    return default_text(field) or '"…"'


def _commented(text: str) -> str:
    return "\n".join(line if line.startswith("#") else f"# {line}".rstrip() for line in text.splitlines()) + "\n"
