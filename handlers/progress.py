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

from store.records import JobRecord, JobState

BACKLOG = 256  # news kept for one slow subscriber
RATE_WINDOW = 30.0  # seconds over which a job's rate is measured


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job, how fast it goes (items a second) and when it will be through (seconds), if that can be told."""

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
        self._meters: dict[str, _Meter] = {}

    def of(self, job: JobRecord) -> JobProgress:
        """The job with its rate and ETA as they are now."""
        meter = self._meters.get(job.id)
        rate = meter.rate(self._clock()) if meter and job.state is JobState.RUNNING else None
        left = job.total - job.done - job.skipped - job.failed
        eta = left / rate if rate and left >= 0 else None
        return JobProgress(job, rate, eta)

    def job_changed(self, job: JobRecord) -> None:
        """Tell of a job's new counts or state."""
        meter = self._meters.setdefault(job.id, _Meter())
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


class _Meter:
    """Items a second over the last RATE_WINDOW seconds: steady enough to read, quick enough to be true."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def observe(self, count: int, now: float) -> None:
        self._samples.append((now, count))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_WINDOW:
            self._samples.popleft()

    def rate(self, now: float) -> float | None:
        if len(self._samples) < 2:
            return None
        (since, before), (_, count) = self._samples[0], self._samples[-1]
        elapsed = now - since
        return (count - before) / elapsed if elapsed > 0 and count > before else None
