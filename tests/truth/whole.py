"""The whole daemon inside a test: every part as `daemon.wiring` wires it, on an event loop in a thread of its own.

So the test itself may block in the folders that are watched, while the daemon works on what it does there.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from daemon import wiring
from daemon.config import Config
from daemon.wiring import Daemon, Engines, open_engines
from handlers.watcher import Watcher
from ml.decode.pool import DecodePool, OpenPhoto
from ml.decode.types import DecodedPhoto, ReadResult
from ml.decode.wire import DecodeOptions
from store.consistency import check
from store.records import FileRecord, FileStat, FileState, ImageRecord, JobState, Root, image_id_of
from tests.truth.disorder import LONG_AGO, Disorder, OnDisk, new_photo

DEADLINE = 30.0  # seconds until what should have settled counts as stuck
BEACON = "beacon.png"

_T = TypeVar("_T")


class WitnessedPhoto:
    """An open photo that notes what is decoded."""

    def __init__(self, photo: OpenPhoto, decodes: Counter[str]) -> None:
        self._photo = photo
        self._decodes = decodes

    @property
    def read(self) -> ReadResult:
        return self._photo.read

    async def decode(self) -> DecodedPhoto:
        decoded = await self._photo.decode()
        self._decodes[self.read.sha256] += 1
        return decoded


class WitnessedPool(DecodePool):
    """A decode pool that counts how often each content was decoded."""

    def __init__(self, decodes: Counter[str], workers: int, options: DecodeOptions) -> None:
        super().__init__(workers, options)
        self._decodes = decodes

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[Any]:
        async with super().open(path) as photo:
            yield WitnessedPhoto(photo, self._decodes)


class BlindWatcher(Watcher):
    """Sees nothing, so that only scans can know."""

    async def sync(self, roots: Sequence[Root]) -> list[Root]:
        return []


class WholeDaemon:
    """A running daemon on watch roots, with the fake model; a context manager.

    `wait` returns once all that has happened on the disk is worked off, which each root's beacon tells: a file that
    is touched last. inotify keeps the order, so when its new mtime is indexed, all earlier events have been taken in,
    and then it is over when no job runs and the queue is empty.
    """

    def __init__(
        self, home: Path, roots: Sequence[Path], *, blind: bool = False, follow_symlinks: bool = False
    ) -> None:
        self.roots = roots
        self.decodes: Counter[str] = Counter()
        self.beacons: set[str] = set()  # their contents' SHA-256
        self._blind = blind
        self._follow_symlinks = follow_symlinks
        self._config = Config.model_validate(
            {
                "watch": [{"path": root, "collection": root.name} for root in roots],
                "daemon": {"state_dir": home / "state"},
                "handlers": {
                    "settle": "100ms",
                    "patience": "3s",
                    "rescan": "0s",
                    "follow_symlinks": follow_symlinks,
                },
                "ml": {"model": "fake", "decode_workers": 1, "max_wait_ms": 5},
                "api": {"port": 0},
            }
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="whole-daemon")
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._beats = itertools.count()
        self.engines: Engines
        self.daemon: Daemon

    def __enter__(self) -> Self:
        for root in self.roots:
            root.mkdir(parents=True, exist_ok=True)
            (root / BEACON).write_bytes(beacon := new_photo())
            self.beacons.add(hashlib.sha256(beacon).hexdigest())
        self._thread.start()
        try:
            self.run(self._start())
            self.settle()  # after it the roots are watched
        except BaseException:
            self._close_loop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._end())
        finally:
            self._close_loop()

    def _close_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something on the daemon's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * DEADLINE)

    async def _start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wiring, "DecodePool", partial(WitnessedPool, self.decodes))
            if self._blind:
                patch.setattr(wiring, "Watcher", BlindWatcher)
            self.engines = await open_engines(self._stack, self._config)
            self.daemon = Daemon(self._config, self.engines, self._stack)
        await self.daemon.start()
        self._tasks = [asyncio.create_task(run(), name=name) for name, run in self.daemon.tasks().items()]

    async def _end(self) -> None:
        await self.daemon.farewell().run()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.daemon.close().run()

    # -- until it has settled

    def settle(self) -> None:
        """Return once everything that happened on the disk is worked off."""
        self.run(self._scan() if self._blind else self._watch())

    async def _scan(self) -> None:
        """Only a scan can know: ask for one."""
        jobs = [await self.daemon.library.ingest(str(root)) for root in self.roots]
        await self._until(lambda: self._done([job.id for job in jobs]))

    async def _watch(self) -> None:
        """Only events can know: touch the beacons, and wait until that is taken in with all before it."""
        at = LONG_AGO - next(self._beats)
        for root in self.roots:
            os.utime(root / BEACON, (at, at))
        await self._until(self._has_settled)

    async def _has_settled(self) -> bool:
        beacons = [str(root / BEACON) for root in self.roots]
        rows = await self.engines.catalog.files.by_paths(beacons)
        if any(path not in rows or rows[path].stat != stat_of(path) for path in beacons):
            return False
        return await self._is_idle()

    async def _is_idle(self) -> bool:
        depth = await self.engines.catalog.queue.depth()
        idle = not any(astuple(depth)) and not await self.engines.catalog.jobs.running()
        if idle:
            await self.daemon.committer.drained()  # the points that the last commit left stale
        return idle

    async def _done(self, job_ids: Sequence[str]) -> bool:
        jobs = [await self.engines.catalog.jobs.get(job_id) for job_id in job_ids]
        return all(job is not None and job.state is JobState.DONE for job in jobs) and await self._is_idle()

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                while not await condition():
                    for task in self._tasks:
                        assert not task.done(), f"{task.get_name()} ended: {task}"
                    await asyncio.sleep(0.01)
        except TimeoutError:
            catalog = self.engines.catalog
            jobs = await catalog.jobs.running()
            raise AssertionError(f"it never settled: {await catalog.queue.depth()}, {jobs}") from None

    # -- index = disk

    def look(self, disorder: Disorder) -> None:
        """Let it settle, and compare."""
        self.settle()
        self.compare(disorder)

    def compare(self, disorder: Disorder) -> None:
        """Assert that the index holds of every root what is on the disk, and nothing else anywhere."""
        self.run(self._compare(disorder))

    async def _compare(self, disorder: Disorder) -> None:
        rows = {
            row.path: row
            for root in await self.engines.catalog.roots.all()
            async for chunk in self.engines.catalog.files.under(root.id)
            for row in chunk
            if row.state is not FileState.MISSING
        }
        expected = {root: self._expected(disorder, root, rows) for root in self.roots}
        compare_files({path: one for files in expected.values() for path, one in files.items()}, rows)
        await self._compare_images(expected)
        engines = self.engines
        assert not await check(engines.catalog, engines.index, engines.thumbnails)
        assert await engines.catalog.stale.take(1) == []
        twice = {sha256: count for sha256, count in self.decodes.items() if count > 1}
        assert not twice, "decoded more than once"

    def _expected(self, disorder: Disorder, root: Path, rows: Collection[str]) -> dict[str, OnDisk]:
        """What must be known of a root. By which of several links a folder is entered is the scan's to choose."""
        expected = disorder.expected(root)
        if self._follow_symlinks:
            there = [path for path in rows if path.startswith(f"{root}/") and os.path.exists(path)]  # noqa: PTH110
            assert {os.path.realpath(path) for path in there} == disorder.reachable(root)
            expected |= {path: disorder.content(path) for path in there}
        return expected

    async def _compare_images(self, expected: Mapping[Path, Mapping[str, OnDisk]]) -> None:
        """Every content is one image, with all its files and in the collections of their roots."""
        files: defaultdict[str, set[str]] = defaultdict(set)
        collections: defaultdict[str, set[str]] = defaultdict(set)
        for root, there in expected.items():
            for path, one in there.items():
                if one.whole:
                    files[image_id_of(one.sha256)].add(path)
                    collections[image_id_of(one.sha256)].add(root.name)
        images = {image.id: image for image in await self._images()}
        assert {image_id: set(image.files) for image_id, image in images.items()} == files
        assert {image_id: set(image.collections) for image_id, image in images.items()} == collections

    async def _images(self) -> list[ImageRecord]:
        page = await self.engines.catalog.images.page(500)
        images = page.items
        while page.next_cursor is not None:
            page = await self.engines.catalog.images.page(500, page.next_cursor)
            images += page.items
        return images


def compare_files(expected: Mapping[str, OnDisk], rows: Mapping[str, FileRecord]) -> None:
    """Every file on the disk has its row, as it is, and no other row is there."""
    assert {ascii(path) for path in rows} == {ascii(path) for path in expected}
    for path, one in expected.items():
        row = rows[path]
        assert row.stat == stat_of(path), f"{row}, on disk {stat_of(path)}"
        state, image_id = (FileState.PRESENT, image_id_of(one.sha256)) if one.whole else (FileState.FAILED, None)
        assert (row.state, row.image_id) == (state, image_id), f"{row}, on disk {one}"


def stat_of(path: str) -> FileStat:
    """What the catalog holds of a file that is as it is now."""
    found = os.stat(path)  # noqa: PTH116 - names are any bytes
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)
