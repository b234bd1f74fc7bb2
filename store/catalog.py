"""The catalog: the only truth about the library, in one SQLite file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store import migrate
from store.collections import CollectionStore
from store.commit import commit_outcomes
from store.database import Database
from store.entries import EntryStore
from store.files import FileStore
from store.forget import Forgotten, forget
from store.images import ImageStore
from store.integrity import Integrity
from store.jobs import JobStore
from store.ml_cache import MlCache
from store.queue import TaskQueue
from store.records import CommitReport, Outcome
from store.roots import RootStore
from store.spaces import SpaceStore
from store.stale_points import StalePoints
from store.steady_clock import steady_clock
from store.switches import Switches

FILE_NAME = "catalog.db"


class Catalog:
    """What is known of roots, files, images, collections, work and vectors, one part for each.

    The owner of the state directory's lock opens one. `clock` gives seconds since 1970 for what is recorded, and
    `steady` those by which tasks wait and leases end. Every method may raise DiskSpaceError, CatalogDamagedError or
    CatalogUnavailableError, and then has changed nothing.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._steady = steady or steady_clock()
        self._database = Database(state_dir / FILE_NAME)
        self.roots = RootStore(self._database)
        self.files = FileStore(self._database)
        self.entries = EntryStore(self._database)
        self.images = ImageStore(self._database)
        self.collections = CollectionStore(self._database)
        self.queue = TaskQueue(self._database, self._steady)
        self.jobs = JobStore(self._database)
        self.integrity = Integrity(self._database)
        self.cache = MlCache(self._database)
        self.spaces = SpaceStore(self._database)
        self.stale = StalePoints(self._database)
        self.switches = Switches(self._database)

    async def open(self) -> None:
        """Create the file or bring it to this version's schema, and open it.

        Raises SchemaTooNewError for a file of a newer version, which stays untouched, and
        CatalogDamagedError.
        """
        await asyncio.to_thread(self._database.path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(migrate.upgrade, self._database.path)
        await self._database.open()

    async def close(self) -> None:
        """Close the file. May be called twice."""
        await self._database.close()

    async def commit(self, outcomes: Sequence[Outcome]) -> CommitReport:
        """Apply what became of leased tasks, all or nothing, in one durable transaction.

        Files, images, memberships and cached results change as each outcome says; the tasks leave the queue
        and count in their jobs, but those that were put again meanwhile, or whose outcome does not fit the
        catalog any more (its image or row was forgotten), become ready for another look, and deferred ones
        for a later one. An outcome of a lease that ended and was followed by another changes nothing. Points
        that no longer agree are marked stale. Raises ConflictError if something was indexed while no vector
        space is active, PointRejectedError for a vector of another dimension than the space's.
        """
        if not outcomes:
            return CommitReport()
        async with self._database.write() as connection:
            at = datetime.fromtimestamp(self._clock(), UTC)
            return await commit_outcomes(connection, outcomes, at, self._steady())

    async def forget(self, gone_for: timedelta, limit: int = 1000) -> Forgotten:
        """Forget some of the files that are missing, and of the images that have had no file, for this long.

        Nothing is left to be forgotten when the answer is falsy.
        With an image go its tags, what models gave for it, and its memberships; its point is marked stale. Roots that
        are offline keep all. Not while photos are being indexed by somebody else: their thumbnails come before their
        images.
        """
        before = datetime.fromtimestamp(self._clock(), UTC) - gone_for
        async with self._database.write() as connection:
            return await forget(connection, before, limit)
