from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlers.errors import (
    DirectoryEmptyError,
    DirectoryNotFoundError,
    HandlerError,
    OutsideRootsError,
    PermissionDeniedError,
)
from handlers.intake import Intake
from handlers.library import Library
from handlers.offline import RootPresence
from handlers.scan import Scanner
from handlers.settings import HandlerSettings, WatchSettings
from handlers.watcher import Watcher
from store.errors import CatalogUnavailableError, ConflictError
from store.records import JobKind, JobRecord, JobState, Priority, RootOrigin

if TYPE_CHECKING:
    from tests.handlers.conftest import Shelf

DEADLINE = 10.0


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A folder below a browse root, which is no watch root."""
    card = tmp_path / "media" / "card"
    card.mkdir(parents=True)
    return card


@pytest.fixture
async def library(shelf: Shelf, card: Path) -> AsyncIterator[Library]:
    settings = HandlerSettings(settle=0.3, patience=3)
    presence = RootPresence(shelf.catalog)
    scanner = Scanner(shelf.catalog, presence, settings, shelf.counters)
    intake = Intake(shelf.catalog, Watcher(), scanner, presence, shelf.progress, shelf.counters, settings, shelf.wake)
    watch = [WatchSettings(path=shelf.folder, exclude=("private/",))]
    library = Library(shelf.catalog, scanner, presence, intake, shelf.progress, shelf.wake, [card.parent])
    await library.watch(watch)
    yield library
    await library.close()


async def finished(shelf: Shelf, job: JobRecord) -> tuple[JobRecord, dict[str, int]]:
    """The job when it is over, and what it queued: root ids by path."""
    queued: dict[str, int] = {}
    async with asyncio.timeout(DEADLINE):
        while True:
            queued |= {task.path: task.root_id for task in await shelf.queued()}
            now = await shelf.catalog.jobs.get(job.id)
            assert now is not None
            if now.state is not JobState.RUNNING:
                return now, queued
            await asyncio.sleep(0.01)


def photo(folder: Path, name: str, mtime: float = 1.0) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"photo")
    os.utime(folder / name, (mtime, mtime))
    return str(folder / name)


async def test_start_makes_the_configured_roots(shelf: Shelf, library: Library) -> None:
    (root,) = await library.roots()
    assert (root.path, root.collection, root.origin) == (str(shelf.folder), "default", RootOrigin.CONFIG)


async def test_folder_of_a_watch_root(shelf: Shelf, library: Library) -> None:
    inside = [shelf.photo("trip/a.jpg"), shelf.photo("trip/deep/b.jpg")]
    shelf.photo("beside.jpg")
    with shelf.progress.subscribe() as news:
        job = await library.ingest(str(shelf.folder / "trip/"))
        assert (job.kind, job.path, job.collection) == (JobKind.INGEST, str(shelf.folder / "trip"), "default")
        assert (await anext(news)).kind == "job"
    job, queued = await finished(shelf, job)
    (root,) = await library.roots()
    assert queued == dict.fromkeys(inside, root.id)
    assert (job.state, job.total) == (JobState.DONE, 2)
    assert shelf.woken


async def test_folder_outside_of_the_watch_roots_becomes_a_root_that_is_not_watched(
    shelf: Shelf, library: Library, card: Path
) -> None:
    path = photo(card, "a.jpg")
    _, queued = await finished(shelf, await library.ingest(str(card), "card"))
    (root,) = [root for root in await library.roots() if root.path == str(card)]
    assert (root.collection, root.origin, queued) == ("card", RootOrigin.INGEST, {path: root.id})


async def test_an_emptied_root_is_believed_when_that_is_asked_for(shelf: Shelf, library: Library) -> None:
    (root,) = await library.roots()
    path = shelf.photo("a.jpg")
    await shelf.index(root, [path])
    Path(path).unlink()
    with pytest.raises(DirectoryEmptyError):
        await library.ingest(root.path)
    job, queued = await finished(shelf, await library.ingest(root.path, accept_empty=True))
    assert (job.state, queued) == (JobState.DONE, {path: root.id})


async def test_only_a_root_as_a_whole_is_accepted_as_empty(shelf: Shelf, library: Library, card: Path) -> None:
    shelf.photo("trip/a.jpg")
    for path in (shelf.folder / "trip", card):
        with pytest.raises(ConflictError, match="no watch root"):
            await library.ingest(str(path), accept_empty=True)


async def test_one_file_is_urgent_and_its_job_complete(shelf: Shelf, library: Library, card: Path) -> None:
    for path in (shelf.photo("a.jpg"), photo(card, "b.jpg")):
        job = await library.ingest(path, None, True)
        assert (job.total, job.closed) == (1, True)
        (task,) = await shelf.queued()
        assert (task.path, task.priority, task.force) == (path, Priority.EVENT, True)


async def test_folder_with_another_collection_becomes_a_root_in_the_root(shelf: Shelf, library: Library) -> None:
    path = shelf.photo("kids/a.jpg")
    _, queued = await finished(shelf, await library.ingest(str(shelf.folder / "kids"), "kids"))
    inner = {root.path: root for root in await library.roots()}[str(shelf.folder / "kids")]
    assert (inner.collection, queued) == ("kids", {path: inner.id})
    whole = shelf.photo("b.jpg")
    _, queued = await finished(shelf, await library.ingest(str(shelf.folder)))
    assert set(queued) == {path, whole}  # the root in it is covered too


@pytest.mark.parametrize("name", ["", "a.jpg"])
async def test_watch_root_and_its_single_files_keep_their_collection(shelf: Shelf, library: Library, name: str) -> None:
    shelf.photo("a.jpg")
    with pytest.raises(ConflictError, match="default"):
        await library.ingest(str(shelf.folder / name), "other")


async def test_young_files_belong_to_the_job(shelf: Shelf, library: Library) -> None:
    path = shelf.photo("a.jpg", mtime=time.time())
    job, queued = await finished(shelf, await library.ingest(str(shelf.folder)))
    assert (list(queued), job.total, job.state) == ([path], 1, JobState.DONE)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("photos", DirectoryNotFoundError),
        ("", DirectoryNotFoundError),
        ("{folder}/\0", DirectoryNotFoundError),
        ("{folder}/none", DirectoryNotFoundError),
        ("{folder}/a.jpg/none", DirectoryNotFoundError),
        ("{folder}/empty", DirectoryEmptyError),
        ("{folder}/private", DirectoryEmptyError),
        ("{folder}/notes.txt", DirectoryEmptyError),
        ("{folder}/../none", OutsideRootsError),
        ("{folder}/way-out", OutsideRootsError),
        ("/", OutsideRootsError),
        ("/etc/passwd", OutsideRootsError),
    ],
)
async def test_what_is_refused(shelf: Shelf, library: Library, path: str, error: type[HandlerError]) -> None:
    for name in ("a.jpg", "private/a.jpg", "notes.txt", "empty/x.txt"):
        shelf.photo(name)
    (shelf.folder / "way-out").symlink_to("/")
    with pytest.raises(error):
        await library.ingest(path.replace("{folder}", str(shelf.folder)))
    assert (await shelf.catalog.jobs.recent(10)).items == []


async def test_unreadable_folder_is_refused(shelf: Shelf, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.photo("a.jpg")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionDeniedError):
        await library.ingest(str(shelf.folder))


async def test_browse_root_behind_a_link_is_allowed(shelf: Shelf, library: Library, card: Path) -> None:
    path = photo(card, "a.jpg")
    link = shelf.folder / "card"
    link.symlink_to(card)
    _, queued = await finished(shelf, await library.ingest(str(card)))
    assert list(queued) == [path]


async def test_fault_of_the_catalog_becomes_the_jobs(
    shelf: Shelf, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.photo("a.jpg")

    async def refusing(tasks: object) -> int:
        raise CatalogUnavailableError("locked")

    with monkeypatch.context() as patch:
        patch.setattr(shelf.catalog.queue, "put", refusing)
        job, _ = await finished(shelf, await library.ingest(str(shelf.folder)))
    assert (job.state, job.error_code, job.error_message) == (
        JobState.FAILED,
        "CATALOG_UNAVAILABLE",
        "locked",
    )


async def test_fault_of_our_own_becomes_the_jobs(
    shelf: Shelf, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.photo("a.jpg")

    async def broken(root_id: int, at: object) -> None:
        raise ValueError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(shelf.catalog.roots, "scanned", broken)
        job, _ = await finished(shelf, await library.ingest(str(shelf.folder)))
    assert (job.state, job.error_code, job.error_message) == (
        JobState.FAILED,
        "INTERNAL",
        "ValueError: a mistake",
    )


async def test_root_that_went_away_fails_the_job(
    shelf: Shelf, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = shelf.photo("a.jpg")
    (root,) = await library.roots()
    await shelf.index(root, [photo])
    job = await library.ingest(str(shelf.folder))
    shelf.folder.rename(shelf.folder.parent / "away")
    job, queued = await finished(shelf, job)
    assert (job.state, job.error_code, queued) == (JobState.FAILED, "DIR_NOT_FOUND", {})


async def test_retry_of_all_and_of_some_failures(shelf: Shelf, library: Library) -> None:
    paths = [shelf.photo("a.jpg"), shelf.photo("b.jpg")]
    (root,) = await library.roots()
    await shelf.quarantine(root, paths)
    for asked, expected in ((None, paths), ([paths[1], "/not/failed.jpg"], paths[1:]), ([], [])):
        job = await library.retry_failures(asked)
        assert (job.kind, job.total, job.closed) == (JobKind.RETRY, len(expected), True)
        tasks = await shelf.queued()
        assert [(task.path, task.force) for task in tasks] == [(path, False) for path in expected]


async def test_close_ends_running_scans(shelf: Shelf, library: Library) -> None:
    shelf.photo("a.jpg", mtime=time.time() + 3600)
    job = await library.ingest(str(shelf.folder))
    await library.close()
    left = await shelf.catalog.jobs.get(job.id)
    assert left is not None
    assert not left.closed
