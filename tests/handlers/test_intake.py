"""Real folders, real observers, a real catalog; ingest is a loop that leaves tasks queued."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlers.events import EventKind, FileEvent
from handlers.intake import Intake
from handlers.offline import RootPresence
from handlers.scan import Scanner
from handlers.settings import HandlerSettings
from handlers.watcher import Watcher
from store.errors import CatalogUnavailableError
from store.records import JobKind, JobRecord, JobState, Priority, RootState, Task
from store.roots import RootSpec

if TYPE_CHECKING:
    from tests.handlers.conftest import Shelf

DEADLINE = 15.0
SETTLE = 0.3


class Running:
    """An intake that runs, and what it has queued so far."""

    def __init__(self, shelf: Shelf, intake: Intake, watcher: Watcher) -> None:
        self.shelf = shelf
        self.intake = intake
        self.watcher = watcher
        self.tasks: list[Task] = []

    async def until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    self.tasks += await self.shelf.queued()
                    met = condition()
                    if met if isinstance(met, bool) else await met:
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"it did not come to that; queued were {self.paths}, jobs {await self.jobs()}")

    async def until_queued(self, *paths: str) -> None:
        await self.until(lambda: set(paths) <= set(self.paths))

    async def until_scanned(self, number: int = 1) -> None:
        async def scanned() -> bool:
            done = [job for job in await self.jobs(JobKind.SCAN) if job.state is not JobState.RUNNING]
            return len(done) >= number

        await self.until(scanned)

    async def until_no_job_runs(self) -> None:
        async def over() -> bool:
            return not await self.shelf.catalog.jobs.running()

        await self.until(over)

    @property
    def paths(self) -> list[str]:
        return [task.path for task in self.tasks]

    async def jobs(self, kind: JobKind | None = None) -> list[JobRecord]:
        return [job for job in (await self.shelf.catalog.jobs.recent(100)).items if kind is None or job.kind is kind]


@asynccontextmanager
async def running(shelf: Shelf, **settings: float) -> AsyncIterator[Running]:
    values = HandlerSettings.model_validate({"settle": SETTLE, "patience": 5, "rescan": 0, **settings})
    watcher = Watcher()
    presence = RootPresence(shelf.catalog)
    scanner = Scanner(shelf.catalog, presence, values, shelf.counters)
    intake = Intake(
        shelf.catalog, watcher, scanner, presence, shelf.progress, shelf.counters, values, shelf.wake, root_check=0.1
    )
    task = asyncio.create_task(intake.run())
    try:
        yield Running(shelf, intake, watcher)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


@pytest.fixture
async def intake(shelf: Shelf) -> AsyncIterator[Running]:
    """Watching the shelf's folder, after the scan at the start."""
    await shelf.watch()
    async with running(shelf) as started:
        await started.until_scanned()
        yield started


async def test_scan_at_the_start_finds_what_happened_meanwhile(shelf: Shelf) -> None:
    photo = shelf.photo("a.jpg")
    await shelf.watch()
    async with running(shelf) as started:
        await started.until_queued(photo)
        await started.until_no_job_runs()
        (job,) = await started.jobs(JobKind.SCAN)
        assert (job.state, job.total, job.path, job.collection) == (
            JobState.DONE,
            1,
            str(shelf.folder),
            "default",
        )
        (line,) = await shelf.catalog.jobs.log_of(job.id)
        assert line.message == f"{shelf.folder}: scanned 1 files, 1 new"


async def test_scan_that_finds_nothing_is_done_with_nothing(intake: Running) -> None:
    (job,) = await intake.jobs()
    assert (job.kind, job.state, job.total) == (JobKind.SCAN, JobState.DONE, 0)
    (line,) = await intake.shelf.catalog.jobs.log_of(job.id)
    assert line.message.endswith("scanned 0 files, nothing changed")


