"""Making the vector index agree with the catalog, which alone is the truth.

Neither function may run while photos are being indexed by somebody else: a photo's point is written before
its commit, and would look here like one that the catalog does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.catalog import Catalog
from store.vectors.protocol import Point, VectorIndex

BATCH = 500  # images a round


async def sync_points(catalog: Catalog, index: VectorIndex, space_id: str) -> int:
    """Bring all points that are marked stale up to date; returns how many were.

    An image with a present file gets its cached vector and its collections as they are now; the point of any
    other goes. Marks are cleared only after the flush, so whatever interrupts this, the next call does what
    is left.
    """
    synced = 0
    while ids := await catalog.stale.take(BATCH):
        points = await _points_of(catalog, ids, space_id)
        await index.upsert(points)
        await index.delete(set(ids) - {point.id for point in points})
        await index.flush()
        await catalog.stale.clear(ids)
        synced += len(ids)
    return synced


async def rebuild(catalog: Catalog, index: VectorIndex, space_id: str) -> int:
    """Write every point anew from the cached results, without the model, and delete all others.

    Returns the number of points. Repeatable: an interrupted one is simply begun again.
    """
    written: set[str] = set()
    async for rows in catalog.cache.all(space_id, BATCH):
        await index.upsert([Point(image_id, vector, collections) for image_id, collections, vector in rows])
        written.update(image_id for image_id, _, _ in rows)
    async for ids in index.ids():
        await index.delete(set(ids) - written)
    await index.flush()
    return len(written)


async def _points_of(catalog: Catalog, ids: Sequence[str], space_id: str) -> list[Point]:
    images = await catalog.images.many(ids, present_only=True)
    results = await catalog.cache.get([image.facts.sha256 for image in images.values()], space_id)
    numbers = {collection.name: collection.id for collection in await catalog.collections.all()}
    return [
        Point(
            image.id,
            results[image.facts.sha256].vector,
            # One that was deleted in between is left out: its deletion has marked the image stale again.
            tuple(numbers[name] for name in image.collections if name in numbers),
        )
        for image in images.values()
        if image.facts.sha256 in results
    ]
