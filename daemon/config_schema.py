"""The configuration's keys as the models define them: for messages, the environment and the reference."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the configuration; an array of tables is written `[[name]]`."""

    name: str
    model: type[BaseModel]
    is_array: bool


def tables(config: type[BaseModel]) -> Iterator[Table]:
    """Every table, in the order in which the configuration declares them."""
    for name, field in config.model_fields.items():
        if (model := _model_in(field.annotation)) is not None:
            yield Table(name, model, is_list(field))


def field_at(config: type[BaseModel], path: Sequence[str | int]) -> FieldInfo | None:
    """The field at a key path; list indices in it are skipped. None when no such key exists."""
    model: type[BaseModel] | None = config
    field: FieldInfo | None = None
    for key in path:
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key) if model else None
        model = _model_in(field.annotation) if field else None
    return field


def known_part(config: type[BaseModel], path: Sequence[str | int]) -> tuple[str | int, ...]:
    """The path up to its last real key: pydantic appends the alternative of a union that failed."""
    length = len(path)
    while length > 1 and not (isinstance(path[length - 1], int) or field_at(config, path[:length])):
        length -= 1
    return tuple(path[:length])


def siblings(config: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that the table of this key path knows."""
    parent = field_at(config, path[:-1])
    model = _model_in(parent.annotation) if parent else config
    return list(model.model_fields) if model else []


def is_list(field: FieldInfo) -> bool:
    """Whether the key holds an array."""
    return typing.get_origin(field.annotation) in {list, tuple}


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in typing.get_args(annotation) if (model := _model_in(part))), None)
