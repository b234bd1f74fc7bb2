"""Vector spaces: one model's vectors each. The active one is what is written and searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.errors import ConflictError

_space = schema.vector_space


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """A vector space; `identity` is JSON of all that makes two models' vectors comparable."""

    id: str
    model: str
    dimensions: int
    identity: str


class SpaceStore:
    """Which spaces there have been, and which one is active."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def activate(self, space_id: str, model: str, dimensions: int, identity_json: str) -> None:
        """Make this the one active space. Raises ConflictError if it is known with another dimension."""
        async with self._database.write() as connection:
            known = await connection.scalar(select(_space.c.dimensions).where(_space.c.id == space_id))
            if known not in {None, dimensions}:
                raise ConflictError(f"vector space {space_id} has {known} dimensions, and {model} gives {dimensions}")
            await connection.execute(update(_space).where(_space.c.active).values(active=False))
            row = {
                "id": space_id,
                "model": model,
                "dimensions": dimensions,
                "identity": identity_json,
                "active": True,
                "created_at": datetime.now(UTC),
            }
            await connection.execute(
                insert(_space)
                .values(row)
                .on_conflict_do_update(
                    index_elements=[_space.c.id],
                    set_={"active": True, "model": model, "identity": identity_json},
                )
            )

    async def active(self) -> SpaceRecord | None:
        """The active space; None before the first model was loaded."""
        async with self._database.read() as connection:
            return await active_space(connection)


async def active_space(connection: AsyncConnection) -> SpaceRecord | None:
    """See SpaceStore.active; within the caller's transaction."""
    row = (await connection.execute(select(_space).where(_space.c.active))).first()
    if row is None:
        return None
    return SpaceRecord(id=row.id, model=row.model, dimensions=row.dimensions, identity=row.identity)
