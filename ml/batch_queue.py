"""What the model is given next: the pure part of batching, in which time is an argument.

Texts go before photos, because a person waits for them. Photos go when a batch is full, or when the oldest
has waited long enough for company; a queue asked while the model is busy answers nothing, so waiting costs an
idle model only.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class Kind(enum.StrEnum):
    """What an item is to be encoded as."""

    TEXT = "text"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Items of one kind, in the order of their arrival; at least one, at most the queue's `max_batch`."""

    kind: Kind
    items: tuple[T, ...]


class BatchQueue(Generic[T]):
    """Waiting items, each with the time at which it came.

    `max_wait` is in the unit of the `now` that callers pass, which must never run backwards. Items are told
    apart by identity and must be hashable.
    """

    def __init__(self, max_batch: int, max_wait: float) -> None:
        if max_batch < 1 or max_wait < 0:
            raise ValueError("max_batch must be at least 1, and max_wait not negative")
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._waiting: dict[Kind, OrderedDict[T, float]] = {kind: OrderedDict() for kind in Kind}

    def __len__(self) -> int:
        return sum(len(items) for items in self._waiting.values())

    def add(self, kind: Kind, item: T, now: float) -> None:
        """Append an item that is not in the queue yet."""
        self._waiting[kind][item] = now

    def discard(self, kind: Kind, item: T) -> None:
        """Forget an item that nobody waits for any more; one that has been taken already is no error."""
        self._waiting[kind].pop(item, None)

    def take(self, now: float) -> Batch[T] | None:
        """Remove and return what an idle model should run now; None while it is better to wait for more."""
        due = self.next_due()
        if due is None or now < due:
            return None
        kind = Kind.TEXT if self._waiting[Kind.TEXT] else Kind.IMAGE
        waiting = self._waiting[kind]
        count = min(len(waiting), self._max_batch)
        return Batch(kind, tuple(waiting.popitem(last=False)[0] for _ in range(count)))

    def next_due(self) -> float | None:
        """The time from which `take` gives a batch, if nothing changes; None when the queue is empty."""
        texts, images = self._waiting[Kind.TEXT], self._waiting[Kind.IMAGE]
        if texts:
            return next(iter(texts.values()))
        if not images:
            return None
        oldest = next(iter(images.values()))
        return oldest if len(images) >= self._max_batch else oldest + self._max_wait

    def drain(self) -> list[T]:
        """Remove and return everything, due or not."""
        items = [item for waiting in self._waiting.values() for item in waiting]
        for waiting in self._waiting.values():
            waiting.clear()
        return items
