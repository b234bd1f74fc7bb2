"""Statements over many keys at once, within what SQLite takes.

SQLite limits a statement's variables (32,766), so a list of texts or numbers travels as one JSON variable.
Bytes have no place in JSON: paths go in chunks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, select

T = TypeVar("T")

CHUNK = 500  # variables of one statement; SQLAlchemy's cost of expanding them grows beyond


def in_texts(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """The column is one of these texts, however many they are."""
    return _in_json(column, list(values))


def in_numbers(column: ColumnElement[Any], values: Iterable[int]) -> ColumnElement[bool]:
    """The column is one of these numbers, however many they are."""
    return _in_json(column, list(values))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _in_json(column: ColumnElement[Any], values: list[str] | list[int]) -> ColumnElement[bool]:
    each = func.json_each(json.dumps(values)).table_valued("value")
    return column.in_(select(each.c.value))
