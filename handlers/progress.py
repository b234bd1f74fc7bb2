"""Live news of jobs, photos and failures, for whoever listens (SSE, the command line, tests).

A publisher never waits: a subscriber that does not keep up loses its oldest news and is told so with one `lagged`
event, after which it should read the state again. Rate and ETA are kept here, in memory: they are about now.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from handlers.meter import Meter
from store.records import JobRecord, JobState

BACKLOG = 256  # news kept for one slow subscriber


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job, how fast it goes (items a second) and when it will be through (seconds).

    Neither can be told while work is paused or has just begun, and no end while the total still grows.
    """

    job: JobRecord
    rate: float | None
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news. `job`: a JobProgress; `indexed`: path and image id; `failed`: path, code, message."""

    kind: Literal["job", "indexed", "removed", "failed", "lagged"]
    job: JobProgress | None = None
    path: str | None = None
    image_id: str | None = None
    code: str | None = None
    message: str | None = None


class Progress:
    """The bus. All methods are called on the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._subscribers: set[_Subscriber] = set()
        self._meters: dict[str, Meter] = {}
        self._held = False

    def of(self, job: JobRecord) -> JobProgress:
        """The job with its rate and ETA as they are now."""
        meter = self._meters.get(job.id)
        if meter is None or self._held or job.state is not JobState.RUNNING:
            return JobProgress(job, None, None)
        now = self._clock()
        left = job.total - job.done - job.skipped - job.failed
        return JobProgress(job, meter.rate(now), meter.eta(left, now) if job.closed else None)

    def hold(self) -> None:
        """Work is paused: no rate can be told."""
        self._held = True

    def go_on(self) -> None:
        """Work goes on, and is measured anew."""
        self._held = False
        self._meters.clear()

    def job_changed(self, job: JobRecord) -> None:
        """Tell of a job's new counts or state."""
        meter = self._meters.setdefault(job.id, Meter())
        meter.observe(job.done + job.skipped + job.failed, self._clock())
        self.publish(News("job", job=self.of(job)))
        if job.state is not JobState.RUNNING:
            del self._meters[job.id]

    def publish(self, news: News) -> None:
        """Hand to every subscriber, without waiting for any."""
        for subscriber in self._subscribers:
            subscriber.put(news)

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[News]]:
        """News from now on, until the context ends."""
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield subscriber.stream()
        finally:
            self._subscribers.discard(subscriber)


class _Subscriber:
    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._ready = asyncio.Event()

    def put(self, news: News) -> None:
        if len(self._news) >= BACKLOG:
            self._news.clear()
            self._news.append(News("lagged"))
        self._news.append(news)
        self._ready.set()

    async def stream(self) -> AsyncIterator[News]:
        while True:
            await self._ready.wait()
            while self._news:
                yield self._news.popleft()
            self._ready.clear()
