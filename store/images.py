"""Images: contents that have been indexed, with what is known of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.collections import collection_id_of
from store.columns import to_microseconds
from store.database import Database
from store.files import file_record
from store.paging import Page, decode_cursor, encode_cursor
from store.records import FileRecord, FileState, ImageFacts, ImageRecord, RootState, TagFact
from store.sql import in_texts

_image, _file, _tag, _root = schema.image, schema.file, schema.image_tag, schema.watch_root
_member, _collection = schema.collection_image, schema.collection
_cache, _space = schema.ml_cache, schema.vector_space

# Facts that are columns of `image` of the same name.
FACT_COLUMNS = tuple(fact.name for fact in fields(ImageFacts) if fact.name != "tags")

_present = select(_file.c.id).where(_file.c.image_id == _image.c.id, _file.c.state == FileState.PRESENT).exists()


@dataclass(frozen=True, slots=True)
class Totals:
    """The library in numbers."""

    images: int  # with a present file
    files: int  # present
    missing: int  # files
    failed: int  # files
    bytes: int  # of present files
    collections: int


class ImageStore:
    """Look-ups of images. They change in `Catalog.commit` only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, sha256: str) -> str | None:
        """The id of the image with this content, if the active vector space has its vector."""
        query = (
            select(_image.c.id)
            .join(_cache, _cache.c.sha256 == _image.c.sha256)
            .join(_space, (_space.c.id == _cache.c.space_id) & _space.c.active)
            .where(_image.c.sha256 == sha256)
        )
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(query)
        return found

    async def get(self, image_id: str) -> ImageRecord | None:
        """One image, whether it has a present file or not."""
        return (await self.many([image_id])).get(image_id)

    async def many(self, ids: Collection[str], *, present_only: bool = False) -> dict[str, ImageRecord]:
        """Those of the images that are known, or that have a present file; in the order of `ids`."""
        async with self._database.read() as connection:
            return await _records(connection, ids, present_only=present_only)

    async def page(self, limit: int, cursor: str | None = None, collection: str | None = None) -> Page[ImageRecord]:
        """Images with a present file, the newest first: by when they were taken, or else indexed.

        Raises InvalidCursorError, and NotFoundError for a collection that does not exist.
        """
        scope = f"images:{collection or ''}"
        query = (
            select(_image.c.id, _image.c.sorts_at)
            .where(_present)
            .order_by(_image.c.sorts_at.desc(), _image.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            at, image_id = decode_cursor(scope, cursor, int, str)
            last = tuple_(literal(at), literal(image_id))
            query = query.where(tuple_(_image.c.sorts_at, _image.c.id) < last)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.where(*await _in(connection, collection)))).all()
            shown = rows[:limit]
            records = await _records(connection, [row.id for row in shown])
        following = None
        if len(rows) > limit:
            following = encode_cursor(scope, [to_microseconds(shown[-1].sorts_at), shown[-1].id])
        return Page(list(records.values()), following)

    async def random(self, limit: int, collection: str | None = None) -> list[ImageRecord]:
        """Images with a present file, drawn anew each time. Raises NotFoundError for a collection."""
        async with self._database.read() as connection:
            where = await _in(connection, collection)
            query = select(_image.c.id).where(_present, *where).order_by(func.random()).limit(limit)
            ids = (await connection.scalars(query)).all()
            return list((await _records(connection, ids)).values())

    async def files(self, image_id: str) -> list[FileRecord]:
        """All files of an image, missing ones too, the oldest row first."""
        query = select(_file).where(_file.c.image_id == image_id).order_by(_file.c.id)
        async with self._database.read() as connection:
            return [file_record(row) for row in await connection.execute(query)]

    async def totals(self) -> Totals:
        """The library in numbers, as of one moment."""
        states = select(_file.c.state, func.count().label("files"), func.sum(_file.c.size).label("bytes"))
        images = select(func.count(_file.c.image_id.distinct())).where(_file.c.state == FileState.PRESENT)
        async with self._database.read() as connection:
            by_state = {row.state: row for row in await connection.execute(states.group_by(_file.c.state))}
            present = by_state.get(FileState.PRESENT)
            return Totals(
                images=int(await connection.scalar(images) or 0),
                files=present.files if present else 0,
                missing=by_state[FileState.MISSING].files if FileState.MISSING in by_state else 0,
                failed=by_state[FileState.FAILED].files if FileState.FAILED in by_state else 0,
                bytes=present.bytes if present else 0,
                collections=int(await connection.scalar(select(func.count()).select_from(_collection)) or 0),
            )


