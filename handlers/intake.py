"""From hints to durable tasks: events are debounced, files are given time to come to rest, floods and folders
are scanned, and every root is compared with the disk at start and from time to time.

Roots are watched before they are scanned, so that nothing falls between the two.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from handlers.burst import Burst
from handlers.counters import Counters
from handlers.debounce import Debouncer, DuePath
from handlers.events import EventKind
from handlers.offline import RootPresence
from handlers.progress import Progress
from handlers.roots import RootMap
from handlers.scan import Scanner
from handlers.scan_job import scan_for_job, summary
from handlers.settings import HandlerSettings
from handlers.settling import Settling
from handlers.watcher import Watcher
from store.catalog import Catalog
from store.errors import StoreError
from store.records import JobKind, NewTask, Priority, Root

ROOT_CHECK = 10.0  # seconds between looks at whether roots went away, came back or were replaced
STORE_RETRY = 5.0  # seconds until what the catalog did not take is offered again
TELL_EVERY = 60.0  # seconds between warnings of that

log = structlog.get_logger()


class Intake:
    """Takes in what the watcher tells and what scans of the watched roots find.

    `wake` is called whenever tasks were queued. A fault of the catalog that may pass (`retryable`) is waited
    out.
    """

    def __init__(
        self,
        catalog: Catalog,
        watcher: Watcher,
        scanner: Scanner,
        presence: RootPresence,
        progress: Progress,
        counters: Counters,
        settings: HandlerSettings,
        wake: Callable[[], None],
        *,
        root_check: float = ROOT_CHECK,
    ) -> None:
        self._catalog = catalog
        self._watcher = watcher
        self._scanner = scanner
        self._presence = presence
        self._progress = progress
        self._counters = counters
        self._settings = settings
        self._wake = wake
        self._root_check = root_check
        self._debouncer = Debouncer(settings.settle, settings.patience)
        self._settling = self._new_settling()
        self._trees: asyncio.Queue[str] = asyncio.Queue()
        self._burst = Burst(catalog, progress, self._is_dirty)
        self._stirred = asyncio.Event()
        self._roots_changed = asyncio.Event()
        self._tells_next = 0.0  # time.monotonic() from which on a waiting store is told of again
        self._loops: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Watch, scan and take in until `close`; then do nothing until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._loops = [
                    group.create_task(loop(), name=f"intake-{name}")
                    for name, loop in {
                        "events": self._collect,
                        "files": self._take_files,
                        "trees": self._take_trees,
                        "roots": self._keep_roots,
                    }.items()
                ]
            await asyncio.Event().wait()
        finally:
            await self._watcher.stop()

    async def close(self) -> None:
        """Take in nothing more. What is not durable yet is found by the scan at the next start."""
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops)
        await self._watcher.stop()

    def watched_by(self, root_id: int) -> str | None:
        """How a root is watched now: "inotify", "polling", or None if it is not."""
        return self._watcher.method(root_id)

    def check_roots(self) -> None:
        """Look at the roots now rather than at the next round: they are others, or other than they were."""
        self._roots_changed.set()

    def expect(self, paths: Sequence[str]) -> None:
        """Take these files in once they are at rest: a scan found them, perhaps still being written."""
        now = time.monotonic()
        for path in paths:
            self._debouncer.postpone(path, first=now, until=now + self._settings.settle)
        self._stirred.set()

    async def rested(self, paths: Sequence[str]) -> list[str]:
        """Wait until each of these files is at rest or gone, or patience has run out; returns all of them."""
        settling, waiting = self._new_settling(), list(paths)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.patience):
                while waiting:
                    looks = await settling.look_at(waiting, time.monotonic())
                    waiting = list(looks.restless)
                    await asyncio.sleep(max(looks.restless.values(), default=0))
        return list(paths)

    def _new_settling(self) -> Settling:
        return Settling(self._settings.settle, follow_symlinks=self._settings.follow_symlinks)

    def _is_dirty(self) -> bool:
        return len(self._debouncer) > 0 or not self._trees.empty()

    # -- events

    async def _collect(self) -> None:
        while True:
            event = await self._watcher.events.get()
            self._counters.events += 1
            if event.kind is EventKind.OVERFLOW:
                self._counters.overflows += 1
                log.warning(
                    "events_lost",
                    root=event.path,
                    advice="the root is scanned instead; a larger fs.inotify.max_queued_events makes this rarer",
                )
            self._debouncer.add(event, time.monotonic())
            self._stirred.set()

    async def _take_files(self) -> None:
        while True:
            await self._until_due()
            now = time.monotonic()
            due = self._debouncer.due(now)
            for tree in due.trees:
                self._trees.put_nowait(tree)
            if due.paths:
                try:
                    await self._take(due.paths, now)
                except StoreError as error:
                    self._wait_out(error)
                    for path in due.paths:
                        self._debouncer.postpone(path.path, first=now, until=now + STORE_RETRY)

    async def _until_due(self) -> None:
        """Until something in the debouncer is due, by the clock or because something happened."""
        while True:
            self._stirred.clear()
            due = self._debouncer.next_due()
            wait = math.inf if due is None else due - time.monotonic()
            if wait <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else wait):
                    await self._stirred.wait()

    async def _take(self, due: Sequence[DuePath], now: float) -> None:
        async with self._burst.work() as job_id:
            looks = await self._settling.look_at([path.path for path in due], now)
            arrived = list(looks.at_rest)
            for path in due:
                if (wait := looks.restless.get(path.path)) is None:
                    continue
                if path.overdue:
                    arrived.append(path.path)
                    self._settling.forget([path.path])
                else:
                    self._debouncer.postpone(path.path, first=path.first, until=now + wait)
            roots = RootMap(await self._catalog.roots.all())
            # Arrivals first, so that a rename is met while the row of the old path is still there.
            await self._put([*arrived, *looks.gone], roots, job_id)

    async def _put(self, paths: Sequence[str], roots: RootMap, job_id: str) -> None:
        owned = [(path, root) for path in paths if (root := roots.owner(path)) is not None]
        if owned:
            await self._catalog.queue.put([NewTask(path, root.id, job_id, Priority.EVENT) for path, root in owned])
            self._wake()

    async def _take_trees(self) -> None:
        while True:
            trees = [await self._trees.get()]
            while not self._trees.empty():
                trees.append(self._trees.get_nowait())
            try:
                await self._scan_trees(trees)
            except StoreError as error:
                self._wait_out(error)
                await asyncio.sleep(STORE_RETRY)
                for tree in trees:
                    self._debouncer.add_tree(tree, time.monotonic())
                self._stirred.set()

    async def _scan_trees(self, trees: Sequence[str]) -> None:
        async with self._burst.work() as job_id:
            roots = RootMap(await self._catalog.roots.all())
            there = await asyncio.to_thread(lambda: {tree for tree in trees if Path(tree).is_dir()})
            # Folders that are there first: a renamed folder's files are met while their old rows are still
            # there.
            for tree in sorted(trees, key=lambda tree: tree not in there):
                for root, directory in roots.covering(tree):
                    report = await self._scanner.scan(root, directory, job_id, wake=self._wake)
                    self.expect(report.young)
                    where = directory or root.path
                    await self._catalog.jobs.log(job_id, "info", f"{where}: {report.offline or summary(report)}")

    # -- roots

    async def _keep_roots(self) -> None:
        next_rescan = 0.0
        while True:
            try:
                due = time.monotonic() >= next_rescan
                await self._check_roots(scan_all=due)
                if due:
                    next_rescan = time.monotonic() + (self._settings.rescan or math.inf)
            except StoreError as error:
                self._wait_out(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._root_check):
                    await self._roots_changed.wait()
            self._roots_changed.clear()

    async def _check_roots(self, *, scan_all: bool) -> None:
        """Watch the roots that are there, then scan those that are watched anew, or all.

        Roots that nobody watches are looked at too, for the state of their images.
        """
        known = await self._catalog.roots.all()
        online = {root.id for root in known if await self._presence.look(root) is None}
        roots = RootMap(known)
        self._debouncer.roots = [root.path for root in roots.watched()]
        anew = await self._watcher.sync([root for root in roots.watched() if root.id in online])
        self._counters.watch_limits = len(self._watcher.limited)
        covered = [root for changed in anew for root, _ in roots.covering(changed.path)]
        for root in roots.kept() if scan_all else {root.id: root for root in covered}.values():
            if await self._presence.look(root) is None:
                await self._scan(root)

    async def _scan(self, root: Root) -> None:
        job = await self._catalog.jobs.create(JobKind.SCAN, root.path, root.collection)
        self._progress.job_changed(job)
        report = await scan_for_job(self._catalog, self._scanner, self._progress, job, root, None, wake=self._wake)
        self.expect(report.young)
        if report.offline is None:
            self._progress.job_changed(await self._catalog.jobs.close_job(job.id))

    def _wait_out(self, error: StoreError) -> None:
        if not error.retryable:
            raise error
        # Each burst of events comes here again and again: told once a minute, a full disk is not filled by telling so.
        if time.monotonic() >= self._tells_next:
            log.warning("intake_waits", code=error.code, reason=str(error))
            self._tells_next = time.monotonic() + TELL_EVERY
