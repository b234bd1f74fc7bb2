"""The stores without a daemon and without a model, for the commands that check and mend them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.config import Config
from daemon.endpoint import FILE_NAME as ENDPOINT
from daemon.errors import NothingIndexedError
from daemon.lock import InstanceLock
from handlers.offline import RootPresence
from handlers.row_check import outdated_rows
from store.catalog import FILE_NAME, Catalog
from store.consistency import check, repair
from store.records import JobKind, NewTask, Priority
from store.spaces import SpaceRecord
from store.thumbnails import ThumbnailStore
from store.vectors.errors import VectorsDamagedError, VectorsMismatchError
from store.vectors.factory import open_index
from store.vectors.protocol import VectorIndex
from store.vectors.sync import rebuild

Found = dict[str, frozenset[str]]  # what is wrong, by kind


@dataclass(frozen=True, slots=True)
class Stores:
    """A catalog that is open, and the index of its active space, which is not yet: it may be damaged."""

    state_dir: Path
    follow_symlinks: bool  # as the daemon looks at files
    catalog: Catalog
    thumbnails: ThumbnailStore
    index: VectorIndex
    space: SpaceRecord


@dataclass(frozen=True, slots=True)
class Examination:
    """What a doctor found, what is left of it after a repair, and how many files wait to be read again."""

    found: Found
    left: Found
    queued: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return not any(self.left.values())


@asynccontextmanager
async def open_stores(config: Config) -> AsyncIterator[Stores]:
    """The stores, to the exclusion of any daemon.

    Raises AlreadyRunningError while one runs, NothingIndexedError where there is nothing to open, and
    CatalogDamagedError.
    """
    state = config.daemon.state_dir
    if not (state / FILE_NAME).exists():
        raise NothingIndexedError(state)
    with InstanceLock(state):
        catalog = Catalog(state)
        try:
            await catalog.open()
            if (space := await catalog.spaces.active()) is None:
                raise NothingIndexedError(state)
            index = open_index(config.store, state, space.id, space.dimensions)
            try:
                thumbnails = ThumbnailStore(state / "thumbnails")
                yield Stores(state, config.handlers.follow_symlinks, catalog, thumbnails, index, space)
            finally:
                await index.close()
        finally:
            await catalog.close()


async def reindex(stores: Stores, progress: Callable[[int], None]) -> int:
    """Make the vector index anew from the cached results, whatever is in its place; returns the number of points.

    `progress` is told the number of points on the way.
    """
    await stores.index.recreate()
    return await rebuild(stores.catalog, stores.index, stores.space.id, progress)


async def examine(stores: Stores, *, mend: bool) -> Examination:
    """Look for everything that can be wrong with catalog, vectors, thumbnails and rows of files; mend it if asked.

    Raises CatalogDamagedError: that file nothing else can make again.
    """
    await stores.catalog.integrity.verify()
    try:
        await stores.index.open()
        return await _compare(stores, mend=mend)
    except (VectorsDamagedError, VectorsMismatchError) as error:
        damage = {"vectors_damaged": frozenset([str(error)])}
        if not mend:  # there is nothing to compare with
            return Examination(damage, damage, 0)
        await stores.index.recreate()
        mended = await _compare(stores, mend=True)
        return Examination(mended.found | damage, mended.left, mended.queued)


async def _compare(stores: Stores, *, mend: bool) -> Examination:
    parts = stores.catalog, stores.index, stores.thumbnails
    left_over = await asyncio.to_thread(_left_over, stores.state_dir)
    outdated = await _outdated(stores)
    beside = {"files_outdated": frozenset(outdated), "state_leftovers": frozenset(map(str, left_over))}
    if not mend:
        found = (await check(*parts)).found() | beside
        return Examination(found, found, 0)
    done = await repair(*parts)
    for path in left_over:
        await asyncio.to_thread(_remove, path)
    await _look_again(stores, outdated)
    return Examination(done.found.found() | beside, done.left.found(), done.queued + len(outdated))


async def _outdated(stores: Stores) -> dict[str, int]:
    """Path and root id of rows that disagree with the disk and are not queued, in roots that are there."""
    presence, found = RootPresence(stores.catalog), dict[str, int]()
    for root in await stores.catalog.roots.all():
        if await presence.look(root) is not None:
            continue
        async for rows in outdated_rows(stores.catalog, root, follow_symlinks=stores.follow_symlinks):
            found |= {row.path: root.id for row in rows}
    queued = await stores.catalog.integrity.queued(found)
    return {path: root_id for path, root_id in found.items() if path not in queued}


async def _look_again(stores: Stores, outdated: Mapping[str, int]) -> None:
    if not outdated:
        return
    job = await stores.catalog.jobs.create(JobKind.RETRY)
    await stores.catalog.jobs.log(job.id, "info", f"{len(outdated)} files are not as the catalog has them")
    await stores.catalog.queue.put([NewTask(path, root, job.id, Priority.SCAN) for path, root in outdated.items()])
    await stores.catalog.jobs.close_job(job.id)


def _left_over(state_dir: Path) -> list[Path]:
    """What an interrupted start or reindex leaves: endpoints half written, shards half made or half removed."""
    patterns = (f".{ENDPOINT}.*", "vectors/*.new", "vectors/*.old")
    return [path for pattern in patterns for path in state_dir.glob(pattern)]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
