"""The queue: paths at which the index may disagree with the disk, durable until an outcome is committed.

A path is in the queue once. Put again, its row's generation rises: whoever has it leased sees the state from
before, so its commit frees the row for another look instead of taking it out, and no change is lost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, case, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from store import schema
from store.database import Database
from store.errors import NotFoundError
from store.jobs import Tally, count_jobs
from store.records import NewTask, Priority, Task

_task = schema.task


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many tasks wait now, are being done, and wait for their time."""

    ready: int
    leased: int
    delayed: int


class TaskQueue:
    """Put, lease, recover; rows leave by `Catalog.commit`. `clock` gives seconds since 1970."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def put(self, tasks: Sequence[NewTask]) -> int:
        """Queue paths and count those that are new in their jobs' totals; returns how many are new.

        A path that is queued already keeps its job, takes the more urgent priority and is due at once: there
        is news of it. Raises NotFoundError for a root or a job that does not exist, and then nothing is
        queued.
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
            try:
                rows = (await connection.execute(returning, [_values(t) for t in _once(tasks)])).all()
            except IntegrityError as error:
                raise NotFoundError("a task's watch root or job does not exist (any more)") from error
            new = Counter(row.job_id for row in rows if row.generation == 1)
            await count_jobs(connection, {job_id: Tally(total=number) for job_id, number in new.items()})
        return new.total()

    async def lease(self, limit: int) -> list[Task]:
        """Take tasks that are ready and due, the most urgent and then the oldest first."""
        due = (
            select(_task.c.id)
            .where(~_task.c.leased, _task.c.not_before <= self._clock())
            .order_by(_task.c.priority, _task.c.id)
            .limit(limit)
        )
        lease = (
            update(_task).where(_task.c.id.in_(due)).values(leased=True, attempts=_task.c.attempts + 1).returning(_task)
        )
        async with self._database.write() as connection:
            rows = (await connection.execute(lease)).all()
        return sorted((_record(row) for row in rows), key=lambda task: (task.priority, task.id))

    async def recover(self) -> int:
        """At start: free what was leased when the process ended; returns how many."""
        async with self._database.write() as connection:
            freed = await connection.execute(update(_task).where(_task.c.leased).values(leased=False))
        return freed.rowcount

    async def depth(self) -> QueueDepth:
        """How many tasks there are, by what they wait for."""
        delayed = ~_task.c.leased & (_task.c.not_before > self._clock())
        query = select(
            func.count().label("all"),
            func.coalesce(func.sum(case((_task.c.leased, 1), else_=0)), 0).label("leased"),
            func.coalesce(func.sum(case((delayed, 1), else_=0)), 0).label("delayed"),
        ).select_from(_task)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
        return QueueDepth(ready=row.all - row.leased - row.delayed, leased=row.leased, delayed=row.delayed)

    async def next_due(self) -> float | None:
        """Seconds until the next delayed task is due; None if none is delayed."""
        now = self._clock()
        query = select(func.min(_task.c.not_before)).where(~_task.c.leased, _task.c.not_before > now)
        async with self._database.read() as connection:
            due = await connection.scalar(query)
        return None if due is None else due - now


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
        "leased": False,
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
        generation=row.generation,
        force=row.force,
    )