async def test_dropped_file_is_queued_once_it_is_at_rest_under_one_job(intake: Running) -> None:
    written = time.time()
    photo = intake.shelf.photo("a.jpg", mtime=written)
    await intake.until_queued(photo)
    assert time.time() >= written + SETTLE
    await intake.until_no_job_runs()
    (task,) = intake.tasks
    assert task.priority is Priority.EVENT
    (job,) = await intake.jobs(JobKind.EVENTS)
    assert (job.id, job.total, job.state) == (task.job_id, 1, JobState.DONE)
    assert intake.shelf.woken
    assert intake.shelf.counters.events


async def test_file_written_slowly_is_taken_when_it_is_through(intake: Running) -> None:
    path = intake.shelf.folder / "slow.jpg"
    with path.open("wb") as file:
        for _ in range(8):
            file.write(b"x" * 1000)
            file.flush()
            await asyncio.sleep(SETTLE / 3)
        assert intake.paths == []
        assert await intake.shelf.queued() == []
    await intake.until_queued(str(path))
    assert len(intake.paths) == 1


async def test_file_that_never_rests_is_taken_when_patience_ends(shelf: Shelf) -> None:
    await shelf.watch()
    async with running(shelf, patience=0.8) as started:
        await started.until_scanned()
        path = shelf.folder / "log.jpg"
        with path.open("wb") as file:

            async def written_on() -> bool:
                file.write(b"x")
                file.flush()
                return str(path) in started.paths

            await started.until(written_on)


async def test_rename_from_a_temporary_name_and_within_the_root(intake: Running) -> None:
    photo = intake.shelf.folder / "a.jpg"
    Path(intake.shelf.photo("a.jpg.part")).rename(photo)
    await intake.until_queued(str(photo))
    renamed = photo.rename(intake.shelf.folder / "b.jpg")
    await intake.until_queued(str(renamed))
    await intake.until_no_job_runs()
    assert intake.paths == [str(photo), str(renamed), str(photo)]  # arrivals first


async def test_deleted_and_moved_out_files_are_queued(intake: Running) -> None:
    deleted, moved = intake.shelf.photo("a.jpg"), intake.shelf.photo("b.jpg")
    await intake.until_queued(deleted, moved)
    intake.tasks.clear()
    Path(deleted).unlink()
    Path(moved).rename(intake.shelf.folder.parent / "b.jpg")
    await intake.until_queued(deleted, moved)


async def test_folder_moved_in_is_scanned_under_the_burst(intake: Running) -> None:
    shelf = intake.shelf
    outside = shelf.folder.parent / "trip"
    outside.mkdir()
    for number in range(5):
        (outside / f"{number}.jpg").write_bytes(b"photo")
        os.utime(outside / f"{number}.jpg", (1, 1))
    moved = outside.rename(shelf.folder / "trip")
    await intake.until_queued(*(str(moved / f"{number}.jpg") for number in range(5)))
    await intake.until_no_job_runs()
    assert {task.priority for task in intake.tasks} == {Priority.SCAN}
    (job,) = await intake.jobs(JobKind.EVENTS)
    assert (job.total, job.state) == (5, JobState.DONE)


async def test_renamed_folder_queues_the_new_paths_before_the_old(intake: Running) -> None:
    shelf = intake.shelf
    old = [shelf.photo(f"a/{number}.jpg") for number in range(5)]
    await intake.until_queued(*old)
    (root,) = await shelf.catalog.roots.all()
    await shelf.index(root, old)
    intake.tasks.clear()
    (shelf.folder / "a").rename(shelf.folder / "z")
    new = [path.replace("/a/", "/z/") for path in old]
    await intake.until_queued(*new, *old)
    assert intake.paths == [*new, *old]


async def test_flood_is_scanned_and_nothing_of_it_is_lost(intake: Running) -> None:
    paths = [intake.shelf.photo(f"{number % 7}/{number}.jpg", mtime=time.time()) for number in range(700)]
    await intake.until_queued(*paths)
    await intake.until_no_job_runs()
    assert sum(job.total for job in await intake.jobs(JobKind.EVENTS)) >= 700
    assert intake.shelf.counters.scans > 1


