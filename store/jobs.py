"""Jobs: pieces of work that a user can follow, with their counts and their log."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.paging import Page, decode_cursor, encode_cursor
from store.records import JobKind, JobRecord, JobState, LogLine
from store.sql import in_texts

DROPPED_AT_ONCE = 5_000  # rows of one transaction: tens of milliseconds, between which others write

_job, _log, _task = schema.job, schema.job_log, schema.task
_accounted = _job.c.done + _job.c.skipped + _job.c.failed


@dataclass(slots=True)
class Tally:
    """What is to be added to a job's counts."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0


class JobStore:
    """A job is DONE when it is closed and every task ever counted in its total is accounted for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, kind: JobKind, path: str | None = None, collection: str | None = None) -> JobRecord:
        """A new job, open: its total may still grow."""
        job_id = str(uuid.uuid4())
        async with self._database.write() as connection:
            await connection.execute(
                insert(_job).values(
                    id=job_id,
                    kind=kind,
                    state=JobState.RUNNING,
                    path=path,
                    collection=collection,
                    total=0,
                    done=0,
                    skipped=0,
                    failed=0,
                    closed=False,
                    created_at=datetime.now(UTC),
                )
            )
            return await _one(connection, job_id)

    async def close_job(self, job_id: str) -> JobRecord:
        """Nothing will be added: the job is DONE as soon as all is accounted for. Raises NotFoundError."""
        async with self._database.write() as connection:
            await connection.execute(update(_job).where(_job.c.id == job_id).values(closed=True))
            await _settle(connection, [job_id])
            return await _one(connection, job_id)

    async def fail(self, job_id: str, code: str, message: str) -> JobRecord:
        """The job could not be carried out; what it has queued is still done. Raises NotFoundError.

        A job that was cancelled stays so.
        """
        async with self._database.write() as connection:
            await connection.execute(
                update(_job)
                .where(_job.c.id == job_id, _job.c.state != JobState.CANCELLED)
                .values(
                    state=JobState.FAILED,
                    closed=True,
                    finished_at=datetime.now(UTC),
                    error_code=code,
                    error_message=message,
                )
            )
            return await _one(connection, job_id)

    async def cancel(self, job_id: str) -> JobRecord:
        """End a running job: what is in work for it is finished and counted, what else it has queued is dropped.

        The files themselves are not settled by that: the next scan of their root finds what is still to be done.
        Raises NotFoundError, and ConflictError for a job that has ended already.
        """
        async with self._database.write() as connection:
            job = await _one(connection, job_id)
            if job.state is not JobState.RUNNING:
                raise ConflictError(f"job {job_id} has ended already: it is {job.state}")
            ended = {"state": JobState.CANCELLED, "closed": True, "finished_at": datetime.now(UTC)}
            await connection.execute(update(_job).where(_job.c.id == job_id).values(ended))
        while await self._drop(job_id):
            pass
        async with self._database.read() as connection:
            return await _one(connection, job_id)

    async def _drop(self, job_id: str) -> int:
        """Take some of the job's tasks out of the queue; returns how many. Others may write between two calls."""
        some = select(_task.c.id).where(_task.c.job_id == job_id, _task.c.lease_until.is_(None)).limit(DROPPED_AT_ONCE)
        async with self._database.write() as connection:
            dropped = (await connection.execute(delete(_task).where(_task.c.id.in_(some)))).rowcount
            if dropped:
                fewer = _job.c.total - dropped
                await connection.execute(update(_job).where(_job.c.id == job_id).values(total=fewer))
        return dropped

    async def log(self, job_id: str, level: str, message: str) -> None:
        """Add a line to the job's log. Raises NotFoundError."""
        line = {"job_id": job_id, "at": datetime.now(UTC), "level": level, "message": message}
        async with self._database.write() as connection:
            try:
                await connection.execute(insert(_log), line)
            except IntegrityError as error:
                raise _unknown(job_id) from error

    async def get(self, job_id: str) -> JobRecord | None:
        """The job as it is now."""
        async with self._database.read() as connection:
            return (await read_jobs(connection, [job_id])).get(job_id)

    async def log_of(self, job_id: str, limit: int = 200) -> list[LogLine]:
        """The last lines of the job's log, the oldest first."""
        query = select(_log).where(_log.c.job_id == job_id).order_by(_log.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [LogLine(at=row.at, level=row.level, message=row.message) for row in reversed(rows)]

    async def recent(self, limit: int, cursor: str | None = None) -> Page[JobRecord]:
        """Jobs, the newest first. Raises InvalidCursorError."""
        query = select(_job).order_by(_job.c.number.desc()).limit(limit + 1)
        if cursor is not None:
            (before,) = decode_cursor("jobs", cursor, int)
            query = query.where(_job.c.number < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        more = len(rows) > limit
        rows = rows[:limit]
        return Page([_record(row) for row in rows], encode_cursor("jobs", [rows[-1].number]) if more else None)

    async def running(self) -> list[JobRecord]:
        """Jobs that are not finished, the oldest first."""
        query = select(_job).where(_job.c.state == JobState.RUNNING).order_by(_job.c.number)
        async with self._database.read() as connection:
            return [_record(row) for row in await connection.execute(query)]

    async def recover(self) -> None:
        """At start: whoever was adding to the running jobs is gone. Those with nothing queued are DONE.

        A cancellation that was interrupted is ended.
        """
        queued = select(_task.c.id).where(_task.c.job_id == _job.c.id).exists()
        running = _job.c.state == JobState.RUNNING
        async with self._database.write() as connection:
            await connection.execute(update(_job).where(running).values(closed=True))
            await connection.execute(
                update(_job)
                .where(running, ~queued)
                .values(state=JobState.DONE, finished_at=datetime.now(UTC), total=_accounted)
            )
            cancelled = list(
                await connection.scalars(select(_job.c.id).where(_job.c.state == JobState.CANCELLED, queued))
            )
        for job_id in cancelled:
            while await self._drop(job_id):
                pass


async def count_jobs(connection: AsyncConnection, tallies: Mapping[str, Tally]) -> None:
    """Add to the counts of jobs and finish those that are complete; within the caller's transaction."""
    if not tallies:
        return
    statement = (
        update(_job)
        .where(_job.c.id == bindparam("job_id"))
        .values(
            total=_job.c.total + bindparam("more"),
            done=_job.c.done + bindparam("done_now"),
            skipped=_job.c.skipped + bindparam("skipped_now"),
            failed=_job.c.failed + bindparam("failed_now"),
        )
    )
    await connection.execute(
        statement,
        [
            {
                "job_id": job_id,
                "more": tally.total,
                "done_now": tally.done,
                "skipped_now": tally.skipped,
                "failed_now": tally.failed,
            }
            for job_id, tally in tallies.items()
        ],
    )
    await _settle(connection, tallies)


async def read_jobs(connection: AsyncConnection, ids: Collection[str]) -> dict[str, JobRecord]:
    """Those of the jobs that exist, by id, in order of creation."""
    query = select(_job).where(in_texts(_job.c.id, ids)).order_by(_job.c.number)
    return {row.id: _record(row) for row in await connection.execute(query)}


async def _settle(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Hold the rule of JobStore after a change: a job that was done and got another task runs again."""
    await connection.execute(
        update(_job)
        .where(
            in_texts(_job.c.id, ids),
            _job.c.state == JobState.RUNNING,
            _job.c.closed,
            _job.c.total <= _accounted,
        )
        .values(state=JobState.DONE, finished_at=datetime.now(UTC))
    )
    await connection.execute(
        update(_job)
        .where(in_texts(_job.c.id, ids), _job.c.state == JobState.DONE, _job.c.total > _accounted)
        .values(state=JobState.RUNNING, finished_at=None)
    )


async def _one(connection: AsyncConnection, job_id: str) -> JobRecord:
    found = await read_jobs(connection, [job_id])
    if not found:
        raise _unknown(job_id)
    return found[job_id]


def _unknown(job_id: str) -> NotFoundError:
    return NotFoundError(f"there is no job {job_id}")


def _record(row: Row[Any]) -> JobRecord:
    return JobRecord(
        id=row.id,
        kind=row.kind,
        state=row.state,
        path=row.path,
        collection=row.collection,
        total=row.total,
        done=row.done,
        skipped=row.skipped,
        failed=row.failed,
        closed=row.closed,
        created_at=row.created_at,
        finished_at=row.finished_at,
        error_code=row.error_code,
        error_message=row.error_message,
    )
