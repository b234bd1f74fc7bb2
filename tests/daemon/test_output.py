from __future__ import annotations

import pytest

from daemon.cli.output import duration, printable, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**3, "5.0 GiB"), (3 * 1024**5, "3072.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fotos/ä 猫.jpg", "Fotos/ä 猫.jpg"),
        ("a\tb\x00\x9b", "a\\x09b\\x00\\x9b"),
        ("\udcff", "\udcff"),
        ("\u202egpj.exe\u2028", "\\u202egpj.exe\\u2028"),
    ],
)
def test_control_characters_become_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_are_kept_where_they_are_ours() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"
