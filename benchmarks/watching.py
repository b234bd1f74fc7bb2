"""What a library of 100,000 photos costs to watch, and what happens when thousands of files change at once.

    .venv/bin/python benchmarks/watching.py [--files 100000]

One library, one run, the fake model (so that watching and not the model is measured), default settle of 2 s:

- a scan that finds nothing changed, beside a bare `os.scandir` + `stat` walk of the same folders;
- the daemon on it: start, memory, and processor time while nothing happens;
- 10,000 photos copied in at once, and two folders of 5,000 of them renamed.

The library's files hold a byte each and are committed as the ingest commits photos, with vectors; the 10,000 are real
JPEGs. Ends with exit code 1 if a promise is not kept. Wall times suffer on a busy machine, processor times hardly.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
from PIL import Image

from daemon.config import load_config
from daemon.demo.process import DaemonProcess
from daemon.wiring import Engines, open_engines
from handlers.counters import Counters
from handlers.offline import RootPresence
from handlers.scan import Scanner
from handlers.settings import HandlerSettings
from store.records import FileStat, ImageFacts, Indexed, JobKind, NewTask, Root
from store.roots import RootSpec
from store.vectors.protocol import Point

FOLDER = 100  # files in a folder of the library
LONG_AGO = 1_600_000_000  # seconds since 1970: mtimes of files that are at rest
ROUNDS = 5  # of walk and scan, in turn
IDLE = 30.0  # seconds
FLOOD = 10_000  # photos copied in, half of them in one folder, half in folders of FOLDER
PATIENCE = 180.0  # seconds that anything may take before the benchmark gives up


class Promises:
    """Figures beside what was promised of them."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def tell(self, what: str, value: float, unit: str, *, at_most: float | None = None) -> None:
        print(f"  {what:<52} {value:8.2f} {unit}", end="")
        if at_most is None:
            print()
            return
        kept = value <= at_most
        print(f"   promise: at most {at_most:g} {unit}{'' if kept else '   NOT KEPT'}")
        if not kept:
            self.broken.append(what)

    def exactly(self, what: str, value: int, expected: int) -> None:
        kept = value == expected
        print(f"  {what:<52} {value:8}{'' if kept else f'   promise: {expected}   NOT KEPT'}")
        if not kept:
            self.broken.append(what)


# -- the library ------------------------------------------------------------------------------------------------------


def make_library(photos: Path, count: int) -> None:
    """Files of one byte, old enough to be at rest."""
    for start in range(0, count, FOLDER):
        folder = photos / f"{2000 + start // 10_000}" / f"{start // FOLDER:04}"
        folder.mkdir(parents=True)
        for number in range(start, min(start + FOLDER, count)):
            (folder / f"IMG_{number:06}.jpg").write_bytes(b"x")
            os.utime(folder / f"IMG_{number:06}.jpg", (LONG_AGO, LONG_AGO))


def stats_below(folder: str) -> Iterator[tuple[str, FileStat]]:
    """The bare walk, with what the catalog needs of each file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from stats_below(entry.path)
            else:
                stat = entry.stat(follow_symlinks=False)
                yield entry.path, FileStat(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev)


async def fill(engines: Engines, photos: Path) -> Root:
    """Commit all files as if each were another photo; the root that they lie in."""
    catalog = engines.catalog
    (root,) = await catalog.roots.sync_config([RootSpec(str(photos), "default")])
    job = await catalog.jobs.create(JobKind.SCAN, root.path, root.collection)
    files = dict(stats_below(root.path))
    paths = list(files)
    vectors = np.random.default_rng(3).random((1000, engines.encoder.identity.dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for start in range(0, len(paths), len(vectors)):
        await catalog.queue.put([NewTask(path, root.id, job.id) for path in paths[start : start + len(vectors)]])
        indexed = [
            Indexed(task, files[task.path], _facts(task.path), vector)
            for task, vector in zip(await catalog.queue.lease(len(vectors)), vectors, strict=False)
        ]
        await engines.index.upsert([Point(one.facts.id, one.vector, (root.collection_id,)) for one in indexed])
        await catalog.commit(indexed)
    await engines.index.flush()
    await catalog.jobs.close_job(job.id)
    return root


def _facts(path: str) -> ImageFacts:
    return ImageFacts(hashlib.sha256(path.encode()).hexdigest(), 4_000_000, 4000, 3000, "JPEG", "scaled")


# -- the rescan -------------------------------------------------------------------------------------------------------


def bare_walk(folder: str) -> int:
    """The least that any rescan must do: list every folder, stat every file."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += bare_walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)
                count += 1
    return count


