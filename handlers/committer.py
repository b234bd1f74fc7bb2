"""The last steps of a photo's way: thumbnail, vector, one SQLite commit; in batches, in that order.

The first two are addressed by content and can be repeated, the third is the truth. A crash before it leaves leased
rows, which the next start does again with the same result; a crash after it leaves nothing to do. Changes of images
that are known already (a deletion, a second path) are committed first, together with a note that the image's point is
stale, and the note is taken away when the point agrees: that too can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from handlers.counters import Counters
from handlers.progress import News, Progress
from handlers.store_wait import StoreWait
from store.catalog import Catalog
from store.records import (
    Attached,
    CommitReport,
    Deferred,
    Failed,
    Indexed,
    Moved,
    Outcome,
    Unchanged,
    Vanished,
)
from store.thumbnails import ThumbnailStore
from store.vectors.protocol import Point, VectorIndex
from store.vectors.sync import sync_points

BATCH = 256  # outcomes in one transaction: it takes milliseconds, and a fsync is shared by many

log = structlog.get_logger()

_T = TypeVar("_T")


class Ready:
    """An outcome to be committed, with what must be written before; `committed` is done when it is durable."""

    def __init__(self, outcome: Outcome, thumbnail: bytes | None = None) -> None:
        self.outcome = outcome
        self.thumbnail = thumbnail
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Committer:
    """Takes outcomes from many producers and commits them in batches, one batch at a time."""

    def __init__(
        self,
        catalog: Catalog,
        index: VectorIndex,
        thumbnails: ThumbnailStore,
        space_id: str,
        progress: Progress,
        counters: Counters,
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._thumbnails = thumbnails
        self._space_id = space_id
        self._progress = progress
        self._counters = counters
        self._queue: asyncio.Queue[Ready] = asyncio.Queue(2 * BATCH)
        self._storing = asyncio.Lock()
        # What is not stored stays leased meanwhile, and the queue here fills: nothing more is taken.
        self.wait = StoreWait(catalog.jobs)

    async def put(self, ready: Ready) -> None:
        """Queue for the next commit; waits while the queue is full."""
        await self._queue.put(ready)

    async def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Queue, and return when all are durable. Waits, however long, while a store is away."""
        waiting = [Ready(outcome) for outcome in outcomes]
        for ready in waiting:
            await self._queue.put(ready)
        for ready in waiting:
            await ready.committed

    async def drained(self) -> None:
        """Returns when everything that was put is durable."""
        await self._queue.join()

    async def between_commits(self, change: Callable[[], Awaitable[_T]]) -> _T:
        """Carry out a change of the catalog while nothing is committed, and bring points into agreement with it.

        Tried until it works, like a commit.
        """
        async with self._storing:
            result = await self.wait.until_stored(change)
            await self.wait.until_stored(self._sync_stale)
            return result

    async def run(self) -> None:
        """Commit what comes, until cancelled."""
        async with self._storing:
            await self.wait.until_stored(self._sync_stale)
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            async with self._storing:
                jobs = {ready.outcome.task.job_id for ready in batch}
                report = await self.wait.until_stored(partial(self._store, batch), jobs)
                if report.stale_points:
                    await self.wait.until_stored(self._sync_stale)
            # Told last, so that whoever hears that a job is done finds search agreeing with it.
            for ready in batch:
                ready.committed.set_result(None)
                self._tell(ready.outcome)
                self._queue.task_done()
            for job in report.jobs:
                self._progress.job_changed(job)

    async def _store(self, batch: Sequence[Ready]) -> CommitReport:
        await asyncio.to_thread(self._write_thumbnails, batch)
        outcomes = [ready.outcome for ready in batch]
        points = await self._points([outcome for outcome in outcomes if isinstance(outcome, Indexed)])
        if points:
            await self._index.upsert(points)
            await self._index.flush()
        return await self._catalog.commit(outcomes)

    def _write_thumbnails(self, batch: Sequence[Ready]) -> None:
        for ready in batch:
            if ready.thumbnail is not None and isinstance(ready.outcome, Indexed):
                self._thumbnails.write(ready.outcome.facts.sha256, ready.thumbnail)

    async def _points(self, indexed: Sequence[Indexed]) -> list[Point]:
        if not indexed:
            return []
        feeds = {root.id: root.collection_id for root in await self._catalog.roots.all()}
        return [Point(one.facts.id, one.vector, (feeds[one.task.root_id],)) for one in indexed]

    async def _sync_stale(self) -> int:
        return await sync_points(self._catalog, self._index, self._space_id)

    def _tell(self, outcome: Outcome) -> None:
        """Count, and publish what others may want to know."""
        counters, path = self._counters, outcome.task.path
        match outcome:
            case Indexed():
                self._progress.publish(News("indexed", path=path, image_id=outcome.facts.id))
            case Attached():
                counters.attached += 1
                self._progress.publish(News("indexed", path=path, image_id=outcome.image_id))
            case Moved():
                counters.moved += 1
                self._progress.publish(News("indexed", path=path))
            case Vanished():
                counters.vanished += 1
                self._progress.publish(News("removed", path=path))
            case Unchanged():
                counters.unchanged += 1
            case Failed():
                counters.failed += 1
                log.warning("file_quarantined", path=path, code=outcome.code, reason=outcome.message)
                self._progress.publish(News("failed", path=path, code=outcome.code, message=outcome.message))
            case Deferred():
                counters.deferred += 1
