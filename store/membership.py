"""Which images are in which collections: an image joins the collection of each root it has a file in."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.records import FileState
from store.sql import in_texts

_member, _file, _root = schema.collection_image, schema.file, schema.watch_root

Membership = tuple[int, str]  # collection id, image id


async def join(connection: AsyncConnection, pairs: Collection[Membership]) -> set[str]:
    """Add images to collections; returns the images that were not in theirs yet."""
    if not pairs:
        return set()
    statement = insert(_member).on_conflict_do_nothing().returning(_member.c.image_id)
    rows = [{"collection_id": collection_id, "image_id": image_id} for collection_id, image_id in pairs]
    return set(await connection.scalars(statement, rows))


async def leave(connection: AsyncConnection, pairs: Collection[Membership]) -> set[str]:
    """Take images out of collections that no present file of theirs feeds; returns those taken out."""
    if not pairs:
        return set()
    fed = (
        select(_file.c.id)
        .join(_root, _root.c.id == _file.c.root_id)
        .where(
            _file.c.image_id == _member.c.image_id,
            _file.c.state == FileState.PRESENT,
            _root.c.collection_id == _member.c.collection_id,
        )
        .exists()
    )
    statement = delete(_member).where(_in(pairs), ~fed).returning(_member.c.image_id)
    return set(await connection.scalars(statement))


async def in_several(connection: AsyncConnection, image_ids: Collection[str]) -> set[str]:
    """Those of the images that are in more than one collection."""
    query = (
        select(_member.c.image_id)
        .where(in_texts(_member.c.image_id, image_ids))
        .group_by(_member.c.image_id)
        .having(func.count() > 1)
    )
    return set(await connection.scalars(query))


def _in(pairs: Collection[Membership]) -> ColumnElement[bool]:
    each = func.json_each(json.dumps(list(pairs))).table_valued("value")
    parts = [func.json_extract(each.c.value, f"$[{n}]") for n in range(2)]
    return tuple_(_member.c.collection_id, _member.c.image_id).in_(select(*parts))
