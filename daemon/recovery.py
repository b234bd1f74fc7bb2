"""What an earlier process may have left: leases, open jobs, and stores that do not agree."""

from __future__ import annotations

import structlog

from store.catalog import Catalog
from store.consistency import repair
from store.errors import DiskSpaceError
from store.thumbnails import ThumbnailStore
from store.vectors.protocol import VectorIndex
from store.vectors.sync import compare, sample_points, sync_points

log = structlog.get_logger()


async def recover(catalog: Catalog, index: VectorIndex, thumbnails: ThumbnailStore, space_id: str) -> None:
    """Free leases and close jobs, and make the stores agree. Before anything is indexed.

    Looking at everything takes minutes in a large library, so the signs decide how much is looked at. A crash or a
    wrong number of points asks for all names to be compared; a point of a sample that is not what the catalog says
    (a disk can lose the vectors and leave their number) for all contents. `photond doctor` always looks at all.
    Raises VectorsDamagedError.
    """
    freed = await catalog.queue.recover()
    await catalog.jobs.recover()
    try:
        await sync_points(catalog, index, space_id)
        differences = await compare(index, await sample_points(catalog, space_id))
        damaged = bool(differences.altered or differences.missing)
        if damaged or freed or await index.count() != (await catalog.images.totals()).images:
            log.info("recovering", freed_leases=freed, points_damaged=damaged)
            done = await repair(catalog, index, thumbnails, deep=damaged)
            log.info("recovered", files_to_read_again=done.queued, **_counts(done.found.found()))
    except DiskSpaceError as error:  # the commits wait for room as well; what is searchable stays searchable
        log.warning("recovery_postponed", code=error.code, reason=str(error))


def _counts(found: dict[str, frozenset[str]]) -> dict[str, int]:
    return {kind: len(what) for kind, what in found.items() if what}
