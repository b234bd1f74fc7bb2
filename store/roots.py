"""Watch roots: the folders whose photos are indexed, each into one collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.collections import ensure_collection
from store.database import Database
from store.membership import join, leave
from store.records import DirectoryIdentity, Root, RootOrigin, RootState
from store.stale_points import mark_stale

_root, _collection, _file = schema.watch_root, schema.collection, schema.file


@dataclass(frozen=True, slots=True)
class RootSpec:
    """A watch root as the configuration has it."""

    path: str
    collection: str
    recursive: bool = True
    method: str = "auto"
    exclude: tuple[str, ...] = ()


class RootStore:
    """Roots are known by their path. None is ever forgotten but with its collection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sync_config(self, specs: Sequence[RootSpec]) -> list[Root]:
        """Make the configured roots these, and return them in this order.

        A root that is gone from the configuration stays, indexed and not watched any more. When a root feeds
        another collection than before, its images change collection with it.
        """
        async with self._database.write() as connection:
            await connection.execute(update(_root).values(origin=RootOrigin.INGEST))
            for spec in specs:
                await _put(connection, spec, RootOrigin.CONFIG)
            roots = {root.path: root for root in await _read(connection)}
        return [roots[spec.path] for spec in specs]

    async def ensure_ingest(self, path: str, collection: str) -> Root:
        """The root at this path; a new one is indexed once and not watched.

        A configured root stays as the configuration has it, whatever collection is asked for.
        """
        async with self._database.write() as connection:
            found = await _read(connection, _root.c.path == path)
            if not found or found[0].origin is not RootOrigin.CONFIG:
                await _put(connection, RootSpec(path, collection), RootOrigin.INGEST)
                found = await _read(connection, _root.c.path == path)
        return found[0]

    async def all(self) -> list[Root]:
        """All roots, by path."""
        async with self._database.read() as connection:
            return await _read(connection)

    async def set_state(self, root_id: int, state: RootState) -> None:
        """Remember whether the root's folder is there."""
        async with self._database.write() as connection:
            await connection.execute(update(_root).where(_root.c.id == root_id).values(state=state))

    async def get(self, root_id: int) -> Root | None:
        """The root as it is now."""
        async with self._database.read() as connection:
            found = await _read(connection, _root.c.id == root_id)
        return found[0] if found else None

    async def seen(self, root_id: int, identity: DirectoryIdentity) -> None:
        """Remember which directory the root is.

        If its device has another number than before, as after a reboot, so have the files that were on it: the same
        files then need no look inside, and those of a copy of the library differ in their inodes.
        """
        async with self._database.write() as connection:
            before = (await _read(connection, _root.c.id == root_id))[0].identity
            await _identify(connection, root_id, identity)
            if before is not None and before.device != identity.device:
                was_there = (_file.c.root_id == root_id) & (_file.c.device == before.device)
                await connection.execute(update(_file).where(was_there).values(device=identity.device))

    async def accept(self, root_id: int, identity: DirectoryIdentity) -> None:
        """The user says that this directory is the root, and if it is empty, on purpose; no other device is in it."""
        async with self._database.write() as connection:
            await _identify(connection, root_id, identity)
            elsewhere = (_file.c.root_id == root_id) & (_file.c.device != identity.device)
            await connection.execute(update(_file).where(elsewhere).values(device=identity.device))
            await connection.execute(update(_root).where(_root.c.id == root_id).values(accept_empty=True))

    async def forget_acceptance(self, root_id: int) -> None:
        """What was accepted has come into effect: from now on, an empty folder is suspect again."""
        async with self._database.write() as connection:
            await connection.execute(update(_root).where(_root.c.id == root_id).values(accept_empty=False))

    async def scanned(self, root_id: int, at: datetime) -> None:
        """Remember when the root was last compared with the disk, to the end."""
        async with self._database.write() as connection:
            await connection.execute(update(_root).where(_root.c.id == root_id).values(last_scan_at=at))


async def _put(connection: AsyncConnection, spec: RootSpec, origin: RootOrigin) -> None:
    collection_id = await ensure_collection(connection, spec.collection)
    values = {
        "collection_id": collection_id,
        "origin": origin,
        "recursive": spec.recursive,
        "method": spec.method,
        "exclude": list(spec.exclude),
    }
    before = (await connection.execute(select(_root).where(_root.c.path == spec.path))).first()
    if before is None:
        row = {**values, "path": spec.path, "state": RootState.ONLINE}
        await connection.execute(insert(_root).values(row))
        return
    await connection.execute(update(_root).where(_root.c.id == before.id).values(values))
    if before.collection_id != collection_id:
        await _change_collection(connection, before.id, before.collection_id, collection_id)


async def _change_collection(connection: AsyncConnection, root_id: int, old: int, new: int) -> None:
    images = set(
        await connection.scalars(
            select(_file.c.image_id).where(_file.c.root_id == root_id, _file.c.image_id.is_not(None))
        )
    )
    joined = await join(connection, [(new, image_id) for image_id in images])
    left = await leave(connection, [(old, image_id) for image_id in images])
    await mark_stale(connection, joined | left)


async def _identify(connection: AsyncConnection, root_id: int, identity: DirectoryIdentity) -> None:
    values = {"device": identity.device, "inode": identity.inode}
    await connection.execute(update(_root).where(_root.c.id == root_id).values(values))


async def _read(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Root]:
    query = (
        select(_root, _collection.c.name.label("collection"))
        .join(_collection, _collection.c.id == _root.c.collection_id)
        .where(*where)
        .order_by(_root.c.path)
    )
    return [_record(row) for row in await connection.execute(query)]


def _record(row: Row[Any]) -> Root:
    return Root(
        id=row.id,
        path=row.path,
        collection_id=row.collection_id,
        collection=row.collection,
        origin=row.origin,
        recursive=row.recursive,
        method=row.method,
        exclude=tuple(row.exclude),
        state=row.state,
        last_scan_at=row.last_scan_at,
        identity=None if row.inode is None else DirectoryIdentity(row.device, row.inode),
        accept_empty=row.accept_empty,
    )