async def measure_rescan(engines: Engines, root: Root, count: int, promises: Promises) -> None:
    """Walk and scan in turn, each in a thread as the daemon does it."""
    scanner = Scanner(engines.catalog, RootPresence(engines.catalog), HandlerSettings(), Counters())
    job = await engines.catalog.jobs.create(JobKind.SCAN, root.path, root.collection)
    walks, scans = [], []
    for _ in range(ROUNDS):
        started = _now()
        assert await asyncio.to_thread(bare_walk, root.path) == count
        walks.append(_now() - started)
        started = _now()
        report = await scanner.scan(root, None, job.id, wake=lambda: None)
        scans.append(_now() - started)
        assert (report.seen, report.new, report.changed, report.missing) == (count, 0, 0, 0), report
    await engines.catalog.jobs.close_job(job.id)
    walk, scan = np.median(walks, axis=0), np.median(scans, axis=0)
    print(f"rescan of {count} unchanged files, median of {ROUNDS}:")
    promises.tell("bare os.scandir + stat walk", walk[0], "s")
    promises.tell("scan against the catalog", scan[0], "s")
    promises.tell("scan : walk, wall time", scan[0] / walk[0], "x", at_most=3)
    promises.tell("scan : walk, processor time", scan[1] / walk[1], "x", at_most=3)


def _now() -> Any:
    """Wall and processor time, as numbers that can be subtracted."""
    return np.array([time.perf_counter(), time.process_time()])


# -- the daemon -------------------------------------------------------------------------------------------------------


