"""The queue against a model of it: no path is lost, none is done twice, the counts of jobs add up."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from store.catalog import Catalog
from store.queue import QueueDepth
from store.records import Deferred, Failed, FileStat, JobKind, JobState, NewTask, Priority, Task, Unchanged
from store.roots import RootSpec

PATHS = [f"/p/{name}.jpg" for name in "abcd"]
DELAY = 10.0


@dataclass
class Expected:
    """A queue row as it should be."""

    order: int
    job: int
    priority: Priority
    force: bool
    news: int = 0  # times put since the row was made
    attempts: int = 0
    due: float = 0.0
    lease: tuple[Task, int] | None = None  # with the news that whoever leased it has seen


class QueueMachine(RuleBasedStateMachine):
    """Puts, leases, commits and restarts in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_000.0
        self.order = 0
        self.rows: dict[str, Expected] = {}
        self.jobs: list[str] = []
        self.totals: dict[int, int] = {}
        self.accounted: dict[int, int] = {}
        self.closed: set[int] = set()

    def teardown(self) -> None:
        self.runner.run(self.catalog.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def start(self) -> None:
        self.runner.run(self._start())

    async def _start(self) -> None:
        await self._open()
        (root,) = await self.catalog.roots.sync_config([RootSpec("/p", "default")])
        self.root_id = root.id
        for number in range(2):
            self.jobs.append((await self.catalog.jobs.create(JobKind.SCAN)).id)
            self.totals[number] = self.accounted[number] = 0

    async def _open(self) -> None:
        self.catalog = Catalog(Path(self.folder.name), steady=lambda: self.now)
        await self.catalog.open()

    @rule(
        paths=st.lists(st.sampled_from(PATHS), min_size=1, max_size=8),
        job=st.integers(0, 1),
        priority=st.sampled_from(Priority),
        force=st.booleans(),
    )
    def put(self, paths: list[str], job: int, priority: Priority, force: bool) -> None:
        tasks = [NewTask(path, self.root_id, self.jobs[job], priority, force) for path in paths]
        new = self.runner.run(self.catalog.queue.put(tasks))
        assert new == len(set(paths) - set(self.rows))
        for path in dict.fromkeys(paths):
            row = self.rows.get(path)
            if row is None:
                self.order += 1
                self.rows[path] = Expected(self.order, job, priority, force)
                self.totals[job] += 1
            else:
                row.news += 1
                row.priority = min(row.priority, priority)
                row.force |= force
                row.due = 0.0

    @rule(data=st.data())
    def put_while_leased(self, data: st.DataObject) -> None:
        leased = sorted(path for path, row in self.rows.items() if row.lease)
        if leased:
            self.put([data.draw(st.sampled_from(leased))], 0, Priority.EVENT, force=False)

    @rule(limit=st.integers(1, 4))
    def lease(self, limit: int) -> None:
        ready = [(r.priority, r.order, path) for path, r in self.rows.items() if not r.lease and r.due <= self.now]
        tasks = self.runner.run(self.catalog.queue.lease(limit))
        assert [task.path for task in tasks] == [path for *_, path in sorted(ready)[:limit]]
        for task in tasks:
            row = self.rows[task.path]
            row.attempts += 1
            row.lease = task, row.news
            assert (task.job_id, task.attempts, task.force) == (self.jobs[row.job], row.attempts, row.force)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        leased = sorted(path for path, row in self.rows.items() if row.lease)
        if not leased:
            return
        paths = data.draw(st.lists(st.sampled_from(leased), min_size=1, unique=True))
        kinds = {path: data.draw(st.sampled_from(["unchanged", "failed", "deferred"])) for path in paths}
        self.runner.run(self.catalog.commit([self._outcome(path, kinds[path]) for path in paths]))
        for path in paths:
            row = self.rows[path]
            assert row.lease is not None
            if kinds[path] == "deferred":
                row.due = self.now + DELAY
            elif row.news > row.lease[1]:
                row.due, row.attempts = 0.0, 0
            else:
                self.accounted[row.job] += 1
                del self.rows[path]
            row.lease = None

    def _outcome(self, path: str, kind: str) -> Unchanged | Failed | Deferred:
        lease = self.rows[path].lease
        assert lease is not None
        if kind == "unchanged":
            return Unchanged(lease[0])
        if kind == "failed":
            return Failed(lease[0], FileStat(1, 1, 1, 1), "DECODE_FAILED", "no image")
        return Deferred(lease[0], DELAY, "UNREADABLE", "not now")

    @rule(seconds=st.sampled_from([1.0, DELAY, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(job=st.integers(0, 1))
    def close(self, job: int) -> None:
        self.runner.run(self.catalog.jobs.close_job(self.jobs[job]))
        self.closed.add(job)

    @rule()
    def restart(self) -> None:
        freed = self.runner.run(self._restart())
        assert freed == sum(1 for row in self.rows.values() if row.lease)
        for row in self.rows.values():
            row.lease = None
        self.closed = {0, 1}

    async def _restart(self) -> int:
        await self.catalog.close()
        await self._open()
        freed = await self.catalog.queue.recover()
        await self.catalog.jobs.recover()
        return freed

    @invariant()
    def agrees(self) -> None:
        if not self.jobs:
            return
        delayed = [row.due for row in self.rows.values() if not row.lease and row.due > self.now]
        leased = sum(1 for row in self.rows.values() if row.lease)
        depth, due = self.runner.run(self._queue())
        assert depth == QueueDepth(len(self.rows) - leased - len(delayed), leased, len(delayed))
        assert due == (min(delayed) - self.now if delayed else None)
        for number, job_id in enumerate(self.jobs):
            job = self.runner.run(self.catalog.jobs.get(job_id))
            assert job is not None
            assert job.total == self.totals[number]
            assert job.done + job.skipped + job.failed == self.accounted[number]
            queued = sum(1 for row in self.rows.values() if row.job == number)
            assert job.total == self.accounted[number] + queued
            assert job.closed == (number in self.closed)
            assert (job.state is JobState.DONE) == (job.closed and not queued)

    async def _queue(self) -> tuple[QueueDepth, float | None]:
        return await self.catalog.queue.depth(), await self.catalog.queue.next_due()


QueueMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestQueueMachine = QueueMachine.TestCase
