"""Which vector points no longer agree with the catalog, durable until they are synced."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database

_stale = schema.stale_point


class StalePoints:
    """Marks set in the same transaction as the change that made a point stale; none is lost in a crash.

    An image marked again between `take` and `clear` stays marked: what was synced is not true any more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._taken: dict[str, int] = {}  # image id -> the mark that was seen

    async def take(self, limit: int) -> list[str]:
        """Image ids whose points are to be synced, the longest stale first; they stay until cleared."""
        query = select(_stale.c.image_id, _stale.c.mark).order_by(_stale.c.mark).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        self._taken.update({row.image_id: row.mark for row in rows})
        return [row.image_id for row in rows]

    async def clear(self, ids: Collection[str]) -> None:
        """These were taken and are synced."""
        seen = [{"id": i, "seen": mark} for i in ids if (mark := self._taken.pop(i, None)) is not None]
        if not seen:
            return
        statement = delete(_stale).where(_stale.c.image_id == bindparam("id"), _stale.c.mark == bindparam("seen"))
        async with self._database.write() as connection:
            await connection.execute(statement, seen)

    async def mark(self, ids: Iterable[str]) -> None:
        """The points of these images are to be synced."""
        async with self._database.write() as connection:
            await mark_stale(connection, ids)


async def mark_stale(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """See StalePoints.mark; within the transaction of the change."""
    rows = [{"image_id": image_id} for image_id in ids]
    if rows:
        await connection.execute(insert(_stale).prefix_with("OR REPLACE"), rows)
