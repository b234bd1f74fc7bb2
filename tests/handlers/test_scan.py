from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from handlers.offline import RootPresence
from handlers.scan import Scanner, ScanReport
from handlers.settings import HandlerSettings
from store.records import FileState, Priority, Root, RootState, Task
from store.roots import RootSpec

if TYPE_CHECKING:
    from tests.handlers.conftest import Mounts, Shelf


@pytest.fixture
def scanner(shelf: Shelf) -> Scanner:
    return Scanner(shelf.catalog, RootPresence(shelf.catalog), HandlerSettings(), shelf.counters)


@pytest.fixture
async def root(shelf: Shelf) -> Root:
    (root,) = await shelf.watch()
    return root


@pytest.fixture
def scan(shelf: Shelf, scanner: Scanner) -> Scan:
    return Scan(shelf, scanner)


class Scan:
    """Runs scans, each as a job of its own."""

    def __init__(self, shelf: Shelf, scanner: Scanner) -> None:
        self._shelf = shelf
        self._scanner = scanner

    async def __call__(self, root: Root, directory: str | None = None, *, force: bool = False) -> ScanReport:
        job_id = await self._shelf.job()
        report = await self._scanner.scan(root, directory, job_id, wake=self._shelf.wake, force=force)
        await self._shelf.catalog.jobs.close_job(job_id)
        return report


async def test_new_files_are_queued_at_the_priority_of_a_scan(shelf: Shelf, scan: Scan, root: Root) -> None:
    paths = [shelf.photo("b/2.jpg"), shelf.photo("a.jpg"), shelf.photo("b-c/1.jpg")]
    shelf.photo("notes.txt")
    report = await scan(root)
    assert (report.seen, report.new, report.changed, report.missing) == (3, 3, 0, 0)
    tasks = await shelf.queued()
    assert sorted(task.path for task in tasks) == sorted(paths)
    assert {(task.priority, task.root_id, task.force) for task in tasks} == {(Priority.SCAN, root.id, False)}
    assert shelf.woken


