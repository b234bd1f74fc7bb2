"""Leasing: who goes first, whose lease ends when, and what is left alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.util import await_only

from store.catalog import Catalog
from store.queue import LEASE_SECONDS, OLDEST_SHARE, QueueDepth, fair_share
from store.records import Deferred, NewTask, Priority, Unchanged
from store.steady_clock import steady_clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Clock, Library


# -- priorities --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=60), st.integers(1, 40))
def test_a_share_is_whole_urgent_and_leaves_the_oldest_in(priorities: list[int], limit: int) -> None:
    waiting = [[one for one, priority in enumerate(priorities) if priority == wanted] for wanted in range(3)]
    taken = fair_share(waiting, limit)
    assert len(taken) == len(set(taken)) == min(limit, len(priorities))
    assert set(range(min(limit // OLDEST_SHARE, len(priorities)))) <= set(taken)
    by_urgency = [one for ids in waiting for one in ids]
    assert set(by_urgency[: limit - limit // OLDEST_SHARE]) <= set(taken)


async def test_a_stream_of_urgent_tasks_starves_nobody(library: Library) -> None:
    queue, root = library.catalog.queue, library.roots["/a"].id
    await queue.put([NewTask(f"/a/scan{n}.jpg", root, library.job_id, Priority.SCAN) for n in range(10)])
    leases = 0
    scanned = 0
    while scanned < 10:
        batch = [NewTask(f"/a/{leases}-{n}.jpg", root, library.job_id, Priority.UPLOAD) for n in range(16)]
        await queue.put(batch)
        tasks = await queue.lease(16)
        await library.catalog.commit([Unchanged(task) for task in tasks])
        scanned += sum(task.priority is Priority.SCAN for task in tasks)
        leases += 1
        assert leases <= 5
    assert leases == 5  # two of sixteen each time


# -- leases ------------------------------------------------------------------------------------------------------------


async def test_a_lease_ends_by_itself_and_its_late_outcome_changes_nothing(library: Library, clock: Clock) -> None:
    catalog = library.catalog
    (late,) = await library.lease("/a/1.jpg")
    clock.now += LEASE_SECONDS - 1
    assert await catalog.queue.lease(10) == []
    clock.now += 1
    (current,) = await catalog.queue.lease(10)
    assert (current.path, current.abandoned) == ("/a/1.jpg", 1)

    report = await catalog.commit([library.indexed(late, "what was there before")])
    assert report.jobs == ()
    assert await catalog.files.count() == 0
    assert (await catalog.queue.depth()).leased == 1

    await catalog.commit([library.indexed(current, "what is there now")])
    [image] = (await catalog.images.page(10)).items
    assert image.id == library.id("what is there now")
    await catalog.commit([library.indexed(late, "what was there before")])
    assert (await catalog.images.totals()).images == 1


async def test_a_lease_that_ended_still_counts_until_there_is_another(library: Library, clock: Clock) -> None:
    _, late = await library.lease("/a/1.jpg", "/a/2.jpg")
    clock.now += LEASE_SECONDS
    (first,) = await library.catalog.queue.lease(1)
    assert first.path == "/a/1.jpg"
    await library.catalog.commit([library.indexed(late, "seen")])
    assert set(await library.catalog.files.by_paths(["/a/2.jpg"])) == {"/a/2.jpg"}
    assert await library.catalog.queue.lease(10) == []


async def test_who_still_works_keeps_the_lease(library: Library, clock: Clock) -> None:
    (held, _) = await library.lease("/a/held.jpg", "/a/dropped.jpg")
    for _ in range(3):
        clock.now += 0.9 * LEASE_SECONDS
        assert "/a/held.jpg" not in {task.path for task in await library.catalog.queue.lease(10, [held.id])}
    await library.catalog.commit([library.indexed(held, "held")])
    assert set(await library.catalog.files.by_paths(["/a/held.jpg"])) == {"/a/held.jpg"}


async def test_a_clock_that_is_set_neither_delays_nor_frees(tmp_path: Path, library_class: type[Library]) -> None:
    wall, monotonic = 1_700_000_000.0, 5_000.0
    catalog = Catalog(tmp_path, lambda: wall, steady_clock(lambda: wall, lambda: monotonic))
    await catalog.open()
    library = await library_class.build(catalog)
    leased, deferred = await library.lease("/a/leased.jpg", "/a/deferred.jpg")
    for step in (3600.0, -7200.0):
        await catalog.commit([Deferred(deferred, 5.0, "UNREADABLE", "not now")])
        wall += step
        assert await catalog.queue.lease(10) == []  # set forward: neither is the lease over nor the delay
        assert await catalog.queue.next_due() == pytest.approx(5.0)
        wall, monotonic = wall + 5, monotonic + 5
        (deferred,) = await catalog.queue.lease(10)
        assert deferred.path == "/a/deferred.jpg"
    assert (await catalog.queue.depth()).leased == 2
    assert len((await catalog.commit([Unchanged(leased)])).jobs) == 1
    await catalog.close()


async def test_a_delay_by_another_processs_clock_ends_with_that_process(
    tmp_path: Path, library_class: type[Library]
) -> None:
    before = Catalog(tmp_path, steady=lambda: 2_000_000_000.0)
    await before.open()
    (task,) = await (await library_class.build(before)).lease("/a/1.jpg")
    await before.commit([Deferred(task, 60.0, "ML_SERVICE_DOWN", "not now")])
    await before.close()
    after = Catalog(tmp_path, steady=lambda: 1_000_000_000.0)  # the clock was set back meanwhile
    await after.open()
    await after.queue.recover()
    assert [task.path for task in await after.queue.lease(10)] == ["/a/1.jpg"]
    await after.close()


async def test_no_outcome_puts_a_task_off_for_more_than_an_hour(library: Library) -> None:
    (task,) = await library.lease("/a/1.jpg")
    await library.catalog.commit([Deferred(task, 1e12, "UNREADABLE", "not now")])
    assert await library.catalog.queue.next_due() == pytest.approx(3600.0)


# -- suspects ----------------------------------------------------------------------------------------------------------


async def test_what_was_leased_when_the_process_died_twice_is_leased_alone(library: Library) -> None:
    queue = library.catalog.queue
    await library.lease("/a/1.jpg", "/a/2.jpg")
    assert await queue.recover() == 2
    assert [task.suspected for task in await queue.lease(10)] == [False, False]
    assert await queue.recover() == 2
    root = library.roots["/a"].id
    await queue.put([NewTask("/a/3.jpg", root, library.job_id, Priority.UPLOAD)])
    (first,) = await queue.lease(10)
    assert (first.path, first.suspected) == ("/a/1.jpg", True)
    assert await queue.recover() == 1  # and only that one is blamed
    assert [task.abandoned for task in await queue.lease(10)] == [3]
    (second,) = await queue.lease(10)
    assert (second.path, second.abandoned) == ("/a/2.jpg", 2)
    assert [task.path for task in await queue.lease(10)] == ["/a/3.jpg"]


async def test_an_outcome_clears_the_suspicion_and_an_orderly_stop_raises_none(library: Library) -> None:
    queue = library.catalog.queue
    await library.lease("/a/1.jpg")
    await queue.recover()
    await queue.lease(10)
    await queue.recover()
    (task,) = await queue.lease(10)
    await library.catalog.commit([Deferred(task, 0.0, "ML_SERVICE_DOWN", "not now")])
    for _ in range(3):
        (task,) = await queue.lease(10)
        assert task.abandoned == 0
        assert await queue.release() == 1


# -- a long backlog ----------------------------------------------------------------------------------------------------


ROWS = 1_000_000


class Machine:
    """Counts the steps of SQLite's virtual machine, by the thousand: they depend on nothing else on the computer."""

    def __init__(self) -> None:
        self.steps = 0

    def _count(self) -> int:
        self.steps += 1
        return 0

    def watch(self, connection: Any, *_rest: object) -> None:
        if not isinstance(connection, sqlite3.Connection):  # that of the migrations
            await_only(connection.driver_connection.set_progress_handler(self._count, 1000))


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Watches every connection that is made from now on."""
    machine = Machine()
    event.listen(Engine, "connect", machine.watch)
    yield machine
    event.remove(Engine, "connect", machine.watch)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_million_tasks_take_no_memory_and_lease_as_easily_as_a_few(machine: Machine, library: Library) -> None:
    catalog, queue, root = library.catalog, library.catalog.queue, library.roots["/a"].id
    process = psutil.Process(os.getpid())

    async def put(first: int, last: int) -> None:
        for start in range(first, last, 5000):
            paths = (f"/a/{number // 1000:04}/IMG_{number:07}.jpg" for number in range(start, start + 5000))
            await queue.put([NewTask(path, root, library.job_id, Priority.SCAN) for path in paths])

    async def rounds() -> int:
        before = machine.steps
        for _ in range(20):
            await catalog.commit([Unchanged(task) for task in await queue.lease(128)])
        return machine.steps - before

    await put(0, 10_000)
    few = await rounds()
    resident = process.memory_info().rss
    await put(10_000, ROWS)
    many = await rounds()
    assert (await queue.depth()).ready > 0.99 * ROWS
    assert process.memory_info().rss - resident < 100 * 2**20
    assert many < 1.5 * few
    for _ in range(20):
        tasks = await queue.lease(5000)
        await catalog.commit([Deferred(task, 300.0, "ML_SERVICE_DOWN", "not now") for task in tasks])
    assert (await queue.depth()).delayed == 100_000
    assert await rounds() < 1.5 * few  # those that wait for their time are not looked through
    job = await catalog.jobs.cancel(library.job_id)
    assert await queue.depth() == QueueDepth(0, 0, 0)
    assert job.total == job.skipped
