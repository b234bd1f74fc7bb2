"""Making the vector index agree with the catalog, which alone is the truth.

None of these functions may run while photos are being indexed by somebody else: a photo's point is written before
its commit, and would look here like one that the catalog does not have.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from store.catalog import Catalog
from store.vectors.points import is_id, is_unit
from store.vectors.protocol import Point, VectorIndex

BATCH = 500  # images a round
SAMPLES, SAMPLE = 8, 32  # runs of neighbours, and images a run: enough that no lost file of a segment is missed


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids of points that the index lacks, or holds with another vector or other collections."""

    missing: set[str]
    altered: set[str]


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
        # A mark may name anything, once the catalog's file was spoilt; the index would refuse it for ever.
        await index.delete(set(filter(is_id, ids)) - {point.id for point in points})
        await index.flush()
        await catalog.stale.clear(ids)
        synced += len(ids)
    return synced


async def rebuild(
    catalog: Catalog, index: VectorIndex, space_id: str, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write every point anew from the cached results, without the model, and delete all others.

    Returns the number of points, as `progress` is told it on the way. Repeatable: an interrupted one is simply begun
    again.
    """
    written: set[str] = set()
    async for points in cached_points(catalog, space_id):
        await index.upsert(points)
        written.update(point.id for point in points)
        progress(len(written))
    async for ids in index.ids():
        await index.delete(set(ids) - written)
    await index.flush()
    return len(written)


async def cached_points(catalog: Catalog, space_id: str) -> AsyncIterator[list[Point]]:
    """What the index should hold, some hundred at a time: a point for each image with a present file and a result."""
    async for rows in catalog.cache.all(space_id, BATCH):
        yield [Point(image_id, vector, collections) for image_id, collections, vector in rows if is_unit(vector)]


async def sample_points(catalog: Catalog, space_id: str) -> list[Point]:
    """Some of what the index should hold, drawn anew each time: of a small library all, of any other a fair choice."""
    points: dict[str, Point] = {}
    for start in ["", *(str(uuid.uuid4()) for _ in range(SAMPLES - 1))]:
        for image_id, collections, vector in await catalog.cache.some(space_id, SAMPLE, start):
            points[image_id] = Point(image_id, vector, collections)
    return [point for point in points.values() if is_unit(point.vector)]


async def compare(index: VectorIndex, points: Sequence[Point]) -> Differences:
    """How the index differs from the points that it should hold."""
    stored = await index.points([point.id for point in points])
    return Differences(
        missing={point.id for point in points if point.id not in stored},
        altered={point.id for point in points if point.id in stored and not _is_same(point, stored[point.id])},
    )


def _is_same(point: Point, stored: Point) -> bool:
    return set(point.collections) == set(stored.collections) and np.array_equal(point.vector, stored.vector)


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
        if image.facts.sha256 in results and is_unit(results[image.facts.sha256].vector)
    ]
