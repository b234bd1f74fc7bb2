from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from store.errors import InvalidCursorError
from store.records import Attached, Failed, FileStat, FileState

if TYPE_CHECKING:
    from tests.store.conftest import Library

TREE = ["/a/d", "/a/d-x/1.jpg", "/a/d.jpg", "/a/d/1.jpg", "/a/d/e/2.jpg", "/a/d0.jpg", "/a/\udcff.jpg"]


async def _fill(library: Library, *paths: str) -> None:
    tasks = await library.lease(*paths)
    await library.catalog.commit([library.indexed(task, "same") for task in tasks])


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 5000])
async def test_under_gives_every_row_once_in_the_order_of_its_bytes(library: Library, chunk: int) -> None:
    await _fill(library, *TREE, "/b/d/1.jpg")
    seen: list[str] = []
    async for records in library.catalog.files.under(library.roots["/a"].id, chunk=chunk):
        assert 0 < len(records) <= chunk
        seen += [record.path for record in records]
    assert seen == sorted(TREE, key=os.fsencode)


@pytest.mark.parametrize("directory", ["/a/d", "/a/d/"])
async def test_under_a_folder_gives_it_and_what_lies_below(library: Library, directory: str) -> None:
    await _fill(library, *TREE)
    under = library.catalog.files.under(library.roots["/a"].id, directory, chunk=2)
    assert [record.path async for records in under for record in records] == [
        "/a/d",
        "/a/d/1.jpg",
        "/a/d/e/2.jpg",
    ]


async def test_under_gives_failed_and_missing_rows_too(library: Library) -> None:
    await _fill(library, "/a/1.jpg", "/a/2.jpg")
    await library.vanish("/a/2.jpg")
    await library.fail("/a/3.jpg")
    states = [r.state async for records in library.catalog.files.under(library.roots["/a"].id) for r in records]
    assert states == [FileState.PRESENT, FileState.MISSING, FileState.FAILED]
    files = library.catalog.files
    assert await files.count() == 3
    assert await files.count(library.roots["/a"].id, FileState.MISSING) == 1
    assert await files.count(library.roots["/b"].id) == 0
    assert await files.count(None, FileState.FAILED) == 1


async def test_by_identity_finds_the_same_file_whatever_its_name(library: Library) -> None:
    await library.index("/a/1.jpg", "x")
    await library.index("/a/gone.jpg", "y")
    await library.vanish("/a/gone.jpg")
    await library.fail("/a/failed.jpg")
    stat = library.stat("/a/1.jpg")
    others = [
        replace(stat, size=1),
        replace(stat, mtime_ns=2),
        replace(stat, inode=3),
        replace(stat, device=4),
    ]
    asked = [stat, stat, *others, library.stat("/a/gone.jpg"), library.stat("/a/failed.jpg")]
    found = await library.catalog.files.by_identity(asked)
    assert {s: [row.path for row in rows] for s, rows in found.items()} == {
        stat: ["/a/1.jpg"],
        library.stat("/a/gone.jpg"): ["/a/gone.jpg"],
    }
    assert await library.catalog.files.by_identity([]) == {}


async def test_by_identity_knows_inodes_of_64_bits(library: Library) -> None:
    huge = FileStat(size=2**40, mtime_ns=1_700_000_000_123_456_789, inode=2**64 - 1, device=2**63)
    await library.index("/a/1.jpg", "x")
    (task,) = await library.lease("/a/2.jpg")
    await library.catalog.commit([Attached(task, huge, library.id("x"))])
    found = await library.catalog.files.by_identity([huge])
    assert [(row.path, row.stat) for row in found[huge]] == [("/a/2.jpg", huge)]


async def test_thousands_of_keys_are_no_trouble(library: Library) -> None:
    await _fill(library, *(f"/a/{n}.jpg" for n in range(1200)))
    paths = [f"/a/{n}.jpg" for n in range(40_000)]
    assert len(await library.catalog.files.by_paths(paths)) == 1200
    assert len(await library.catalog.files.by_identity([library.stat(path) for path in paths])) == 1200


async def test_failures_come_in_pages_the_newest_first(library: Library) -> None:
    for n in range(5):
        await library.fail(f"/a/{n}.jpg")
    tasks = await library.lease("/a/5.jpg", "/a/6.jpg")  # failed in the same moment
    await library.catalog.commit([Failed(task, library.stat(task.path), "TOO_LARGE", "big") for task in tasks])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await library.catalog.files.failures(2, cursor)
        seen += [failure.path for failure in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen[:2] in (["/a/5.jpg", "/a/6.jpg"], ["/a/6.jpg", "/a/5.jpg"])
    assert sorted(seen) == [f"/a/{n}.jpg" for n in range(7)]
    with pytest.raises(InvalidCursorError):
        await library.catalog.files.failures(2, "nonsense")


async def test_failed_paths_are_all_or_those_asked_for(library: Library) -> None:
    await library.fail("/a/1.jpg")
    await library.fail("/b/2.jpg")
    await library.index("/a/3.jpg", "x")
    a, b = library.roots["/a"].id, library.roots["/b"].id
    files = library.catalog.files
    assert await files.failed_paths() == [("/a/1.jpg", a), ("/b/2.jpg", b)]
    assert await files.failed_paths(["/b/2.jpg", "/a/3.jpg", "/a/none.jpg"]) == [("/b/2.jpg", b)]
