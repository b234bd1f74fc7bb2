"""Proof that catalog, vectors and thumbnails agree, and the repair where they do not.

Both hold the ids of the whole library in memory, about 300 bytes a photo, and neither may run while photos
are being indexed: a photo's thumbnail and point are written before its commit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from store.catalog import Catalog
from store.records import image_id_of
from store.thumbnails import ThumbnailStore
from store.vectors.protocol import VectorIndex
from store.vectors.sync import sync_points

BATCH = 500  # images a query


@dataclass(frozen=True, slots=True)
class Disagreements:
    """What the index and the thumbnails lack of the catalog, and have beyond it. All empty: they agree."""

    points_missing: frozenset[str]  # ids of images with a present file
    points_orphaned: frozenset[str]  # ids without an image, or with one whose files are all missing
    thumbnails_missing: frozenset[str]  # SHA-256 of images with a present file
    thumbnails_orphaned: frozenset[str]  # SHA-256 of no image; one whose files are missing keeps its thumbnail

    def __bool__(self) -> bool:
        return any((self.points_missing, self.points_orphaned, self.thumbnails_missing, self.thumbnails_orphaned))


async def check(catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore) -> Disagreements:
    """Compare all three; changes nothing."""
    present = await _present(catalog)
    points = {image_id async for ids in index.ids() for image_id in ids}
    contents = {sha256 async for sha256s in thumbnails.sha256s() for sha256 in sha256s}
    return Disagreements(
        points_missing=frozenset(present.keys() - points),
        points_orphaned=frozenset(points - present.keys()),
        thumbnails_missing=frozenset(set(present.values()) - contents),
        thumbnails_orphaned=await _unknown(catalog, contents - set(present.values())),
    )


async def repair(catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore, space_id: str) -> Disagreements:
    """Check, and put right what can be put right from the catalog; returns what was found.

    Missing points come back from the cached results, orphans are deleted. A missing thumbnail, or a point
    whose result is not cached in this space, only ingesting the file again can make.
    """
    found = await check(catalog, index, thumbnails)
    await catalog.stale.mark(found.points_missing | found.points_orphaned)
    await sync_points(catalog, index, space_id)
    await asyncio.to_thread(thumbnails.delete, found.thumbnails_orphaned)
    await asyncio.to_thread(thumbnails.sweep)
    return found


async def _present(catalog: Catalog) -> dict[str, str]:
    """SHA-256 by image id, of all images with a present file."""
    contents: dict[str, str] = {}
    page = await catalog.images.page(BATCH)
    while True:
        contents |= {image.id: image.facts.sha256 for image in page.items}
        if page.next_cursor is None:
            return contents
        page = await catalog.images.page(BATCH, page.next_cursor)


async def _unknown(catalog: Catalog, contents: set[str]) -> frozenset[str]:
    """Those of the contents that are no image's."""
    unknown: set[str] = set()
    left = list(contents)
    for start in range(0, len(left), BATCH):
        ids = {image_id_of(sha256): sha256 for sha256 in left[start : start + BATCH]}
        known = await catalog.images.many(ids)
        unknown |= {sha256 for image_id, sha256 in ids.items() if image_id not in known}
    return frozenset(unknown)
