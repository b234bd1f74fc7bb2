"""The one transaction that ends a batch of tasks: rows, memberships, model results, queue and counts.

Thumbnail and vector were written before it, so when it returns the photo is searchable, and when it does not
happen the tasks are still in the queue and are done again. A batch of any size takes the same few statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.errors import ConflictError, PointRejectedError
from store.files import file_record
from store.images import FACT_COLUMNS
from store.jobs import Tally, count_jobs, read_jobs
from store.membership import in_several, join, leave
from store.plan import Plan, plan
from store.records import (
    Attached,
    CommitReport,
    Deferred,
    Failed,
    FileRecord,
    ImageFacts,
    Indexed,
    Moved,
    Outcome,
    Unchanged,
)
from store.spaces import active_space
from store.sql import chunks, in_numbers, in_texts
from store.stale_points import mark_stale

_file, _image, _tag, _cache = schema.file, schema.image, schema.image_tag, schema.ml_cache
_root, _task = schema.watch_root, schema.task

LONGEST_DELAY = 3600.0  # seconds that any outcome can put a task off


async def commit_outcomes(
    connection: AsyncConnection, outcomes: Sequence[Outcome], at: datetime, now: float
) -> CommitReport:
    """See Catalog.commit; within the caller's transaction. `now` is the queue's time, `at` what the records say."""
    leases = await _leases(connection, outcomes)
    outcomes = [outcome for outcome in outcomes if outcome.task.id in leases]
    planned = plan(
        outcomes,
        await _rows(connection, outcomes),
        roots=await _roots(connection),
        images=await _images(connection, outcomes),
        now=at,
    )
    await _write_images(connection, planned.indexed, at)
    await _write_files(connection, planned)
    await _mark_orphans(connection, planned.lost, at)
    stale = await _change_memberships(connection, planned)
    await mark_stale(connection, stale)
    tallies = await _complete_tasks(connection, outcomes, leases, planned.again, now)
    await count_jobs(connection, tallies)
    jobs = await read_jobs(connection, tallies) if tallies else {}
    return CommitReport(jobs=tuple(jobs.values()), stale_points=frozenset(stale))


# -- what there is -------------------------------------------------------------------------------------------


async def _rows(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> list[FileRecord]:
    moving = [outcome.file_id for outcome in outcomes if isinstance(outcome, Moved)]
    rows = list(await connection.execute(select(_file).where(in_numbers(_file.c.id, moving))))
    for paths in chunks([outcome.task.path for outcome in outcomes]):
        rows += await connection.execute(select(_file).where(_file.c.path.in_(paths)))
    return [file_record(row) for row in rows]


async def _roots(connection: AsyncConnection) -> dict[int, int]:
    rows = await connection.execute(select(_root.c.id, _root.c.collection_id))
    return {row.id: row.collection_id for row in rows}


async def _images(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> set[str]:
    attached = {outcome.image_id for outcome in outcomes if isinstance(outcome, Attached)}
    return set(await connection.scalars(select(_image.c.id).where(in_texts(_image.c.id, attached))))


# -- images, with what the models gave -----------------------------------------------------------------------


async def _write_images(connection: AsyncConnection, indexed: Sequence[Indexed], at: datetime) -> None:
    if not indexed:
        return
    facts = {outcome.facts.id: outcome.facts for outcome in indexed}
    await connection.execute(_upsert_image(), [_image_row(fact, at) for fact in facts.values()])
    await connection.execute(
        delete(_tag).where(in_texts(_tag.c.image_id, facts), _tag.c.source != "user")
    )  # what the user said outlives every model
    tags = [
        {"image_id": image_id, "source": tag.source, "name": tag.name, "score": tag.score}
        for image_id, fact in facts.items()
        for tag in fact.tags
    ]
    if tags:
        await connection.execute(insert(_tag).prefix_with("OR REPLACE"), tags)
    await _write_cache(connection, indexed)


def _upsert_image() -> Any:
    statement = upsert(_image)
    new = statement.excluded
    facts = {name: new[name] for name in FACT_COLUMNS if name != "sha256"}
    sorts_at = case((new.taken_at.is_(None), _image.c.indexed_at), else_=new.sorts_at)
    return statement.on_conflict_do_update(index_elements=[_image.c.id], set_={**facts, "sorts_at": sorts_at})


def _image_row(facts: ImageFacts, at: datetime) -> dict[str, Any]:
    return {
        "id": facts.id,
        **{name: getattr(facts, name) for name in FACT_COLUMNS},
        "indexed_at": at,
        "sorts_at": _taken(facts) or at,
    }


def _taken(facts: ImageFacts) -> datetime | None:
    """A camera that says no zone is taken to be in UTC: good enough to sort by."""
    try:
        taken = datetime.fromisoformat(facts.taken_at or "")
    except ValueError:
        return None
    return taken if taken.tzinfo else taken.replace(tzinfo=UTC)


async def _write_cache(connection: AsyncConnection, indexed: Sequence[Indexed]) -> None:
    space = await active_space(connection)
    if space is None:
        raise ConflictError("no vector space is active: nothing can be indexed before a model is loaded")
    for outcome in indexed:
        if outcome.vector.shape != (space.dimensions,):
            raise PointRejectedError(
                f"{outcome.task.path}: a vector of shape {outcome.vector.shape}"
                f" in a space of {space.dimensions} dimensions"
            )
    statement = upsert(_cache)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_cache.c.sha256, _cache.c.space_id],
            set_={"vector": statement.excluded.vector, "text": statement.excluded.text},
        ),
        [
            {
                "sha256": outcome.facts.sha256,
                "space_id": space.id,
                "vector": outcome.vector,
                "text": _text(outcome.facts),
            }
            for outcome in indexed
        ],
    )


def _text(facts: ImageFacts) -> dict[str, Any]:
    return {"caption": facts.caption, "tags": [[tag.name, tag.score] for tag in facts.tags]}


# -- files and collections -----------------------------------------------------------------------------------


async def _write_files(connection: AsyncConnection, planned: Plan) -> None:
    if planned.deleted:
        await connection.execute(delete(_file).where(in_numbers(_file.c.id, planned.deleted)))
    if planned.renamed:
        # Paths are unique at every moment and rows may swap theirs: they step aside first. No path has a NUL.
        aside = [{"row_id": row_id, "path": f"\0{row_id}"} for row_id in planned.renamed]
        await connection.execute(update(_file).where(_file.c.id == bindparam("row_id")), aside)
    if planned.updated:
        rows = [{"row_id": row.id, **_file_row(row)} for row in planned.updated]
        await connection.execute(update(_file).where(_file.c.id == bindparam("row_id")), rows)
    if planned.inserted:
        await connection.execute(insert(_file), [_file_row(row) for row in planned.inserted])


async def _mark_orphans(connection: AsyncConnection, lost: set[str], at: datetime) -> None:
    if lost:
        named = select(_file.c.id).where(_file.c.image_id == _image.c.id).exists()
        orphaned = update(_image).where(in_texts(_image.c.id, lost), ~named)
        await connection.execute(orphaned.values(orphaned_since=at))


def _file_row(row: FileRecord) -> dict[str, Any]:
    failure = row.failure
    return {
        "root_id": row.root_id,
        "path": row.path,
        "size": row.stat.size,
        "mtime_ns": row.stat.mtime_ns,
        "inode": row.stat.inode,
        "device": row.stat.device,
        "state": row.state,
        "image_id": row.image_id,
        "failure_code": failure.code if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_attempts": failure.attempts if failure else None,
        "failed_at": failure.at if failure else None,
        "missing_since": row.missing_since,
    }


async def _change_memberships(connection: AsyncConnection, planned: Plan) -> set[str]:
    """Join and leave; returns all images whose point does not agree with the catalog after this commit.

    The point of an indexed image was written with its root's collection alone; in others too, it is stale.
    """
    joined = await join(connection, planned.joins)
    left = await leave(connection, planned.leaves)
    several = await in_several(connection, {outcome.facts.id for outcome in planned.indexed})
    return planned.stale | ((joined | left) & planned.moved) | several


# -- queue and jobs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lease:
    generation: int
    job_id: str


async def _leases(connection: AsyncConnection, outcomes: Iterable[Outcome]) -> dict[int, _Lease]:
    """The rows of the tasks whose lease is still the last one: the outcome of another may not be true any more."""
    held = {outcome.task.id: outcome.task.lease for outcome in outcomes}
    query = select(_task.c.id, _task.c.generation, _task.c.job_id, _task.c.leases)
    rows = await connection.execute(query.where(in_numbers(_task.c.id, held)))
    return {row.id: _Lease(row.generation, row.job_id) for row in rows if row.leases == held[row.id]}


async def _complete_tasks(
    connection: AsyncConnection,
    outcomes: Iterable[Outcome],
    leases: Mapping[int, _Lease],
    again: set[int],
    now: float,
) -> Mapping[str, Tally]:
    """Take finished rows out and free the others; returns what to count, by job."""
    finished: list[int] = []
    freed: list[dict[str, Any]] = []
    tallies: dict[str, Tally] = {}
    for outcome in outcomes:
        task, lease = outcome.task, leases[outcome.task.id]
        if isinstance(outcome, Deferred):
            due = now + min(outcome.delay, LONGEST_DELAY)
            freed.append({"row_id": task.id, "attempts": task.attempts, "not_before": due})
        elif lease.generation != task.generation or task.id in again:
            freed.append({"row_id": task.id, "attempts": 0, "not_before": 0.0})  # there is news: tries count anew
        else:
            finished.append(task.id)
            _count(tallies.setdefault(lease.job_id, Tally()), outcome)
    if finished:
        await connection.execute(delete(_task).where(in_numbers(_task.c.id, finished)))
    if freed:
        free = update(_task).where(_task.c.id == bindparam("row_id")).values(lease_until=None, abandoned=0)
        await connection.execute(free, freed)
    return tallies


def _count(tally: Tally, outcome: Outcome) -> None:
    match outcome:
        case Unchanged():
            tally.skipped += 1
        case Failed():
            tally.failed += 1
        case _:
            tally.done += 1