class Watched:
    """A running daemon, asked over HTTP and looked at from outside."""

    def __init__(self, process: DaemonProcess, session: aiohttp.ClientSession, pid: int) -> None:
        self.photos = process.photos
        self._session = session
        self._main = psutil.Process(pid)

    async def get(self, path: str) -> Any:
        async with self._session.get(f"/api/v1{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def jobs(self, kind: str) -> list[dict[str, Any]]:
        return [job for job in (await self.get("/ingest/jobs?limit=100"))["items"] if job["kind"] == kind]

    async def until_done(self, kind: str, count: int) -> list[dict[str, Any]]:
        """Wait until so many jobs of a kind were there and none runs; a cheap question, asked often."""
        async with asyncio.timeout(PATIENCE):
            while True:
                jobs = await self.jobs(kind)
                if len(jobs) >= count and not any(job["state"] == "running" for job in jobs):
                    return jobs
                await asyncio.sleep(0.1)

    async def until_scanned(self) -> None:
        """Wait until the scan at the start is over."""
        async with asyncio.timeout(PATIENCE):
            while not (await self.get("/stats"))["counters"]["scans"]:
                await asyncio.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        return [self._main, *self._main.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of processor time, of all its processes."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def megabytes(self) -> tuple[float, float]:
        """Resident memory of the daemon's own process; proportional share of all its processes together."""
        return self._main.memory_info().rss / 1e6, sum(p.memory_full_info().pss for p in self.processes()) / 1e6


async def measure_idle(watched: Watched, promises: Promises) -> None:
    await watched.until_scanned()
    before = watched.cpu()
    await asyncio.sleep(IDLE)
    percent = (watched.cpu() - before) / IDLE * 100
    promises.tell(f"processor while idle for {IDLE:g} s, all processes", percent, "%", at_most=1)
    own, together = watched.megabytes()
    promises.tell("resident memory of the daemon", own, "MB", at_most=300)
    promises.tell("with its decoders and vector process, shared once", together, "MB")


def make_photos(staging: Path) -> None:
    """FLOOD small JPEGs, no two alike."""
    rng = np.random.default_rng(5)
    for number in range(FLOOD):
        folder = staging / ("one" if number < FLOOD // 2 else f"many/{number // FOLDER:03}")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((64, 48)).save(folder / f"DSC_{number:05}.jpg", quality=80)


async def measure_flood(watched: Watched, staging: Path, promises: Promises) -> None:
    before = await watched.get("/stats")
    started = time.perf_counter()
    await asyncio.to_thread(shutil.copytree, staging, watched.photos, copy_function=shutil.copyfile, dirs_exist_ok=True)
    copied = time.perf_counter()
    jobs = await watched.until_done("events", 1)
    ended = time.perf_counter()
    after = await watched.get("/stats")
    print(f"{FLOOD} photos copied in at once:")
    promises.tell("copying", copied - started, "s")
    promises.tell("until all are searchable, from the end of copying", ended - copied, "s")
    promises.tell("photos a second, from the first byte", FLOOD / (ended - started), "/s")
    promises.exactly("searchable images that came", after["images"] - before["images"], FLOOD)
    promises.exactly("jobs", len(jobs), 1)
    promises.exactly("files that the job counts", sum(job["total"] for job in jobs), FLOOD)
    promises.exactly("decoded", after["counters"]["decoded"], FLOOD)
    promises.tell("resident memory of the daemon after it", watched.megabytes()[0], "MB", at_most=300)


async def measure_rename(watched: Watched, name: str, promises: Promises) -> None:
    before, jobs = await watched.get("/stats"), len(await watched.jobs("events"))
    started = time.perf_counter()
    (watched.photos / name).rename(watched.photos / f"{name} renamed")
    await watched.until_done("events", jobs + 1)
    ended = time.perf_counter()
    after = await watched.get("/stats")
    counted = {key: after["counters"][key] - before["counters"][key] for key in ("moved", "files_read", "decoded")}
    print(f"folder '{name}' of {FLOOD // 2} photos renamed:")
    promises.tell("until all are known by their new name", ended - started, "s", at_most=5)
    promises.exactly("files moved", counted["moved"], FLOOD // 2)
    promises.exactly("files read", counted["files_read"], 0)
    promises.exactly("files decoded", counted["decoded"], 0)
    promises.exactly("files missing", after["missing"], 0)


async def measure(count: int) -> list[str]:
    """Everything, in order; the promises that were not kept."""
    promises = Promises()
    with tempfile.TemporaryDirectory() as home:
        daemon = DaemonProcess(Path(home), model="fake")
        daemon.write_config()
        make_library(daemon.photos, count)
        make_photos(Path(home) / "staging")
        async with AsyncExitStack() as stack:
            engines = await open_engines(stack, load_config(daemon.config, {}))
            root = await fill(engines, daemon.photos)
            await measure_rescan(engines, root, count, promises)
        print(f"daemon watching {count} files in {count // FOLDER} folders:")
        started = time.perf_counter()
        await daemon.start()
        try:
            promises.tell("start until ready", time.perf_counter() - started, "s", at_most=3)
            assert daemon.process is not None
            async with aiohttp.ClientSession(daemon.url) as session:
                watched = Watched(daemon, session, daemon.process.pid)
                await measure_idle(watched, promises)
                await measure_flood(watched, Path(home) / "staging", promises)
                for name in ("one", "many"):
                    await measure_rename(watched, name, promises)
        finally:
            await daemon.stop()
    return promises.broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=100_000)
    started = time.perf_counter()
    broken = asyncio.run(measure(parser.parse_args().files))
    print(f"{time.perf_counter() - started:.0f} s in all")
    if broken:
        sys.exit(f"not kept: {', '.join(broken)}")


if __name__ == "__main__":
    main()
