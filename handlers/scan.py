"""The scan: what the disk says, compared with what the catalog says. It is the truth; events are only hints.

It finds what happened while nobody watched, and it queues paths, nothing more: what has become of a path is
found out when its task is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from handlers.compare import aligned, compare
from handlers.counters import Counters
from handlers.filters import PathFilter
from handlers.offline import RootPresence
from handlers.roots import RootMap, is_below
from handlers.settings import HandlerSettings
from handlers.walk import Walk
from store.catalog import Catalog
from store.records import NewTask, Priority, Root

CHUNK = 1000  # files of one visit to the walking thread, rows of one query, tasks of one transaction

log = structlog.get_logger()

_T = TypeVar("_T")


@dataclass(slots=True)
class ScanReport:
    """What a scan found. `young` files differ but were not queued: they may still be being written."""

    seen: int = 0
    new: int = 0
    changed: int = 0
    missing: int = 0
    young: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # their rows were left alone
    hidden: int = 0  # not found, but on a mount in the root that is away
    offline: str | None = None  # why nothing was concluded at all


class Scanner:
    """Scans roots and folders in them. Several scans may run at a time.

    `clock_ns` gives the wall clock, which mtimes are compared with.
    """

    def __init__(
        self,
        catalog: Catalog,
        presence: RootPresence,
        settings: HandlerSettings,
        counters: Counters,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._catalog = catalog
        self._presence = presence
        self._counters = counters
        self._settings = settings
        self._clock_ns = clock_ns

    async def scan(
        self,
        root: Root,
        directory: str | None,
        job_id: str,
        *,
        wake: Callable[[], None],
        force: bool = False,
    ) -> ScanReport:
        """Compare a root, or one folder in it and all below, with the catalog, and queue what differs.

        Arrivals are queued before removals, so that a rename is met while the row of the old path is still
        there. Memory is bounded but for the paths that are missing. An offline root queues nothing.
        `wake` is called whenever tasks were queued.
        """
        report = ScanReport(offline=await self._presence.look(root))
        if report.offline is not None:
            return report
        foreign = [inner.path for inner in RootMap(await self._catalog.roots.all()).inside(root.path)]
        walk = Walk(
            directory or root.path,
            PathFilter(root.path, recursive=root.recursive, exclude=root.exclude),
            foreign=foreign,
            follow_symlinks=self._settings.follow_symlinks,
        )
        missing: list[str] = []
        rows = self._catalog.entries.under(root.id, directory, chunk=CHUNK)
        async for on_disk, known in aligned(_in_thread(walk.chunks(CHUNK)), rows):
            found = compare(
                on_disk,
                known,
                wall_now_ns=self._clock_ns(),
                settle=self._settings.settle,
                force=force,
            )
            report.seen += len(on_disk)
            report.new += len(found.new)
            report.changed += len(found.changed)
            report.young += found.young
            missing += [path for path in found.missing if not _below_any(path, (*walk.unreadable, *foreign))]
            await self._put(found.new + found.changed, root, job_id, wake, force=force)
        report.unreadable = walk.unreadable
        # Looked at once more: a disk that went away during the walk left nothing but missing files.
        report.offline = await self._presence.look(root) if missing else None
        if report.offline is None:
            hidden = await self._presence.hidden(root, missing)
            gone = [path for path in missing if path not in hidden]
            report.missing, report.hidden = len(gone), len(hidden)
            for start in range(0, len(gone), CHUNK):
                await self._put(gone[start : start + CHUNK], root, job_id, wake)
            await self._conclude(root, directory, report)
        return report

    async def _conclude(self, root: Root, directory: str | None, report: ScanReport) -> None:
        if report.unreadable:
            log.warning("unreadable", root=root.path, count=len(report.unreadable), first=report.unreadable[0])
        if directory is None:
            await self._catalog.roots.scanned(root.id, datetime.now(UTC))
        self._counters.scans += 1

    async def _put(
        self, paths: Sequence[str], root: Root, job_id: str, wake: Callable[[], None], *, force: bool = False
    ) -> None:
        if paths:
            await self._catalog.queue.put([NewTask(p, root.id, job_id, Priority.SCAN, force) for p in paths])
            wake()


def _below_any(path: str, folders: Sequence[str]) -> bool:
    return any(is_below(path, folder) for folder in folders)


async def _in_thread(iterator: Iterator[_T]) -> AsyncIterator[_T]:
    """The items of a blocking iterator, each brought by a visit to a thread."""
    while (item := await asyncio.to_thread(next, iterator, None)) is not None:
        yield item
