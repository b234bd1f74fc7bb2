"""The queue: paths at which the index may disagree with the disk, durable until an outcome is committed.

A path is in the queue once. Put again, its row's generation rises: whoever has it leased sees the state from
before, so its commit frees the row for another look instead of taking it out, and no change is lost.

A lease ends with an outcome, or by itself when nobody has renewed it for a while. Either way each lease of a row has
its number, and only the last one's outcome counts. A row whose leases end again and again without an outcome is
suspected of ending the process that works on it: it is leased alone, so that nothing else is suspected with it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.errors import NotFoundError
from store.jobs import Tally, count_jobs
from store.records import JobState, NewTask, Priority, Task
from store.sql import in_numbers, in_texts

LEASE_SECONDS = 600.0  # longer than any one photo takes; who works longer renews
OLDEST_SHARE = 8  # one of so many goes to the oldest, however urgent others are: nothing waits for ever

_task, _job = schema.task, schema.job
_free = _task.c.lease_until.is_(None)
_due = _task.c.not_before == 0.0
_suspected = text("abandoned > 1")  # word for word as in its index, or SQLite does not use that


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many tasks wait now, are being done, and wait for their time."""

    ready: int
    leased: int
    delayed: int


class TaskQueue:
    """Put, lease, recover; rows leave by `Catalog.commit`. `clock` gives seconds since 1970 and is never set."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def put(self, tasks: Sequence[NewTask]) -> int:
        """Queue paths and count those that are new in their jobs' totals; returns how many are new.

        A path that is queued already keeps its job, takes the more urgent priority and is due at once: there
        is news of it. What a cancelled job asks for is not queued. Raises NotFoundError for a root or a job that does
        not exist, and then nothing is queued.
        """
        if not tasks:
            return 0
        upsert = insert(_task)
        upsert = upsert.on_conflict_do_update(
            index_elements=[_task.c.path],
            set_={
                "generation": _task.c.generation + 1,
                "priority": func.min(_task.c.priority, upsert.excluded.priority),
                "force": _task.c.force | upsert.excluded.force,
                "not_before": 0.0,
            },
        )
        returning = upsert.returning(_task.c.job_id, _task.c.generation)
        async with self._database.write() as connection:
            cancelled = await _cancelled(connection, {task.job_id for task in tasks})
            values = [_values(task) for task in _once(tasks) if task.job_id not in cancelled]
            if not values:
                return 0
            try:
                rows = (await connection.execute(returning, values)).all()
            except IntegrityError as error:
                raise NotFoundError("a task's watch root or job does not exist (any more)") from error
            new = Counter(row.job_id for row in rows if row.generation == 1)
            await count_jobs(connection, {job_id: Tally(total=number) for job_id, number in new.items()})
        return new.total()

    async def lease(self, limit: int, working: Collection[int] = ()) -> list[Task]:
        """Take tasks that are due: a suspect alone, or else the most urgent, and some of the oldest with them.

        `working` are the ids of the tasks that the caller still works on: their leases are renewed. Others that were
        leased LEASE_SECONDS ago are free again.
        """
        now = self._clock()
        async with self._database.write() as connection:
            await _renew(connection, working, now)
            await _expire(connection, now)
            await _come_due(connection, now)
            chosen = await _suspect(connection) or await _choose(connection, limit)
            if not chosen:
                return []
            lease = (
                update(_task)
                .where(in_numbers(_task.c.id, chosen))
                .values(
                    lease_until=now + LEASE_SECONDS,
                    leases=_task.c.leases + 1,
                    attempts=_task.c.attempts + 1,
                )
                .returning(_task)
            )
            rows = (await connection.execute(lease)).all()
        return sorted((_record(row) for row in rows), key=lambda task: (task.priority, task.id))

    async def recover(self) -> int:
        """At start: free what was leased when the process died, and remember that it was; returns how many.

        What was delayed is due: the time it was given was by the clock of another process, and what it waited for may
        be back.
        """
        async with self._database.write() as connection:
            await connection.execute(update(_task).where(_free, _task.c.not_before > 0).values(not_before=0.0))
            return await _abandon(connection, _task.c.lease_until.is_not(None))

    async def release(self) -> int:
        """At the end of an orderly stop: free what is still leased, and hold it against none; returns how many."""
        free = update(_task).where(_task.c.lease_until.is_not(None)).values(lease_until=None)
        async with self._database.write() as connection:
            return (await connection.execute(free)).rowcount

    async def depth(self) -> QueueDepth:
        """How many tasks there are, by what they wait for."""
        delayed = _task.c.not_before > self._clock()
        async with self._database.read() as connection:
            return QueueDepth(
                ready=await _count(connection, _free & ~delayed),
                leased=await _count(connection, _task.c.lease_until.is_not(None)),
                delayed=await _count(connection, _free & delayed),
            )

    async def next_due(self) -> float | None:
        """Seconds until the next delayed task is due; None if none is delayed."""
        now = self._clock()
        query = select(func.min(_task.c.not_before)).where(_free, _task.c.not_before > now)
        async with self._database.read() as connection:
            due = await connection.scalar(query)
        return None if due is None else due - now


# -- leasing ---------------------------------------------------------------------------------------------------------


async def _renew(connection: AsyncConnection, working: Collection[int], now: float) -> None:
    if working:
        ending = in_numbers(_task.c.id, working) & (_task.c.lease_until < now + LEASE_SECONDS / 2)
        await connection.execute(update(_task).where(ending).values(lease_until=now + LEASE_SECONDS))


async def _expire(connection: AsyncConnection, now: float) -> None:
    await _abandon(connection, _task.c.lease_until <= now)


async def _abandon(connection: AsyncConnection, ended: ColumnElement[bool]) -> int:
    free = update(_task).where(ended).values(lease_until=None, abandoned=_task.c.abandoned + 1)
    return (await connection.execute(free)).rowcount


async def _come_due(connection: AsyncConnection, now: float) -> None:
    """Rows that have waited long enough join those that are due, so that leasing need not look through the others."""
    due = update(_task).where(_free, _task.c.not_before > 0, _task.c.not_before <= now)
    await connection.execute(due.values(not_before=0.0))


async def _suspect(connection: AsyncConnection) -> list[int]:
    query = select(_task.c.id).where(_suspected, _free, _due).order_by(_task.c.id).limit(1)
    return list(await connection.scalars(query))


async def _choose(connection: AsyncConnection, limit: int) -> list[int]:
    waiting = []
    for priority in Priority:
        query = select(_task.c.id).where(_free, _due, _task.c.priority == priority).order_by(_task.c.id).limit(limit)
        waiting.append(list(await connection.scalars(query)))
    return fair_share(waiting, limit)


def fair_share(waiting: Sequence[Sequence[int]], limit: int) -> list[int]:
    """Which ids to take: `waiting` has those of each priority, the most urgent first, each in the order of age.

    One of OLDEST_SHARE goes to the oldest of all, so that no stream of urgent tasks starves the others.
    """
    oldest = set(heapq.nsmallest(limit // OLDEST_SHARE, (one for ids in waiting for one in ids)))
    urgent = [one for ids in waiting for one in ids if one not in oldest]
    return [*oldest, *urgent[: limit - len(oldest)]]


# -- rows ------------------------------------------------------------------------------------------------------------


async def _cancelled(connection: AsyncConnection, job_ids: Collection[str]) -> set[str]:
    query = select(_job.c.id).where(in_texts(_job.c.id, job_ids), _job.c.state == JobState.CANCELLED)
    return set(await connection.scalars(query))


async def _count(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    return int(await connection.scalar(select(func.count()).select_from(_task).where(condition)) or 0)


def _once(tasks: Iterable[NewTask]) -> Iterable[NewTask]:
    """Each path once: one statement cannot upsert a row twice."""
    merged: dict[str, NewTask] = {}
    for task in tasks:
        first = merged.setdefault(task.path, task)
        merged[task.path] = replace(first, priority=min(first.priority, task.priority), force=first.force or task.force)
    return merged.values()


def _values(task: NewTask) -> dict[str, Any]:
    return {
        "path": task.path,
        "root_id": task.root_id,
        "job_id": task.job_id,
        "priority": task.priority,
        "force": task.force,
        "attempts": 0,
        "generation": 1,
        "not_before": 0.0,
    }


def _record(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        path=row.path,
        root_id=row.root_id,
        job_id=row.job_id,
        priority=Priority(row.priority),
        attempts=row.attempts,
        lease=row.leases,
        abandoned=row.abandoned,
        generation=row.generation,
        force=row.force,
    )