async def test_overflow_scans_the_root(intake: Running) -> None:
    shelf = intake.shelf
    photo = shelf.photo("a.jpg")
    await intake.until_queued(photo)
    intake.tasks.clear()
    intake.watcher.events.put_nowait(FileEvent(EventKind.OVERFLOW, str(shelf.folder), is_directory=True))
    await intake.until_queued(photo)


async def test_young_files_of_a_scan_are_taken_when_they_are_at_rest(shelf: Shelf) -> None:
    await shelf.watch()
    young, future = shelf.photo("a.jpg", mtime=time.time()), shelf.photo("b.jpg", mtime=time.time() + 3600)
    async with running(shelf) as started:
        await started.until_queued(young, future)
        assert len(started.tasks) == 2


async def test_root_that_comes_back_is_scanned_and_watched_again(intake: Running) -> None:
    shelf = intake.shelf
    away = shelf.folder.parent / "away"
    shelf.folder.rename(away)

    async def state_is(state: RootState) -> bool:
        (root,) = await shelf.catalog.roots.all()
        return root.state is state

    await intake.until(lambda: state_is(RootState.OFFLINE))
    (away / "meanwhile.jpg").write_bytes(b"photo")
    os.utime(away / "meanwhile.jpg", (1, 1))
    away.rename(shelf.folder)
    await intake.until_queued(str(shelf.folder / "meanwhile.jpg"))
    assert await state_is(RootState.ONLINE)
    await intake.until_queued(shelf.photo("then.jpg"))


async def test_root_that_nobody_watches_is_looked_at_too(intake: Running) -> None:
    catalog = intake.shelf.catalog
    card = intake.shelf.folder.parent / "card"
    card.mkdir()
    root = await catalog.roots.ensure_ingest(str(card), "card")
    card.rmdir()

    async def offline() -> bool:
        return (await catalog.roots.get(root.id) or root).state is RootState.OFFLINE

    await intake.until(offline)


async def test_inner_root_gets_its_own_tasks(shelf: Shelf) -> None:
    inner_path = shelf.folder / "inner"
    inner_path.mkdir()
    outer, inner = await shelf.watch(RootSpec(str(shelf.folder), "default"), RootSpec(str(inner_path), "kids"))
    async with running(shelf) as started:
        await started.until_scanned(2)
        theirs, ours = shelf.photo("inner/a.jpg"), shelf.photo("b.jpg")
        await started.until_queued(theirs, ours)
        assert {task.path: task.root_id for task in started.tasks} == {theirs: inner.id, ours: outer.id}


async def test_periodic_scan(shelf: Shelf) -> None:
    await shelf.watch()
    async with running(shelf, rescan=0.2) as started:
        await started.until_scanned(3)


async def test_catalog_that_is_away_for_a_while_is_waited_out(intake: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.intake.STORE_RETRY", 0.1)
    put, failures = intake.shelf.catalog.queue.put, 2

    async def refusing(tasks: list[object]) -> int:
        nonlocal failures
        if failures:
            failures -= 1
            raise CatalogUnavailableError("locked")
        return await put(tasks)  # type: ignore[arg-type]

    monkeypatch.setattr(intake.shelf.catalog.queue, "put", refusing)
    await intake.until_queued(intake.shelf.photo("a.jpg"))
    await intake.until_no_job_runs()


async def test_close_takes_no_more_and_leaves_nothing_running(intake: Running) -> None:
    await intake.intake.close()
    await intake.intake.close()
    intake.shelf.photo("a.jpg")
    assert intake.watcher.method(1) is None
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("intake-")]


async def test_rested_waits_for_rest_and_no_longer_than_patience(shelf: Shelf) -> None:
    await shelf.watch()
    async with running(shelf, patience=1.0) as started:
        young, gone = shelf.photo("a.jpg", mtime=time.time()), str(shelf.folder / "gone.jpg")
        assert await started.intake.rested([young, gone]) == [young, gone]
        assert time.time() >= Path(young).stat().st_mtime + SETTLE
        assert await started.intake.rested([]) == []
