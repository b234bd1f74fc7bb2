"""Collections: named sets of images."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.jobs import Tally, count_jobs
from store.records import CollectionRecord, FileState, RootOrigin
from store.sql import in_texts
from store.stale_points import mark_stale

_collection, _image, _file = schema.collection, schema.image, schema.file
_member, _root, _task = schema.collection_image, schema.watch_root, schema.task


class CollectionStore:
    """Names, counts and the end of collections; membership itself follows from the roots, at each commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure(self, name: str) -> int:
        """The id of the collection with this name, which is created if there is none."""
        async with self._database.write() as connection:
            return await ensure_collection(connection, name)

    async def create(self, name: str, description: str = "") -> CollectionRecord:
        """A new, empty collection. Raises ConflictError if the name is taken."""
        async with self._database.write() as connection:
            inserted = await connection.execute(
                insert(_collection)
                .values(name=name, description=description, created_at=datetime.now(UTC))
                .on_conflict_do_nothing()
                .returning(_collection.c.id)
            )
            if inserted.first() is None:
                raise ConflictError(f'there is a collection named "{name}" already')
            return (await _read(connection, _collection.c.name == name))[0]

    async def get(self, name: str) -> CollectionRecord:
        """The collection with this name. Raises NotFoundError."""
        async with self._database.read() as connection:
            found = await _read(connection, _collection.c.name == name)
        if not found:
            raise _unknown(name)
        return found[0]

    async def all(self) -> list[CollectionRecord]:
        """All collections, by name."""
        async with self._database.read() as connection:
            return await _read(connection)

    async def delete(self, name: str) -> set[str]:
        """Forget a collection; no file on disk is touched.

        Roots that were only indexed, not watched, go with it. Images then in no collection are forgotten;
        what the models gave for them is kept, so that they come back without the model. Returns the ids of
        all images whose point became stale. Raises NotFoundError, or ConflictError while a configured root
        feeds the collection.
        """
        async with self._database.write() as connection:
            collection_id = await collection_id_of(connection, name)
            await _refuse_while_watched(connection, collection_id, name)
            affected = await _images_of(connection, collection_id)
            await _delete_roots(connection, collection_id)
            await connection.execute(delete(_collection).where(_collection.c.id == collection_id))
            await _forget_homeless(connection, affected)
            await mark_stale(connection, affected)
        return affected


async def ensure_collection(connection: AsyncConnection, name: str) -> int:
    """See CollectionStore.ensure; within the caller's transaction."""
    await connection.execute(
        insert(_collection).values(name=name, description="", created_at=datetime.now(UTC)).on_conflict_do_nothing()
    )
    return await collection_id_of(connection, name)


async def collection_id_of(connection: AsyncConnection, name: str) -> int:
    """The id of the collection with this name. Raises NotFoundError."""
    found = await connection.scalar(select(_collection.c.id).where(_collection.c.name == name))
    if found is None:
        raise _unknown(name)
    return int(found)


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f'there is no collection named "{name}"')


async def _read(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[CollectionRecord]:
    counts = (
        select(
            func.count().label("images"),
            func.coalesce(func.sum(_image.c.size), 0).label("bytes"),
            func.min(_image.c.taken_at).label("first_taken_at"),
            func.max(_image.c.taken_at).label("last_taken_at"),
            _member.c.collection_id,
        )
        .select_from(_member.join(_image, _image.c.id == _member.c.image_id))
        .where(
            select(_file.c.id)
            .where(_file.c.image_id == _member.c.image_id, _file.c.state == FileState.PRESENT)
            .exists()
        )
        .group_by(_member.c.collection_id)
        .subquery()
    )
    query = (
        select(_collection, counts)
        .outerjoin(counts, counts.c.collection_id == _collection.c.id)
        .where(*where)
        .order_by(_collection.c.name)
    )
    roots: dict[int, list[str]] = {}
    for row in await connection.execute(select(_root.c.collection_id, _root.c.path).order_by(_root.c.path)):
        roots.setdefault(row.collection_id, []).append(row.path)
    return [_record(row, tuple(roots.get(row.id, ()))) for row in await connection.execute(query)]


def _record(row: Row[tuple[object, ...]], roots: tuple[str, ...]) -> CollectionRecord:
    return CollectionRecord(
        id=row.id,
        name=row.name,
        description=row.description,
        created_at=row.created_at,
        images=row.images or 0,
        bytes=row.bytes or 0,
        roots=roots,
        first_taken_at=row.first_taken_at,
        last_taken_at=row.last_taken_at,
    )


async def _refuse_while_watched(connection: AsyncConnection, collection_id: int, name: str) -> None:
    path = await connection.scalar(
        select(_root.c.path).where(_root.c.collection_id == collection_id, _root.c.origin == RootOrigin.CONFIG)
    )
    if path is not None:
        raise ConflictError(f'"{name}" is fed by the watch root {path}: take that out of the configuration first')


async def _images_of(connection: AsyncConnection, collection_id: int) -> set[str]:
    """Members, and what lies in the roots that go with the collection."""
    roots = select(_root.c.id).where(_root.c.collection_id == collection_id)
    members = select(_member.c.image_id).where(_member.c.collection_id == collection_id)
    lying = select(_file.c.image_id).where(_file.c.root_id.in_(roots), _file.c.image_id.is_not(None))
    return set(await connection.scalars(members.union(lying)))


async def _delete_roots(connection: AsyncConnection, collection_id: int) -> None:
    """With their file rows and what is queued for them; the jobs then count less."""
    roots = select(_root.c.id).where(_root.c.collection_id == collection_id)
    await connection.execute(delete(_file).where(_file.c.root_id.in_(roots)))
    dropped = await connection.execute(delete(_task).where(_task.c.root_id.in_(roots)).returning(_task.c.job_id))
    counts = Counter(row.job_id for row in dropped)
    await count_jobs(connection, {job_id: Tally(total=-number) for job_id, number in counts.items()})
    await connection.execute(delete(_root).where(_root.c.collection_id == collection_id))


async def _forget_homeless(connection: AsyncConnection, ids: set[str]) -> None:
    """Those of the images that are in no collection."""
    homeless = set(
        await connection.scalars(
            select(_image.c.id).where(
                in_texts(_image.c.id, ids),
                ~select(_member.c.image_id).where(_member.c.image_id == _image.c.id).exists(),
            )
        )
    )
    await connection.execute(delete(_file).where(in_texts(_file.c.image_id, homeless)))
    await connection.execute(delete(_image).where(in_texts(_image.c.id, homeless)))
