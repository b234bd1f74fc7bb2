"""Proof that catalog, vectors and thumbnails agree, and the repair where they do not.

Both hold the ids of the whole library in memory, about 300 bytes a photo, and neither may run while photos are being
indexed: a photo's thumbnail and point are written before its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from store.catalog import Catalog
from store.integrity import Contents
from store.records import JobKind, NewTask, Priority
from store.sql import chunks
from store.thumbnails import ThumbnailStore
from store.vectors.protocol import VectorIndex
from store.vectors.sync import cached_points, compare, sync_points

PASSES = 3  # a repair of the catalog may bring to light what its rows had hidden; a second pass mends that
BATCH = 500  # thumbnails a visit to a thread, and images a statement
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Disagreements:
    """What is wrong, by kind. All empty: they agree. What is queued to be read again is not wrong any more."""

    points_missing: frozenset[str] = NONE  # ids of images with a present file and a result
    points_orphaned: frozenset[str] = NONE  # ids without an image, or with one whose files are all missing
    thumbnails_missing: frozenset[str] = NONE  # SHA-256 of images with a present file
    thumbnails_orphaned: frozenset[str] = NONE  # SHA-256 of no image; one whose files are missing keeps its thumbnail
    leftovers: frozenset[str] = NONE  # paths of files among the thumbnails that are none
    results_missing: frozenset[str] = NONE  # ids of images with a present file whose model result is not cached
    # Found by a deep check alone:
    points_altered: frozenset[str] = NONE  # ids of points with another vector or other collections than the catalog's
    points_stale: frozenset[str] = NONE  # ids whose point the catalog has yet to bring up to date
    thumbnails_damaged: frozenset[str] = NONE  # SHA-256 of those whose bytes are not what was written
    memberships_missing: frozenset[str] = NONE  # ids of images outside a collection that a root of theirs feeds
    rows_dangling: frozenset[str] = NONE  # `table: rows` that refer to rows which do not exist

    def __bool__(self) -> bool:
        return any(self.found().values())

    def found(self) -> dict[str, frozenset[str]]:
        """What was found, by kind; kinds of which there is nothing too."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found, and what it could not mend."""

    found: Disagreements
    left: Disagreements
    queued: int  # files that are to be read again, to make what nothing else can


async def check(
    catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore, *, deep: bool = True
) -> Disagreements:
    """Compare all three; changes nothing.

    A deep check reads all vectors and thumbnails and questions the catalog itself; the other compares names only.
    Without an active vector space, no points are expected.
    """
    contents = await catalog.integrity.contents()
    awaited = await catalog.integrity.awaited()
    space = await catalog.spaces.active()
    return Disagreements(
        **await _points(catalog, index, contents, awaited, space.id if space else None, deep=deep),
        **await _thumbnails(
            thumbnails, contents, {contents.present[one] for one in awaited & contents.present.keys()}, deep=deep
        ),
        **(await _catalog(catalog) if deep else {}),
    )


async def repair(catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore, *, deep: bool = True) -> Repair:
    """Check, and put right what is wrong, from the catalog.

    Points come back from the cached results; orphans and leftovers are deleted. What only reading a photo again can
    make (a thumbnail, a model's result) is queued.
    """
    found = left = await check(catalog, index, thumbnails, deep=deep)
    queued = 0
    for _ in range(PASSES):
        if not left:
            break
        queued += await _mend(catalog, index, thumbnails, left)
        left = await check(catalog, index, thumbnails, deep=deep)
    return Repair(found, left, queued)


# -- finding


async def _points(
    catalog: Catalog, index: VectorIndex, contents: Contents, awaited: set[str], space_id: str | None, *, deep: bool
) -> dict[str, frozenset[str]]:
    stored = {image_id async for ids in index.ids() for image_id in ids}
    expected = await catalog.integrity.with_result(space_id) if space_id else set()
    missing, altered = expected - stored, set[str]()
    if deep and space_id:
        expected.clear()
        async for points in cached_points(catalog, space_id):
            differences = await compare(index, points)
            expected |= {point.id for point in points}
            missing |= differences.missing
            altered |= differences.altered
    return {
        "points_missing": frozenset(missing & expected),
        "points_altered": frozenset(altered),
        "points_orphaned": frozenset(stored - contents.present.keys()),
        "results_missing": frozenset(contents.present.keys() - expected - awaited),
    }


async def _thumbnails(
    thumbnails: ThumbnailStore, contents: Contents, awaited: set[str], *, deep: bool
) -> dict[str, frozenset[str]]:
    stored = {sha256 async for sha256s in thumbnails.sha256s() for sha256 in sha256s}
    wanted = set(contents.present.values())
    found = {
        "thumbnails_missing": frozenset(wanted - stored - awaited),
        "thumbnails_orphaned": frozenset(stored - wanted - contents.hidden),
        "leftovers": frozenset(map(str, await asyncio.to_thread(thumbnails.leftovers))),
    }
    if deep:
        damaged = await _damaged(thumbnails, list(stored))
        found["thumbnails_damaged"] = frozenset(damaged - found["thumbnails_orphaned"])
    return found


async def _damaged(thumbnails: ThumbnailStore, sha256s: list[str]) -> set[str]:
    def damaged(some: Iterable[str]) -> set[str]:
        return {sha256 for sha256 in some if thumbnails.read(sha256) is None}

    return {sha256 for some in chunks(sha256s, BATCH) for sha256 in await asyncio.to_thread(damaged, some)}


async def _catalog(catalog: Catalog) -> dict[str, frozenset[str]]:
    dangling = await catalog.integrity.dangling()
    return {
        "rows_dangling": frozenset(f"{table}: {rows}" for table, rows in dangling.items()),
        "memberships_missing": frozenset(image_id for _, image_id in await catalog.integrity.unjoined()),
        "points_stale": frozenset(await catalog.integrity.stale()),
    }


# -- mending


async def _mend(catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore, wrong: Disagreements) -> int:
    """Mend what is wrong; returns how many files were queued to be read again."""
    if wrong.rows_dangling:
        await catalog.integrity.cut_dangling()
    if wrong.memberships_missing:
        await catalog.integrity.join(await catalog.integrity.unjoined())
    await asyncio.to_thread(thumbnails.delete, wrong.thumbnails_orphaned | wrong.thumbnails_damaged)
    await asyncio.to_thread(thumbnails.sweep)
    await catalog.stale.mark(wrong.points_missing | wrong.points_orphaned | wrong.points_altered)
    if (space := await catalog.spaces.active()) is not None:
        await catalog.integrity.forget_results(wrong.results_missing, space.id)
        await sync_points(catalog, index, space.id)
    contents = await catalog.integrity.contents()
    unseen = wrong.thumbnails_missing | wrong.thumbnails_damaged
    without = {image_id for image_id, sha256 in contents.present.items() if sha256 in unseen}
    return await _read_again(catalog, without | (wrong.results_missing & contents.present.keys()))


async def _read_again(catalog: Catalog, image_ids: Collection[str]) -> int:
    if not image_ids:
        return 0
    job = await catalog.jobs.create(JobKind.RETRY)
    await catalog.jobs.log(job.id, "info", f"{len(image_ids)} photos lack a thumbnail or a vector: they are read again")
    queued = 0
    for some in chunks(list(image_ids), BATCH):
        files = await catalog.integrity.one_file_of(some)
        await catalog.queue.put([NewTask(path, root, job.id, Priority.SCAN, force=True) for path, root in files])
        queued += len(files)
    await catalog.jobs.close_job(job.id)
    return queued
