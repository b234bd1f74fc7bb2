from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.toml_lines import KeyPath, TomlLines

DOCUMENT = '''\
# a comment = with an equals sign
title = "not [a] table # nor a comment"

[ml]
model = "bundled"   # trailing
captions.words = 3
text = """
[not]
a = "table"
"""
literal = \'\'\'
x = 1\'\'\'

[[watch]]
path = "/a"
exclude = [
    "*.tmp",  # one
    "b]",
]

[[watch]]
path = '/b'
[watch.extra]
deep = true

[api]
inline = { host = "h", nested = { port = 1 } }
"quoted.key" = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("ml",), 4),
        (("ml", "model"), 5),
        (("ml", "captions", "words"), 6),
        (("ml", "text"), 7),
        (("ml", "literal"), 11),
        (("watch", 0), 14),
        (("watch", 0, "path"), 15),
        (("watch", 0, "exclude", 1), 18),
        (("watch", 1), 21),
        (("watch", 1, "path"), 22),
        (("watch", 1, "extra", "deep"), 24),
        (("api", "inline", "host"), 27),
        (("api", "inline", "nested", "port"), 27),
        (("api", "quoted.key"), 28),
    ],
)
def test_finds_the_line_of_a_key(path: KeyPath, line: int) -> None:
    assert TomlLines(DOCUMENT).line_of(path) == line


def test_falls_back_to_the_table_around_a_key_that_is_not_written() -> None:
    lines = TomlLines(DOCUMENT)
    assert lines.line_of(("watch", 1, "collection")) == 21
    assert lines.line_of(("store", "qdrant")) is None


def test_tables_inside_arrays_of_tables_belong_to_the_newest_element() -> None:
    lines = TomlLines("[[a]]\n[[a.b]]\nx = 1\n[[a.b]]\nx = 2\n[[a]]\n[[a.b]]\nx = 3\n")
    assert [lines.line_of(("a", *where, "x")) for where in [(0, "b", 0), (0, "b", 1), (1, "b", 0)]] == [
        3,
        5,
        8,
    ]


def test_inline_tables_in_an_array_over_several_lines() -> None:
    lines = TomlLines('watch = [\n  { path = "/a" },\n  { path = "/b", method = "x" },\n]\nafter = 1\n')
    assert lines.line_of(("watch", 1, "method")) == 3
    assert lines.line_of(("after",)) == 5


def test_carriage_returns_do_not_shift_lines() -> None:
    assert TomlLines("a = 1\r\n\r\n[b]\r\nc = 2\r\n").line_of(("b", "c")) == 4


def test_strings_that_end_in_quotes() -> None:
    assert TomlLines('a = """x"""""\nb = \'\'\'y\'\'\'\'\nc = "\\""\nd = 1\n').line_of(("d",)) == 4


_KEYS = st.text("abcdefgh_-1", min_size=1, max_size=5)
_SCALARS = st.integers() | st.booleans() | st.text(max_size=8)


def _written(value: Any) -> str:
    if isinstance(value, str):
        escaped = "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in value if not 0xD800 <= ord(c) < 0xE000)
        return f'"{escaped}"'
    return str(value).lower()


@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _SCALARS, max_size=4), max_size=5), st.integers(0, 3))
def test_every_key_of_any_document_is_found_where_it_stands(document: dict[str, Any], blank: int) -> None:
    rows: list[str] = []
    expected: dict[KeyPath, int] = {}
    for name, table in document.items():
        rows += [""] * blank + [f"[{name}]"]
        expected[(name,)] = len(rows)
        for key, value in table.items():
            rows.append(f"{key} = {_written(value)}")
            expected[(name, key)] = len(rows)
    text = "\n".join(rows)
    tomllib.loads(text)
    lines = TomlLines(text)
    assert {path: lines.line_of(path) for path in expected} == expected
