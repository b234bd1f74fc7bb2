"""On which line of a TOML document a key stands: what `tomllib` does not tell.

The text must be one that `tomllib` accepts; this is no validator. Keys are found in tables, arrays of tables,
dotted keys and inline tables; an element of an array is addressed by its index, as in `("watch", 0, "path")`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

# Tokens of TOML 1.0. A multi-line string may end in up to five quotes, of which the first two belong to it.
_TOKEN = re.compile(
    r'''
      (?P<string> """(?:\\.|(?!""")[^\\])*"{3,5} | \'\'\'(?:(?!\'\'\').)*'{3,5}
                | "(?:\\.|[^"\\\n])*"             | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<mark> [\[\]{}=.,] )
    | (?P<bare> [A-Za-z0-9_-]+ )
    | (?P<other> . )
    ''',
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class TomlLines:
    """The lines of every key of one document."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._tokens = list(_tokens(text))
        self._at = 0
        table: KeyPath = ()
        while (token := self._peek()) is not None:
            if token.kind == "newline":
                self._next()
            elif token.text == "[":
                table = self._header()
            else:
                self._key_value(table)

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Line (from 1) of the key, or of the nearest written table around it; None for neither."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(tuple(path[:length]))) is not None:
                return line
        return None

    def _header(self) -> KeyPath:
        line = self._next().line
        if is_array := self._text() == "[":
            self._next()
        path: KeyPath = ()
        for key in self._key():
            path = (*self._newest(path), key)
            self._lines.setdefault(path, line)
        if is_array:
            path = (*path, self._length(path))
            self._lines[path] = line
        else:
            path = self._newest(path)
        while self._text() == "]":
            self._next()
        return path

    def _key_value(self, table: KeyPath) -> None:
        token = self._peek()
        path = table
        for key in self._key():
            path = (*path, key)
            self._lines.setdefault(path, token.line if token else 0)
        self._next()  # "="
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._text() == "[":
            self._array(path)
        elif self._text() == "{":
            self._inline_table(path)
        else:
            while self._text() not in {"\n", ",", "]", "}", None}:
                self._next()

    def _array(self, path: KeyPath) -> None:
        self._next()
        index = 0
        while (token := self._next()).text != "]":
            if token.kind != "newline" and token.text != ",":
                self._at -= 1
                self._lines[(*path, index)] = token.line
                self._value((*path, index))
                index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._next()
        while (token := self._next()).text != "}":
            if token.kind != "newline" and token.text != ",":
                self._at -= 1
                self._key_value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while self._text() not in {"=", "]", None}:
            token = self._next()
            if token.kind == "string":
                parts.append(tomllib.loads(f"key = {token.text}")["key"])
            elif token.kind == "bare":
                parts.append(token.text)
        return parts

    def _newest(self, path: KeyPath) -> KeyPath:
        """The path, or that of its last element when it is an array of tables, as TOML means it."""
        length = self._length(path)
        return (*path, length - 1) if length else path

    def _length(self, path: KeyPath) -> int:
        length = 0
        while (*path, length) in self._lines:
            length += 1
        return length

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _text(self) -> str | None:
        token = self._peek()
        return token.text if token else None

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "comment" and not (kind == "other" and match[0].isspace()):
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")
