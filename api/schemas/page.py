"""The shape of every list."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


class Page(BaseModel, Generic[T]):
    """Some items of a list; ask with `cursor` for those that follow.

    Each list has a subclass of its own, whose name is the schema's.
    """

    items: list[T]
    next_cursor: str | None = None
