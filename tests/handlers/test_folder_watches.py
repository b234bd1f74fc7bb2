"""Folders that move in, out and about under a real observer: what happens in them later is told under their names."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from handlers.watcher import Watcher
from store.records import Root, RootOrigin

DEADLINE = 10.0


@dataclass
class Watched:
    """A watched folder, one beside it, and the paths that the watcher has told of."""

    inside: Path
    outside: Path
    watcher: Watcher
    told: set[str] = field(default_factory=set)

    async def until_told(self, *paths: Path) -> None:
        expected = {str(path) for path in paths}
        try:
            async with asyncio.timeout(DEADLINE):
                while not expected <= self.told:
                    event = await self.watcher.events.get()
                    self.told |= {event.path, event.dest or event.path}
        except TimeoutError:
            pytest.fail(f"not told of {expected - self.told}")

    async def make(self, folder: Path) -> None:
        """Make a folder, and wait until it is told of: from then on it is watched."""
        folder.mkdir(parents=True)
        await self.until_told(self.inside / folder.relative_to(self.inside).parts[0])

    async def write(self, *folders: Path) -> None:
        """Write a photo into each folder, and wait until all are told of."""
        photos = [folder / f"{len(self.told)}.png" for folder in folders]
        for photo in photos:
            photo.write_bytes(b"photo")
        await self.until_told(*photos)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "inside", tmp_path / "outside", Watcher())
    watched.inside.mkdir()
    watched.outside.mkdir()
    await watched.watcher.sync([Root(1, str(watched.inside), 1, "default", RootOrigin.CONFIG)])
    yield watched
    await watched.watcher.stop()


async def test_a_folder_deleted_outside_after_its_name_was_used_again_disturbs_nobody(watched: Watched) -> None:
    trip = watched.inside / "trip"
    await watched.make(trip)
    trip.rename(watched.outside / "trip")
    watched.told.clear()
    await watched.make(trip)
    trip.rename(watched.inside / "holiday")
    await watched.write(watched.inside)  # once this is told, the move before it was read
    await watched.write(watched.inside / "holiday")
    shutil.rmtree(watched.outside / "trip")
    await watched.write(watched.inside, watched.inside / "holiday")


async def test_a_folder_that_comes_back_under_another_name_keeps_it(watched: Watched) -> None:
    await watched.make(watched.inside / "trip/inner")
    (watched.inside / "trip").rename(watched.outside / "trip")
    (watched.outside / "trip").rename(watched.inside / "back")
    (watched.inside / "trip").mkdir()
    (watched.inside / "trip").rename(watched.inside / "other")
    await watched.write(watched.inside)
    await watched.write(watched.inside / "back/inner", watched.inside / "other")


async def test_folders_that_move_before_their_events_are_read_are_watched_where_they_are(watched: Watched) -> None:
    folders = [watched.inside / f"{number}" for number in range(100)]
    for folder in folders:
        (watched.inside / "new").mkdir()
        (watched.inside / "new").rename(folder)
    await watched.until_told(*folders)
    await watched.write(watched.inside)
    await watched.write(*folders)


async def test_a_folder_that_moved_out_costs_no_watch(watched: Watched) -> None:
    def watches() -> int:
        infos = [Path(f"/proc/self/fdinfo/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
        return sum(info.read_text().count("inotify wd:") for info in infos if info.exists())

    before = watches()
    await watched.make(watched.inside / "trip/inner")
    assert watches() == before + 2
    (watched.inside / "trip").rename(watched.outside / "trip")
    await watched.write(watched.inside)
    assert watches() == before


async def test_an_observer_whose_thread_ended_is_replaced_and_its_roots_are_to_be_scanned(watched: Watched) -> None:
    await watched.write(watched.inside)
    assert await watched.watcher.sync([root := Root(1, str(watched.inside), 1, "default", RootOrigin.CONFIG)]) == []
    [reader] = [thread for thread in threading.enumerate() if type(thread).__name__ == "Inotify"]
    reader.stop()  # type: ignore[attr-defined]  # a watchdog BaseThread: as after a fault, it runs no more
    reader.join()
    assert await watched.watcher.sync([root]) == [root]
    await watched.write(watched.inside)
