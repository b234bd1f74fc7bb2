"""Disk against catalog: two streams in the same order, merged window by window, and what differs in a window.

Memory is bounded by the chunks of the streams, whatever the size of the library.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from handlers.stability import at_rest
from handlers.walk import DiskFile
from store.records import FileRecord, FileState


class _Pathed(Protocol):
    @property
    def path(self) -> str: ...


_L = TypeVar("_L", bound=_Pathed)
_R = TypeVar("_R", bound=_Pathed)


@dataclass(slots=True)
class Differences:
    """Paths at which disk and catalog disagree."""

    new: list[str] = field(default_factory=list)  # no row
    changed: list[str] = field(default_factory=list)  # another stat, or back after having been missing
    missing: list[str] = field(default_factory=list)  # no file
    young: list[str] = field(default_factory=list)  # new or changed, but perhaps still being written


def compare(
    disk: Sequence[DiskFile],
    rows: Sequence[FileRecord],
    *,
    wall_now_ns: int,
    settle: float,
    force: bool = False,
) -> Differences:
    """What differs between files and rows of the same range of paths.

    A file in quarantine with an equal stat would fail again and is left alone. `force` counts every file as
    changed.
    """
    found = Differences()
    known = {row.path: row for row in rows}
    for path, stat in disk:
        row = known.pop(path, None)
        if row is not None and row.stat == stat and row.state is not FileState.MISSING and not force:
            continue
        if not at_rest(None, stat, wall_now_ns, settle):
            found.young.append(path)
        else:
            (found.new if row is None else found.changed).append(path)
    found.missing += [row.path for row in known.values() if row.state is not FileState.MISSING]
    return found


async def aligned(
    left: AsyncIterator[Sequence[_L]], right: AsyncIterator[Sequence[_R]]
) -> AsyncIterator[tuple[Sequence[_L], Sequence[_R]]]:
    """Cut two streams of chunks, each in the order of `os.fsencode(path)`, at the same paths.

    Equal paths end up in the same window; nothing is left out and the order is kept.
    """
    buffers = _Buffer(left), _Buffer(right)
    while True:
        for buffer in buffers:
            await buffer.fill()
        ends = [buffer.last for buffer in buffers if not buffer.ended]
        if not ends and not any(buffer.items for buffer in buffers):
            return
        # A stream that is at its end sets no bound: whatever it still has lies before all that is to come.
        bound = min(ends, default=None)
        yield buffers[0].take(bound), buffers[1].take(bound)


class _Buffer(Generic[_L]):
    def __init__(self, stream: AsyncIterator[Sequence[_L]]) -> None:
        self.items: Sequence[_L] = ()
        self.ended = False
        self._stream = stream

    @property
    def last(self) -> bytes:
        return _key(self.items[-1])

    async def fill(self) -> None:
        while not self.items and not self.ended:
            chunk = await anext(self._stream, None)
            self.ended = chunk is None
            self.items = chunk or ()

    def take(self, bound: bytes | None) -> Sequence[_L]:
        cut = len(self.items) if bound is None else bisect_right(self.items, bound, key=_key)
        taken, self.items = self.items[:cut], self.items[cut:]
        return taken


def _key(item: _Pathed) -> bytes:
    return os.fsencode(item.path)