async def test_unchanged_files_are_not_queued_and_the_root_counts_as_scanned(
    shelf: Shelf, scan: Scan, root: Root
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg"), shelf.photo("b.jpg")])
    report = await scan(root)
    assert (report.seen, report.new, report.changed, report.missing) == (2, 0, 0, 0)
    assert await shelf.queued() == []
    assert not shelf.woken
    (root,) = await shelf.catalog.roots.all()
    assert root.last_scan_at is not None
    assert shelf.counters.scans == 1


async def test_force_queues_all_files_and_says_so(shelf: Shelf, scan: Scan, root: Root) -> None:
    paths = [shelf.photo("a.jpg"), shelf.photo("b.jpg")]
    await shelf.index(root, paths)
    await scan(root, force=True)
    tasks = await shelf.queued()
    assert [(task.path, task.force) for task in tasks] == [(path, True) for path in paths]


async def test_changed_returned_and_missing_files_are_queued_arrivals_first(
    shelf: Shelf, scan: Scan, root: Root
) -> None:
    gone, kept, changed = shelf.photo("a_gone.jpg"), shelf.photo("kept.jpg"), shelf.photo("changed.jpg")
    back = shelf.photo("back.jpg")
    await shelf.index(root, [gone, kept, changed, back])
    await shelf.lose(root, [back])
    Path(gone).unlink()
    shelf.photo("changed.jpg", b"other content")
    new = shelf.photo("z_new.jpg")
    report = await scan(root)
    assert (report.seen, report.new, report.changed, report.missing) == (4, 1, 2, 1)
    assert await shelf.queued_paths() == [back, changed, new, gone]


async def test_quarantined_files_are_left_alone_until_they_change(shelf: Shelf, scan: Scan, root: Root) -> None:
    bad = shelf.photo("bad.jpg")
    await shelf.quarantine(root, [bad])
    assert (await scan(root)).changed == 0
    shelf.photo("bad.jpg", b"repaired")
    assert (await scan(root)).changed == 1
    assert await shelf.queued_paths() == [bad]


async def test_young_files_are_returned_and_not_queued(shelf: Shelf, scan: Scan, root: Root) -> None:
    young, future = shelf.photo("a.jpg", mtime=time.time()), shelf.photo("b.jpg", mtime=time.time() + 3600)
    report = await scan(root)
    assert report.young == [young, future]
    assert await shelf.queued() == []


async def test_folder_of_a_root_is_scanned_alone(shelf: Shelf, scan: Scan, root: Root) -> None:
    beside, inside = shelf.photo("d-e/a.jpg"), shelf.photo("d/a.jpg")
    lost_beside, lost_inside = shelf.photo("d.jpg"), shelf.photo("d/e/b.jpg")
    await shelf.index(root, [lost_beside, lost_inside])
    Path(lost_beside).unlink()
    Path(lost_inside).unlink()
    report = await scan(root, str(shelf.folder / "d"))
    assert (report.seen, report.new, report.missing) == (1, 1, 1)
    assert await shelf.queued_paths() == [inside, lost_inside]
    assert beside not in await shelf.rows(root)


async def test_folder_that_is_gone_leaves_its_rows_missing(shelf: Shelf, scan: Scan, root: Root) -> None:
    await shelf.index(root, [shelf.photo("d/a.jpg"), shelf.photo("keep.jpg")])
    (shelf.folder / "d" / "a.jpg").unlink()
    (shelf.folder / "d").rmdir()
    assert (await scan(root, str(shelf.folder / "d"))).missing == 1
    assert await shelf.queued_paths() == [str(shelf.folder / "d" / "a.jpg")]


async def test_inner_root_owns_its_files_and_rows_below_it_are_its_own(shelf: Shelf, scan: Scan, root: Root) -> None:
    """Also those rows that the outer root had before the inner one came to be."""
    theirs = shelf.photo("inner/a.jpg")
    await shelf.index(root, [theirs])
    ours = shelf.photo("b.jpg")
    outer, inner = await shelf.watch(
        RootSpec(str(shelf.folder), "default"), RootSpec(str(shelf.folder / "inner"), "kids")
    )
    report = await scan(outer)
    assert (report.seen, report.missing) == (1, 0)
    assert await shelf.queued_paths() == [ours]
    assert (await scan(inner)).new == 1
    assert [(task.path, task.root_id) for task in await shelf.queued()] == [(theirs, inner.id)]


async def test_excluded_and_flat_roots(shelf: Shelf, scan: Scan) -> None:
    top = shelf.photo("a.jpg")
    shelf.photo("private/b.jpg")
    deep = shelf.photo("deep/c.jpg")
    (root,) = await shelf.watch(RootSpec(str(shelf.folder), "default", exclude=("private/",)))
    await scan(root)
    assert await shelf.queued_paths() == [top, deep]
    (root,) = await shelf.watch(RootSpec(str(shelf.folder), "default", recursive=False))
    await scan(root)
    assert await shelf.queued_paths() == [top]


async def state_of(shelf: Shelf) -> RootState:
    (root,) = await shelf.catalog.roots.all()
    return root.state


async def test_root_that_is_gone_is_offline_and_loses_nothing(shelf: Shelf, scan: Scan, root: Root) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    shelf.folder.rename(shelf.folder.parent / "away")
    report = await scan(root)
    assert report.offline == "does not exist"
    assert await state_of(shelf) is RootState.OFFLINE
    assert await shelf.queued() == []
    assert await shelf.catalog.files.count(root.id, FileState.PRESENT) == 1


@pytest.mark.parametrize("dropping", [None, ".stfolder/x", "lost+found/x", "notes.txt"])
async def test_root_that_looks_empty_is_offline_until_it_does_not(
    shelf: Shelf, scan: Scan, root: Root, dropping: str | None
) -> None:
    photo = shelf.photo("a.jpg")
    await shelf.index(root, [photo])
    Path(photo).unlink()
    if dropping:
        shelf.photo(dropping)
    with capture_logs() as logs:
        report = await scan(root)
    assert report.offline is not None
    assert "is empty" in report.offline
    assert await state_of(shelf) is RootState.OFFLINE
    assert await shelf.queued() == []
    assert [line["state"] for line in logs if line["event"] == "root_state"] == ["offline"]
    shelf.photo("b.jpg")
    (root,) = await shelf.catalog.roots.all()
    assert (await scan(root)).missing == 1
    assert await state_of(shelf) is RootState.ONLINE


async def test_empty_root_that_nothing_is_known_of_is_online(shelf: Shelf, scan: Scan, root: Root) -> None:
    assert (await scan(root)).offline is None
    assert await state_of(shelf) is RootState.ONLINE


async def test_disk_that_goes_away_during_the_walk_is_no_deletion(
    shelf: Shelf, scan: Scan, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.index(root, [shelf.photo("d/a.jpg"), shelf.photo("e/b.jpg")])
    scandir = os.scandir

    def unplugged(path: str) -> object:
        if path.endswith("/d"):
            shelf.folder.rename(shelf.folder.parent / "away")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", unplugged)
    report = await scan(root)
    assert report.offline == "does not exist"
    assert report.missing == 0
    assert await shelf.queued() == []


async def test_what_lay_on_a_disk_in_the_root_that_is_not_mounted_is_not_missing(
    shelf: Shelf, scan: Scan, root: Root, mounts: Mounts
) -> None:
    (shelf.folder / "disk").mkdir()
    mounts.mount(shelf.folder / "disk")
    gone, hidden = shelf.photo("gone.jpg"), shelf.photo("disk/a.jpg")
    await shelf.index(root, [gone, shelf.photo("kept.jpg"), hidden])
    await scan(root)
    mounts.unmount(shelf.folder / "disk")
    Path(gone).unlink()
    report = await scan(root)
    assert (report.missing, report.hidden, report.offline) == (1, 1, None)
    assert await shelf.queued_paths() == [gone]


async def test_rows_of_a_folder_that_cannot_be_read_are_left_alone(
    shelf: Shelf, scan: Scan, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.index(root, [shelf.photo("bad/a.jpg"), shelf.photo("gone.jpg"), shelf.photo("z.jpg")])
    (shelf.folder / "gone.jpg").unlink()
    scandir = os.scandir

    def failing(path: str) -> object:
        if path.endswith("/bad"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with capture_logs() as logs:
        report = await scan(root)
    assert report.unreadable == [str(shelf.folder / "bad")]
    assert await shelf.queued_paths() == [str(shelf.folder / "gone.jpg")]
    assert [line["first"] for line in logs if line["event"] == "unreadable"] == report.unreadable


async def test_more_files_than_chunks_hold(
    shelf: Shelf, scan: Scan, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.scan.CHUNK", 7)
    paths = [shelf.photo(f"{number % 5}/{number}.jpg") for number in range(60)]
    await shelf.index(root, paths[:40])
    for path in paths[10:20]:
        Path(path).unlink()
    report = await scan(root)
    assert (report.seen, report.new, report.changed, report.missing) == (50, 20, 0, 10)
    tasks: list[Task] = await shelf.queued()
    assert {task.path for task in tasks} == {*paths[40:], *paths[10:20]}
    assert {task.path for task in tasks[-10:]} == set(paths[10:20])
