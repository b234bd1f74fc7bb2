"""The queue against a model of it: no path is lost, none is done twice, the counts of jobs add up."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from store.catalog import Catalog
from store.errors import ConflictError
from store.queue import LEASE_SECONDS, QueueDepth
from store.records import Deferred, Failed, FileStat, JobKind, JobState, NewTask, Priority, Task, Unchanged
from store.roots import RootSpec

PATHS = [f"/p/{name}.jpg" for name in "abcd"]
DELAY = 10.0


@dataclass
class Row:
    """A queue row as it should be."""

    order: int
    job: int
    priority: Priority
    force: bool
    news: int = 0  # times put since the row was made
    attempts: int = 0
    abandoned: int = 0
    leases: int = 0
    due: float = 0.0
    until: float | None = None  # of the lease


@dataclass
class Job:
    """A job as it should be."""

    id: str
    total: int = 0
    accounted: int = 0
    closed: bool = False
    cancelled: bool = False


@dataclass
class Holder:
    """Somebody who leased a task, maybe long ago."""

    task: Task
    news: int  # that the task had seen
    row: Row = field(repr=False)


class QueueMachine(RuleBasedStateMachine):
    """Puts, leases, commits in time and late, cancellations and restarts in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_000.0
        self.order = 0
        self.rows: dict[str, Row] = {}
        self.jobs: list[Job] = []
        self.open: list[int] = []  # two jobs that were not cancelled
        self.holders: list[Holder] = []

    def teardown(self) -> None:
        self.runner.run(self.catalog.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def start(self) -> None:
        self.runner.run(self._start())
        self.open = [self._new_job(), self._new_job()]

    async def _start(self) -> None:
        await self._open()
        (root,) = await self.catalog.roots.sync_config([RootSpec("/p", "default")])
        self.root_id = root.id

    async def _open(self) -> None:
        self.catalog = Catalog(Path(self.folder.name), steady=lambda: self.now)
        await self.catalog.open()

    def _new_job(self) -> int:
        self.jobs.append(Job(self.runner.run(self.catalog.jobs.create(JobKind.SCAN)).id))
        return len(self.jobs) - 1

    # -- putting

    @rule(
        paths=st.lists(st.sampled_from(PATHS), min_size=1, max_size=8),
        which=st.integers(0, 1),
        priority=st.sampled_from(Priority),
        force=st.booleans(),
    )
    def put(self, paths: list[str], which: int, priority: Priority, force: bool) -> None:
        job = self.open[which]
        tasks = [NewTask(path, self.root_id, self.jobs[job].id, priority, force) for path in paths]
        new = self.runner.run(self.catalog.queue.put(tasks))
        assert new == len(set(paths) - set(self.rows))
        for path in dict.fromkeys(paths):
            row = self.rows.get(path)
            if row is None:
                self.order += 1
                self.rows[path] = Row(self.order, job, priority, force)
                self.jobs[job].total += 1
            else:
                row.news += 1
                row.priority = min(row.priority, priority)
                row.force |= force
                row.due = 0.0

    @rule(data=st.data())
    def put_while_leased(self, data: st.DataObject) -> None:
        leased = sorted(path for path, row in self.rows.items() if row.until is not None)
        if leased:
            self.put([data.draw(st.sampled_from(leased))], 0, Priority.EVENT, force=False)

    @rule(path=st.sampled_from(PATHS))
    def put_for_a_cancelled_job(self, path: str) -> None:
        for job in self.jobs:
            if job.cancelled:
                assert self.runner.run(self.catalog.queue.put([NewTask(path, self.root_id, job.id)])) == 0

    # -- leasing

    @rule(limit=st.integers(1, 4), data=st.data())
    def lease(self, limit: int, data: st.DataObject) -> None:
        leased = {row.order: holder for holder in self.holders if (row := holder.row).until is not None}
        working = data.draw(st.sets(st.sampled_from(sorted(leased)))) if leased else set()
        tasks = self.runner.run(self.catalog.queue.lease(limit, [leased[order].task.id for order in working]))
        self._expire(working)
        ready = {path: r for path, r in self.rows.items() if r.until is None and r.due <= self.now}
        suspects = sorted((row.order, path) for path, row in ready.items() if row.abandoned > 1)
        urgent = [path for *_, path in sorted((row.priority, row.order, path) for path, row in ready.items())]
        assert [task.path for task in tasks] == ([suspects[0][1]] if suspects else urgent[:limit])
        for task in tasks:
            row = self.rows[task.path]
            row.attempts += 1
            row.leases += 1
            row.until = self.now + LEASE_SECONDS
            assert (task.job_id, task.attempts, task.force) == (self.jobs[row.job].id, row.attempts, row.force)
            assert (task.abandoned, task.suspected) == (row.abandoned, row.abandoned > 1)
            self.holders.append(Holder(task, row.news, row))

    def _expire(self, working: set[int]) -> None:
        for row in self.rows.values():
            if row.until is not None and row.order in working and row.until < self.now + LEASE_SECONDS / 2:
                row.until = self.now + LEASE_SECONDS
            if row.until is not None and row.until <= self.now:
                row.until = None
                row.abandoned += 1

    # -- committing

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        if not self.holders:
            return
        chosen = data.draw(st.sets(st.integers(0, len(self.holders) - 1), min_size=1))
        holders = list({holder.row.order: holder for holder in (self.holders[n] for n in sorted(chosen))}.values())
        kinds = [data.draw(st.sampled_from(["unchanged", "failed", "deferred"])) for _ in holders]
        self.runner.run(
            self.catalog.commit([self._outcome(holder.task, kind) for holder, kind in zip(holders, kinds, strict=True)])
        )
        for holder, kind in zip(holders, kinds, strict=True):
            row = holder.row
            if self.rows.get(holder.task.path) is row and row.leases == holder.task.lease:
                self._apply(holder, kind)
            self.holders.remove(holder)

    def _apply(self, holder: Holder, kind: str) -> None:
        row = holder.row
        if kind == "deferred":
            row.due = self.now + DELAY
        elif row.news > holder.news:
            row.due, row.attempts = 0.0, 0
        else:
            self.jobs[row.job].accounted += 1
            del self.rows[holder.task.path]
        row.until, row.abandoned = None, 0

    @staticmethod
    def _outcome(task: Task, kind: str) -> Unchanged | Failed | Deferred:
        if kind == "unchanged":
            return Unchanged(task)
        if kind == "failed":
            return Failed(task, FileStat(1, 1, 1, 1), "DECODE_FAILED", "no image")
        return Deferred(task, DELAY, "UNREADABLE", "not now")

    @rule(seconds=st.sampled_from([1.0, DELAY, LEASE_SECONDS / 2, LEASE_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    # -- jobs

    @rule(which=st.integers(0, 1))
    def close(self, which: int) -> None:
        job = self.jobs[self.open[which]]
        self.runner.run(self.catalog.jobs.close_job(job.id))
        job.closed = True

    @rule(which=st.integers(0, 1))
    def cancel(self, which: int) -> None:
        number = self.open[which]
        job = self.jobs[number]
        queued = sum(1 for row in self.rows.values() if row.job == number)
        if job.closed and not queued:
            with pytest.raises(ConflictError):
                self.runner.run(self.catalog.jobs.cancel(job.id))
            return
        self.runner.run(self.catalog.jobs.cancel(job.id))
        job.cancelled = job.closed = True
        self._drop(number)
        self.open[which] = self._new_job()

    def _drop(self, number: int) -> None:
        dropped = [path for path, row in self.rows.items() if row.job == number and row.until is None]
        for path in dropped:
            del self.rows[path]
        self.jobs[number].total -= len(dropped)

    # -- ends of the process

    @rule()
    def restart(self) -> None:
        freed = self.runner.run(self._restart())
        assert freed == sum(1 for row in self.rows.values() if row.until is not None)
        for row in self.rows.values():
            row.abandoned += row.until is not None
            row.until, row.due = None, 0.0
        for number, job in enumerate(self.jobs):
            job.closed = True
            if job.cancelled:
                self._drop(number)
        self.holders = []

    async def _restart(self) -> int:
        await self.catalog.close()
        await self._open()
        freed = await self.catalog.queue.recover()
        await self.catalog.jobs.recover()
        return freed

    @rule()
    def release(self) -> None:
        freed = self.runner.run(self.catalog.queue.release())
        assert freed == sum(1 for row in self.rows.values() if row.until is not None)
        for row in self.rows.values():
            row.until = None

    @invariant()
    def agrees(self) -> None:
        if not self.jobs:
            return
        delayed = [row.due for row in self.rows.values() if row.until is None and row.due > self.now]
        leased = sum(1 for row in self.rows.values() if row.until is not None)
        depth, due = self.runner.run(self._queue())
        assert depth == QueueDepth(len(self.rows) - leased - len(delayed), leased, len(delayed))
        assert due == (min(delayed) - self.now if delayed else None)
        for number, expected in enumerate(self.jobs):
            job = self.runner.run(self.catalog.jobs.get(expected.id))
            assert job is not None
            queued = sum(1 for row in self.rows.values() if row.job == number)
            assert (job.total, job.done + job.skipped + job.failed) == (expected.total, expected.accounted)
            assert job.total == expected.accounted + queued
            assert job.closed == expected.closed
            assert (job.state is JobState.CANCELLED) == expected.cancelled
            assert (job.state is JobState.DONE) == (job.closed and not queued and not expected.cancelled)

    async def _queue(self) -> tuple[QueueDepth, float | None]:
        return await self.catalog.queue.depth(), await self.catalog.queue.next_due()


QueueMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestQueueMachine = QueueMachine.TestCase
