"""What must hold within the catalog, and what it says that the other stores should have.

The schema's own rules (foreign keys, checks) keep a catalog sound while photond alone writes to it. A damaged disk, a
file restored by halves or a curious hand do not ask the schema, so all of it can be asked again here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, delete, func, select, text

from store import schema
from store.database import Database
from store.engine_errors import damaged
from store.membership import join
from store.records import FileState, RootState
from store.sql import chunks, in_texts
from store.stale_points import mark_stale

_file, _image, _root, _task = schema.file, schema.image, schema.watch_root, schema.task
_member, _cache, _stale = schema.collection_image, schema.ml_cache, schema.stale_point

_present = select(_file.c.id).where(_file.c.image_id == _image.c.id, _file.c.state == FileState.PRESENT).exists()


@dataclass(frozen=True, slots=True)
class Contents:
    """What the thumbnails' folder and the vector index should have."""

    present: dict[str, str]  # SHA-256 by image id, of images with a present file
    hidden: frozenset[str]  # SHA-256 of the other images: they keep their thumbnails, and have no points


class Integrity:
    """Questions over the whole catalog, and repairs of what the catalog itself can put right."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify(self) -> None:
        """Read the whole file; raises CatalogDamagedError if SQLite finds a page or an index damaged."""
        async with self._database.read() as connection:
            faults = (await connection.scalars(text("PRAGMA integrity_check(3)"))).all()
        if list(faults) != ["ok"]:
            raise damaged(self._database.path, "; ".join(map(str, faults)))

    async def dangling(self) -> dict[str, int]:
        """How many rows of which table refer to a row that does not exist."""
        found: dict[str, int] = {}
        async with self._database.read() as connection:
            for table, dangles in _references():
                count = await connection.scalar(select(func.count()).select_from(table).where(dangles)) or 0
                if count:
                    found[str(table)] = found.get(str(table), 0) + count
        return found

    async def cut_dangling(self) -> None:
        """Delete rows that refer to nothing. What they said of files on disk, the next scan finds out again."""
        async with self._database.write() as connection:
            await connection.execute(text("PRAGMA defer_foreign_keys = ON"))  # a root goes before its files do
            for table, dangles in _references():
                await connection.execute(delete(table).where(dangles))  # type: ignore[arg-type]  # they are tables

    async def unjoined(self) -> set[tuple[int, str]]:
        """Collection and image, where a root feeds the collection with the image, but it is not in it."""
        member = select(_member.c.image_id).where(
            _member.c.image_id == _file.c.image_id, _member.c.collection_id == _root.c.collection_id
        )
        query = (
            select(_root.c.collection_id, _file.c.image_id)
            .join(_root, _root.c.id == _file.c.root_id)
            .where(_file.c.state == FileState.PRESENT, ~member.exists())
            .distinct()
        )
        async with self._database.read() as connection:
            return {(row.collection_id, row.image_id) for row in await connection.execute(query)}

    async def join(self, pairs: Collection[tuple[int, str]]) -> None:
        """Put images into collections; their points are stale then."""
        async with self._database.write() as connection:
            await mark_stale(connection, await join(connection, pairs))

    async def contents(self) -> Contents:
        """All images, by whether they have a present file."""
        query = select(_image.c.id, _image.c.sha256, _present.label("present"))
        present: dict[str, str] = {}
        hidden: set[str] = set()
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                if row.present:
                    present[row.id] = row.sha256
                else:
                    hidden.add(row.sha256)
        return Contents(present, frozenset(hidden))

    async def with_result(self, space_id: str) -> set[str]:
        """Images with a present file and a cached result in this space, sound or not."""
        query = (
            select(_image.c.id)
            .join(_cache, _cache.c.sha256 == _image.c.sha256)
            .where(_cache.c.space_id == space_id, _present)
        )
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    async def forget_results(self, image_ids: Collection[str], space_id: str) -> None:
        """Delete the cached results of these images in this space."""
        hashes = select(_image.c.sha256).where(in_texts(_image.c.id, image_ids))
        async with self._database.write() as connection:
            await connection.execute(delete(_cache).where(_cache.c.space_id == space_id, _cache.c.sha256.in_(hashes)))

    async def stale(self) -> set[str]:
        """Images whose points are marked stale."""
        async with self._database.read() as connection:
            return set(await connection.scalars(select(_stale.c.image_id)))

    async def awaited(self) -> set[str]:
        """Images of which a present file is queued to be read again, whatever is known of it."""
        query = (
            select(_file.c.image_id)
            .join(_task, _task.c.path == _file.c.path)
            .where(_task.c.force, _file.c.state == FileState.PRESENT)
        )
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    async def queued(self, paths: Collection[str]) -> set[str]:
        """Those of the paths that wait in the queue."""
        found: set[str] = set()
        async with self._database.read() as connection:
            for some in chunks(list(paths)):
                found |= set(await connection.scalars(select(_task.c.path).where(_task.c.path.in_(some))))
        return found

    async def one_file_of(self, image_ids: Collection[str]) -> list[tuple[str, int]]:
        """Path and root id of a present file of each image, of a root that is online where there is one."""
        query = (
            select(_file.c.image_id, _file.c.path, _file.c.root_id)
            .join(_root, _root.c.id == _file.c.root_id)
            .where(in_texts(_file.c.image_id, image_ids), _file.c.state == FileState.PRESENT)
            .order_by(_root.c.state == RootState.OFFLINE, _file.c.id)
        )
        found: dict[str, tuple[str, int]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.image_id, (row.path, row.root_id))
        return list(found.values())


def _references() -> Iterator[tuple[FromClause, ColumnElement[bool]]]:
    """Each table with the condition that a row's reference dangles; those referred to before those that refer."""
    for table in schema.metadata.sorted_tables:
        for key in table.foreign_keys:
            yield table, key.parent.is_not(None) & key.parent.not_in(select(key.column))