async def _in(connection: AsyncConnection, collection: str | None) -> list[ColumnElement[bool]]:
    if collection is None:
        return []
    collection_id = await collection_id_of(connection, collection)
    return [
        select(_member.c.image_id)
        .where(_member.c.collection_id == collection_id, _member.c.image_id == _image.c.id)
        .exists()
    ]


async def _records(
    connection: AsyncConnection, ids: Iterable[str], *, present_only: bool = False
) -> dict[str, ImageRecord]:
    """In four statements, however many images."""
    wanted = list(dict.fromkeys(ids))
    query = select(_image).where(in_texts(_image.c.id, wanted))
    rows = {row.id: row for row in await connection.execute(query.where(_present) if present_only else query)}
    if not rows:
        return {}
    files = await _files(connection, rows)
    tags = await _tags(connection, rows)
    names = await _collections(connection, rows)
    return {
        image_id: _record(rows[image_id], files[image_id], tags[image_id], names[image_id])
        for image_id in wanted
        if image_id in rows
    }


@dataclass(slots=True)
class _Files:
    """Present files of one image."""

    paths: list[str] = field(default_factory=list)
    online: bool = False  # one of them at least


async def _files(connection: AsyncConnection, ids: Collection[str]) -> dict[str, _Files]:
    online = _root.c.state == RootState.ONLINE
    query = (
        select(_file.c.image_id, _file.c.path, online.label("online"))
        .join(_root, _root.c.id == _file.c.root_id)
        .where(in_texts(_file.c.image_id, ids), _file.c.state == FileState.PRESENT)
        .order_by(online.desc(), _file.c.id)
    )
    found = {image_id: _Files() for image_id in ids}
    for row in await connection.execute(query):
        found[row.image_id].paths.append(row.path)
        found[row.image_id].online |= row.online
    return found


async def _tags(connection: AsyncConnection, ids: Collection[str]) -> dict[str, list[TagFact]]:
    query = select(_tag).where(in_texts(_tag.c.image_id, ids)).order_by(_tag.c.score.desc(), _tag.c.name)
    found: dict[str, list[TagFact]] = {image_id: [] for image_id in ids}
    for row in await connection.execute(query):
        found[row.image_id].append(TagFact(name=row.name, score=row.score, source=row.source))
    return found


async def _collections(connection: AsyncConnection, ids: Collection[str]) -> dict[str, list[str]]:
    query = (
        select(_member.c.image_id, _collection.c.name)
        .join(_collection, _collection.c.id == _member.c.collection_id)
        .where(in_texts(_member.c.image_id, ids))
        .order_by(_collection.c.name)
    )
    found: dict[str, list[str]] = {image_id: [] for image_id in ids}
    for row in await connection.execute(query):
        found[row.image_id].append(row.name)
    return found


def _record(row: Row[Any], files: _Files, tags: list[TagFact], collections: list[str]) -> ImageRecord:
    facts = ImageFacts(**{name: getattr(row, name) for name in FACT_COLUMNS}, tags=tuple(tags))
    return ImageRecord(
        id=row.id,
        facts=facts,
        rating=row.rating,
        indexed_at=row.indexed_at,
        files=tuple(files.paths),
        collections=tuple(collections),
        offline=bool(files.paths) and not files.online,
    )
