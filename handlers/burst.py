"""The job of a burst of events: open from the first path that is due until nothing is dirty any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from handlers.progress import Progress
from store.catalog import Catalog
from store.records import JobKind, JobRecord, JobState


class Burst:
    """Whoever works on what events brought does so within `work`; `dirty` tells whether more is to come."""

    def __init__(self, catalog: Catalog, progress: Progress, dirty: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._progress = progress
        self._dirty = dirty
        self._job: JobRecord | None = None
        self._working = 0
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[str]:
        """The id of the burst's job, which stays open meanwhile."""
        self._working += 1
        try:
            async with self._opening:
                if self._job is None or await self._has_ended(self._job):
                    self._job = await self._catalog.jobs.create(JobKind.EVENTS)
                    self._progress.job_changed(self._job)
                job_id = self._job.id
            yield job_id
        finally:
            self._working -= 1
        # Not reached after a fault or a cancellation, which closing must not hide: the next round closes the
        # job, or recovery at the next start.
        await self._close_if_over()

    async def _has_ended(self, job: JobRecord) -> bool:
        """Whether the user cancelled the job: what happens from then on belongs to another."""
        now = await self._catalog.jobs.get(job.id)
        return now is None or now.state is not JobState.RUNNING

    async def _close_if_over(self) -> None:
        if self._job is None or self._working or self._dirty():
            return
        job, self._job = self._job, None  # before the wait: the next burst has a job of its own
        self._progress.job_changed(await self._catalog.jobs.close_job(job.id))
