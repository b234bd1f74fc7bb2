"""What is gone for long enough is forgotten: rows of files, images that have none left, and what models gave for them.

An original is never touched, and nothing of a root that is offline is forgotten: nobody knows what it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.records import RootState
from store.sql import in_numbers, in_texts
from store.stale_points import mark_stale

_file, _image, _root, _cache = schema.file, schema.image, schema.watch_root, schema.ml_cache


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten: how many files, and the contents (SHA-256) whose thumbnails are for nothing now."""

    files: int
    contents: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.files or self.contents)


async def forget(connection: AsyncConnection, before: datetime, limit: int) -> Forgotten:
    """See Catalog.forget; within the caller's transaction."""
    missing = (
        select(_file.c.id, _file.c.image_id)
        .join(_root, _root.c.id == _file.c.root_id)
        .where(_file.c.missing_since < before, _root.c.state == RootState.ONLINE)
        .limit(limit)
    )
    files = (await connection.execute(missing)).all()
    await connection.execute(delete(_file).where(in_numbers(_file.c.id, [row.id for row in files])))
    return Forgotten(len(files), await _forget_images(connection, {row.image_id for row in files}, before, limit))


async def _forget_images(connection: AsyncConnection, robbed: set[str], before: datetime, limit: int) -> frozenset[str]:
    """Those of the images that have no file left, and some that have had none for long."""
    named = select(_file.c.id).where(_file.c.image_id == _image.c.id).exists()
    orphaned = select(_image.c.id).where(_image.c.orphaned_since < before, ~named).limit(limit)
    candidates = robbed | set(await connection.scalars(orphaned))
    query = select(_image.c.id, _image.c.sha256).where(in_texts(_image.c.id, candidates), ~named)
    images = {row.id: row.sha256 for row in await connection.execute(query)}
    if images:
        await connection.execute(delete(_image).where(in_texts(_image.c.id, images)))
        await connection.execute(delete(_cache).where(in_texts(_cache.c.sha256, images.values())))
        await mark_stale(connection, images)
    return frozenset(images.values())
