from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.compare import aligned, compare
from store.entries import FileEntry

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
AGO = NOW - 3600 * SECOND
OLD = (b"/a", 10, AGO, 1, 1, 0)
OTHER = (b"/a", 11, AGO, 1, 1, 0)
YOUNG = (b"/a", 10, NOW - SECOND, 1, 1, 0)
MISSING = (b"/a", 10, AGO, 1, 1, 1)
BESIDE = (b"/b", 10, AGO, 1, 1, 0)

T = TypeVar("T")


@pytest.mark.parametrize(
    ("file", "row", "expected"),
    [
        (OLD, None, "new"),
        (OLD, OLD, None),
        (OTHER, OLD, "changed"),
        ((b"/a", 10, 1, 1, 1, 0), OLD, "changed"),
        ((b"/a", 10, AGO, 2, 1, 0), OLD, "changed"),
        ((b"/a", 10, AGO, 1, 2, 0), OLD, "changed"),
        (OLD, MISSING, "changed"),
        (None, OLD, "missing"),
        (None, MISSING, None),
        (YOUNG, None, "young"),
        (YOUNG, OLD, "young"),
        (YOUNG, YOUNG, None),
    ],
)
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("beside", [[], [BESIDE]])
def test_one_path(
    file: FileEntry | None, row: FileEntry | None, expected: str | None, force: bool, beside: list[FileEntry]
) -> None:
    """A path's lot does not depend on what is beside it."""
    disk, rows = [[entry, *beside] if entry else beside for entry in (file, row)]
    found = compare(disk, rows, wall_now_ns=NOW, settle=2, force=force)
    if force and file is not None and expected is None:
        expected = "young" if file == YOUNG else "changed"
    lists = {"new": found.new, "changed": found.changed, "missing": found.missing, "young": found.young}
    told = {name: [path for path in paths if path != "/b"] for name, paths in lists.items()}
    assert {name: paths for name, paths in told.items() if paths} == ({expected: ["/a"]} if expected else {})
    assert ("/b" in found.changed) == (force and bool(beside))


def test_paths_come_back_as_text_of_any_bytes() -> None:
    entry = (b"/\xff.jpg", 10, AGO, 1, 1, 0)
    assert compare([entry], [], wall_now_ns=NOW, settle=2).new == ["/\udcff.jpg"]
    assert compare([], [entry], wall_now_ns=NOW, settle=2).missing == ["/\udcff.jpg"]


PATHS = st.lists(st.text("ab/-\udcff~é", min_size=1, max_size=4).map(os.fsencode), unique=True).map(sorted)


async def stream(items: Sequence[T], sizes: Sequence[int]) -> AsyncIterator[list[T]]:
    start = 0
    for size in [*sizes, len(items)]:
        yield list(items[start : start + size])
        start += size


@given(PATHS, PATHS, st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_windows_hold_all_in_order_and_equal_paths_together(
    left: list[bytes], right: list[bytes], left_sizes: list[int], right_sizes: list[int]
) -> None:
    async def windows() -> list[tuple[list[bytes], list[bytes]]]:
        disk = stream([(path, 10, AGO, 1, 1, 0) for path in left], left_sizes)
        rows = stream([(path, 10, AGO, 1, 1, 0) for path in right], right_sizes)
        return [([d[0] for d in ds], [r[0] for r in rs]) async for ds, rs in aligned(disk, rows)]

    found = asyncio.run(windows())
    assert [path for window, _ in found for path in window] == left
    assert [path for _, window in found for path in window] == right
    where = {path: number for number, (window, _) in enumerate(found) for path in window}
    for number, (_, window) in enumerate(found):
        assert all(where[path] == number for path in window if path in where)
