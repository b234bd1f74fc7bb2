from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.compare import aligned, compare
from handlers.walk import DiskFile
from store.records import FileRecord, FileStat, FileState

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
OLD = FileStat(10, NOW - 3600 * SECOND, 1, 1)
OTHER = FileStat(11, NOW - 3600 * SECOND, 1, 1)
YOUNG = FileStat(10, NOW - SECOND, 1, 1)

T = TypeVar("T")


def row(path: str, stat: FileStat = OLD, state: FileState = FileState.PRESENT) -> FileRecord:
    return FileRecord(1, 1, path, stat, state, "image")


@pytest.mark.parametrize(
    ("stat", "known", "expected"),
    [
        (OLD, None, "new"),
        (OLD, row("/a"), None),
        (OTHER, row("/a"), "changed"),
        (OLD, row("/a", state=FileState.MISSING), "changed"),
        (OLD, row("/a", state=FileState.FAILED), None),
        (OTHER, row("/a", state=FileState.FAILED), "changed"),
        (None, row("/a"), "missing"),
        (None, row("/a", state=FileState.FAILED), "missing"),
        (None, row("/a", state=FileState.MISSING), None),
        (YOUNG, None, "young"),
        (YOUNG, row("/a"), "young"),
        (YOUNG, row("/a", YOUNG), None),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_one_path(stat: FileStat | None, known: FileRecord | None, expected: str | None, force: bool) -> None:
    disk = [] if stat is None else [DiskFile("/a", stat)]
    found = compare(disk, [known] if known else [], wall_now_ns=NOW, settle=2, force=force)
    if force and stat is not None and expected is None:
        expected = "young" if stat == YOUNG else "changed"
    names = ("new", "changed", "missing", "young")
    assert {name: getattr(found, name) for name in names if getattr(found, name)} == (
        {expected: ["/a"]} if expected else {}
    )


PATHS = st.lists(st.text("ab/-\udcff~é", min_size=1, max_size=4), unique=True).map(
    lambda paths: sorted(paths, key=os.fsencode)
)


async def stream(items: Sequence[T], sizes: Sequence[int]) -> AsyncIterator[list[T]]:
    start = 0
    for size in [*sizes, len(items)]:
        yield list(items[start : start + size])
        start += size


@given(PATHS, PATHS, st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_windows_hold_all_in_order_and_equal_paths_together(
    left: list[str], right: list[str], left_sizes: list[int], right_sizes: list[int]
) -> None:
    async def windows() -> list[tuple[list[str], list[str]]]:
        disk = stream([DiskFile(path, OLD) for path in left], left_sizes)
        rows = stream([row(path) for path in right], right_sizes)
        return [([d.path for d in ds], [r.path for r in rs]) async for ds, rs in aligned(disk, rows)]

    found = asyncio.run(windows())
    assert [path for window, _ in found for path in window] == left
    assert [path for _, window in found for path in window] == right
    where = {path: number for number, (window, _) in enumerate(found) for path in window}
    for number, (_, window) in enumerate(found):
        assert all(where[path] == number for path in window if path in where)
