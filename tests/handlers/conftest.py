from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from handlers.counters import Counters
from handlers.progress import Progress
from store.catalog import Catalog
from store.records import (
    Failed,
    FileRecord,
    FileStat,
    ImageFacts,
    Indexed,
    JobKind,
    NewTask,
    Outcome,
    Root,
    Task,
    Unchanged,
    Vanished,
)
from store.roots import RootSpec

LONG_AGO = 1_600_000_000  # seconds since 1970: an mtime that is at rest


class Shelf:
    """A real catalog, and a stand-in for ingest that does in one step what tests need done."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.folder = folder  # the folder of the one root that most tests need
        self.progress = Progress()
        self.counters = Counters()
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def photo(self, name: str, content: bytes = b"photo", *, mtime: float = LONG_AGO) -> str:
        """Write a file below the folder, with an old mtime unless another is given."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (mtime, mtime))
        return str(path)

    async def watch(self, *specs: RootSpec) -> list[Root]:
        """Configured roots: those of the specs, or the folder alone."""
        return await self.catalog.roots.sync_config(specs or [RootSpec(str(self.folder), "default")])

    async def job(self) -> str:
        return (await self.catalog.jobs.create(JobKind.SCAN)).id

    async def index(self, root: Root, paths: Iterable[str]) -> None:
        """Make these paths present rows with the stats of the disk."""
        await self._commit_all(root, paths, _indexed)

    async def quarantine(self, root: Root, paths: Iterable[str]) -> None:
        await self._commit_all(
            root, paths, lambda task: Failed(task, stat_of(task.path), "DECODE_FAILED", "is no photo")
        )

    async def lose(self, root: Root, paths: Iterable[str]) -> None:
        """Make these paths missing rows."""
        await self._commit_all(root, paths, Vanished)

    async def queued(self) -> list[Task]:
        """All that is queued, in the order in which it would be done; the queue is empty after it."""
        tasks = await self.catalog.queue.lease(100_000)
        await self.catalog.commit([Unchanged(task) for task in tasks])
        return tasks

    async def queued_paths(self) -> list[str]:
        return [task.path for task in await self.queued()]

    async def rows(self, root: Root) -> dict[str, FileRecord]:
        return {row.path: row async for chunk in self.catalog.files.under(root.id) for row in chunk}

    async def _commit_all(self, root: Root, paths: Iterable[str], outcome: Callable[[Task], Outcome]) -> None:
        job_id = await self.job()
        await self.catalog.queue.put([NewTask(path, root.id, job_id) for path in paths])
        tasks = await self.catalog.queue.lease(100_000)
        await self.catalog.commit([outcome(task) for task in tasks])
        await self.catalog.jobs.close_job(job_id)


def _indexed(task: Task) -> Indexed:
    sha256 = hashlib.sha256(os.fsencode(task.path)).hexdigest()
    facts = ImageFacts(sha256, 5, 10, 10, "JPEG", "full")
    return Indexed(task, stat_of(task.path), facts, np.array([1, 0], np.float32))


def stat_of(path: str) -> FileStat:
    found = os.stat(path)  # noqa: PTH116 - the path is text of any bytes
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    folder = tmp_path / "photos"
    folder.mkdir()
    catalog = Catalog(tmp_path / "state")
    await catalog.open()
    await catalog.spaces.activate("space", "fake", 2, "{}")
    yield Shelf(catalog, folder)
    await catalog.close()


class Mounts:
    """Mounts real, empty file systems."""

    def __init__(self) -> None:
        self._points: list[Path] = []

    def mount(self, folder: Path) -> None:
        found = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            pytest.skip(f"mounts are not allowed here: {found.stderr.strip()}")
        self._points.append(folder)

    def unmount(self, folder: Path) -> None:
        subprocess.run(["umount", folder], check=True)
        self._points.remove(folder)

    def close(self) -> None:
        for folder in reversed(self._points):
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    mounts = Mounts()
    yield mounts
    mounts.close()
