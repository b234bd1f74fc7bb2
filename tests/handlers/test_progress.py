from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handlers.progress import BACKLOG, JobProgress, News, Progress
from store.records import JobKind, JobRecord, JobState

JOB = JobRecord(
    id="job",
    kind=JobKind.SCAN,
    state=JobState.RUNNING,
    path="/photos",
    collection="default",
    total=100,
    done=0,
    skipped=0,
    failed=0,
    closed=True,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    finished_at=None,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    return Progress(clock)


def test_rate_and_eta_count_what_is_done_skipped_and_failed(progress: Progress, clock: Clock) -> None:
    progress.job_changed(JOB)
    clock.now = 3
    progress.job_changed(replace(JOB, done=10))
    clock.now = 8
    job = replace(JOB, done=10, skipped=7, failed=3)
    progress.job_changed(job)
    assert progress.of(job) == JobProgress(job, rate=2.0, eta_seconds=40.0)


def test_no_end_is_told_while_the_total_still_grows(progress: Progress, clock: Clock) -> None:
    job = replace(JOB, closed=False)
    for done in (0, 2, 4):
        clock.now = done
        job = replace(job, done=done)
        progress.job_changed(job)
    assert progress.of(job) == JobProgress(job, rate=1.0, eta_seconds=None)


def test_nothing_is_told_while_paused_and_a_pause_is_no_slowness(progress: Progress, clock: Clock) -> None:
    job = JOB
    for second in range(11):
        clock.now = second
        job = replace(JOB, done=2 * second)
        progress.job_changed(job)
    progress.hold()
    clock.now = 5000
    assert progress.of(job) == JobProgress(job, None, None)
    progress.go_on()
    for second in range(5000, 5011):
        clock.now = second
        job = replace(JOB, done=20 + 2 * (second - 5000))
        progress.job_changed(job)
    assert progress.of(job) == JobProgress(job, rate=2.0, eta_seconds=30.0)


def test_finished_job_has_no_rate_and_is_forgotten(progress: Progress, clock: Clock) -> None:
    progress.job_changed(JOB)
    clock.now = 1
    done = replace(JOB, done=100, state=JobState.DONE)
    progress.job_changed(done)
    assert progress.of(done) == JobProgress(done, None, None)
    progress.job_changed(done)  # told twice: no harm


async def test_subscribers_get_news_until_they_leave(progress: Progress) -> None:
    with progress.subscribe() as first:
        with progress.subscribe() as second:
            progress.job_changed(JOB)
            assert (await anext(second)).job == JobProgress(JOB, None, None)
        progress.publish(News("indexed", path="/photos/a.jpg", image_id="id"))
        assert [(await anext(first)).kind for _ in range(2)] == ["job", "indexed"]
    progress.publish(News("removed", path="/photos/a.jpg"))


async def test_subscriber_waits_for_news(progress: Progress) -> None:
    with progress.subscribe() as news:
        waiting = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0)
        assert not waiting.done()
        progress.publish(News("failed", path="/photos/a.jpg", code="DECODE_FAILED", message="no photo"))
        assert (await waiting).code == "DECODE_FAILED"


async def test_slow_subscriber_is_told_that_it_lags_and_goes_on(progress: Progress) -> None:
    with progress.subscribe() as news:
        for number in range(BACKLOG + 5):
            progress.publish(News("indexed", path=str(number)))
        assert (await anext(news)).kind == "lagged"
        rest = [await anext(news) for _ in range(5)]
        assert [one.path for one in rest] == [str(BACKLOG + number) for number in range(5)]
