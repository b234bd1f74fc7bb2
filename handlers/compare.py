"""Disk against catalog: two streams in the same order, merged window by window, and what differs in a window.

Memory is bounded by the chunks of the streams, whatever the size of the library.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from handlers.stability import at_rest
from store.entries import FileEntry
from store.records import FileStat


@dataclass(slots=True)
class Differences:
    """Paths at which disk and catalog disagree."""

    new: list[str] = field(default_factory=list)  # no row
    changed: list[str] = field(default_factory=list)  # another stat, or back after having been missing
    missing: list[str] = field(default_factory=list)  # no file
    young: list[str] = field(default_factory=list)  # new or changed, but perhaps still being written


def compare(
    disk: Sequence[FileEntry],
    rows: Sequence[FileEntry],
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
    if disk == rows and not force:  # nearly always, and told in no time
        return found
    known = {row[0]: row for row in rows}
    for file in disk:
        raw_path, size, mtime_ns, inode, device, _ = file
        row = known.pop(raw_path, None)
        if row == file and not force:
            continue
        path = os.fsdecode(raw_path)
        if not at_rest(None, FileStat(size, mtime_ns, inode, device), wall_now_ns, settle):
            found.young.append(path)
        else:
            (found.new if row is None else found.changed).append(path)
    found.missing += [os.fsdecode(raw_path) for raw_path, *_, missing in known.values() if not missing]
    return found


async def aligned(
    left: AsyncIterator[Sequence[FileEntry]], right: AsyncIterator[Sequence[FileEntry]]
) -> AsyncIterator[tuple[Sequence[FileEntry], Sequence[FileEntry]]]:
    """Cut two streams of chunks, each in the order of its paths, at the same paths.

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


class _Buffer:
    def __init__(self, stream: AsyncIterator[Sequence[FileEntry]]) -> None:
        self.items: Sequence[FileEntry] = ()
        self.ended = False
        self._stream = stream

    @property
    def last(self) -> bytes:
        return self.items[-1][0]

    async def fill(self) -> None:
        while not self.items and not self.ended:
            chunk = await anext(self._stream, None)
            self.ended = chunk is None
            self.items = chunk or ()

    def take(self, bound: bytes | None) -> Sequence[FileEntry]:
        cut = len(self.items) if bound is None else bisect_right(self.items, bound, key=itemgetter(0))
        taken, self.items = self.items[:cut], self.items[cut:]
        return taken
