from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from store.entries import FileEntry, entry_of
from store.records import Attached, FileStat, FileState

if TYPE_CHECKING:
    from tests.store.conftest import Library

TREE = ["/a/d", "/a/d-x/1.jpg", "/a/d.jpg", "/a/d/1.jpg", "/a/d/e/2.jpg", "/a/d0.jpg", "/a/\udcff.jpg"]


async def _fill(library: Library, *paths: str) -> None:
    tasks = await library.lease(*paths)
    await library.catalog.commit([library.indexed(task, "same") for task in tasks])


async def _under(library: Library, directory: str | None = None, chunk: int = 1000) -> list[FileEntry]:
    found = library.catalog.entries.under(library.roots["/a"].id, directory, chunk=chunk)
    return [entry async for entries in found for entry in entries]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 5000])
async def test_root_gives_every_row_once_in_the_order_of_its_bytes(library: Library, chunk: int) -> None:
    await _fill(library, *TREE, "/b/d/1.jpg")
    seen: list[bytes] = []
    async for entries in library.catalog.entries.under(library.roots["/a"].id, chunk=chunk):
        assert 0 < len(entries) <= chunk
        seen += [entry[0] for entry in entries]
    assert seen == sorted(os.fsencode(path) for path in TREE)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5000])
@pytest.mark.parametrize("directory", ["/a/d", "/a/d/"])
async def test_folder_gives_its_own_row_and_those_below(library: Library, directory: str, chunk: int) -> None:
    await _fill(library, *TREE)
    found = await _under(library, directory, chunk)
    assert [entry[0] for entry in found] == [b"/a/d", b"/a/d/1.jpg", b"/a/d/e/2.jpg"]


async def test_entries_have_the_stats_of_their_rows_and_tell_which_are_missing(library: Library) -> None:
    await _fill(library, "/a/1.jpg", "/a/2.jpg")
    await library.vanish("/a/2.jpg")
    await library.fail("/a/3.jpg")
    found = {os.fsdecode(entry[0]): entry for entry in await _under(library)}
    rows = await library.catalog.files.by_paths(found)
    assert len(rows) == 3
    for path, row in rows.items():
        stat = row.stat
        expected = (os.fsencode(path), stat.size, stat.mtime_ns, stat.inode, stat.device)
        assert found[path] == (*expected, row.state is FileState.MISSING)


async def test_files_of_64_bit_inodes_have_equal_entries_on_disk_and_in_the_catalog(library: Library) -> None:
    await library.index("/a/1.jpg", "x")
    (task,) = await library.lease("/a/2.jpg")
    huge = FileStat(size=2**40, mtime_ns=-1, inode=2**64 - 1, device=2**63)
    await library.catalog.commit([Attached(task, huge, library.id("x"))])
    found = os.stat_result((0, huge.inode, huge.device, 1, 0, 0, huge.size, 0, 0, 0), {"st_mtime_ns": -1})
    assert await _under(library, "/a/2.jpg") == [entry_of("/a/2.jpg", found)]
