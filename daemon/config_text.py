"""The configuration's types and defaults as text: for the reference and for `photond init`."""

from __future__ import annotations

import types
import typing
from pathlib import Path

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import ByteSize, SecretStr
from pydantic.fields import FieldInfo

from handlers.settings import Duration

_NAMES = {
    bool: "true or false",
    ByteSize: 'size, like "500MB" or "2GiB"',
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret",
}
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"), (0.001, "ms"))
_IS_DURATION = typing.get_args(Duration)[1]


def type_text(field: FieldInfo) -> str:
    """What a key may hold, like `whole number, 0 to 65535` or `list of paths`."""
    if field.annotation is ByteSize:
        return _NAMES[ByteSize]
    if _IS_DURATION in field.metadata:
        return 'duration, like "500ms", "2s", "1m", "1h" or "30d"'
    return ", ".join(part for part in (_annotation(field.annotation), _bounds(field)) if part)


def default_text(field: FieldInfo) -> str | None:
    """The default as TOML writes it; None when there is none to write."""
    if field.is_required() or field.default_factory is not None or field.default is None:
        return None
    if _IS_DURATION in field.metadata:
        return f'"{_duration(field.default)}"'
    if isinstance(field.default, ByteSize):
        return f'"{field.default.human_readable()}"'
    return toml_value(field.default)


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:_}" if isinstance(value, int) and value >= 100_000 else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    escaped = "".join(_escaped(character) for character in str(value))
    return f'"{escaped}"'


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _annotation(annotation: object) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return _alternatives([toml_value(argument) for argument in arguments])
    if origin in {typing.Union, types.UnionType}:
        return _alternatives([_annotation(argument) for argument in arguments if argument is not types.NoneType])
    if origin in {list, tuple}:
        return f"list of {_annotation(arguments[0]).replace('text', 'texts').replace('path', 'paths')}"
    if origin is typing.Annotated:
        return _annotation(arguments[0])
    return _NAMES[typing.cast("type", annotation)]


def _alternatives(texts: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _bounds(field: FieldInfo) -> str | None:
    low = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    above = next((rule.gt for rule in field.metadata if isinstance(rule, Gt)), None)
    longest = next((rule.max_length for rule in field.metadata if isinstance(rule, MaxLen)), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    if longest is not None:
        return f"at most {longest} characters"
    if above is not None:
        return f"more than {above}"
    return f"{low} or more" if low is not None else None


def _duration(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size) if seconds else (1.0, "s")
    return f"{seconds / size:g}{unit}"
