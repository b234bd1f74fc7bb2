"""What models gave, by content and vector space: the index can be built again from it, without the model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.records import CachedResult, FileState
from store.sql import in_texts

_cache, _image, _file, _member = schema.ml_cache, schema.image, schema.file, schema.collection_image
_space = schema.vector_space

_FLOAT = 4  # bytes
_whole = func.length(_cache.c.vector) == _FLOAT * (
    select(_space.c.dimensions).where(_space.c.id == _cache.c.space_id).scalar_subquery()
)

Row = tuple[str, tuple[int, ...], NDArray[np.float32]]


class MlCache:
    """Look-ups of cached results. They are added in `Catalog.commit` only.

    A vector that has lost bytes on the disk is passed over, as if it had never been there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, sha256s: Iterable[str], space_id: str) -> dict[str, CachedResult]:
        """The results of those of the contents that have one in this space."""
        query = select(_cache.c.sha256, _cache.c.vector).where(
            _cache.c.space_id == space_id, in_texts(_cache.c.sha256, sha256s), _whole
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return {row.sha256: CachedResult(row.sha256, row.vector) for row in rows}

    async def all(self, space_id: str, chunk: int = 1000) -> AsyncIterator[list[Row]]:
        """Image id, ids of its collections (ascending) and vector of all images with a present file."""
        after = ""
        while rows := await self.some(space_id, chunk, after):
            yield rows
            after = rows[-1][0]

    async def some(self, space_id: str, limit: int, after: str) -> list[Row]:
        """As `all`, the first ones beyond an image id; ids are spread evenly, so any UUID starts a fair sample."""
        present = select(_file.c.id).where(_file.c.image_id == _image.c.id, _file.c.state == FileState.PRESENT).exists()
        query = (
            select(_image.c.id, _cache.c.vector)
            .join(_cache, (_cache.c.sha256 == _image.c.sha256) & (_cache.c.space_id == space_id))
            .where(present, _whole, _image.c.id > after)
            .order_by(_image.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            members = await members_of(connection, [row.id for row in rows])
        return [(row.id, members.get(row.id, ()), row.vector) for row in rows]


async def members_of(connection: AsyncConnection, image_ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The ids of the collections that each image is in, ascending."""
    query = (
        select(_member.c.image_id, _member.c.collection_id)
        .where(in_texts(_member.c.image_id, image_ids))
        .order_by(_member.c.collection_id)
    )
    found: dict[str, tuple[int, ...]] = {}
    for row in await connection.execute(query):
        found[row.image_id] = (*found.get(row.image_id, ()), row.collection_id)
    return found
