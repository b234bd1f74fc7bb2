"""Forgets what has been gone from disk for long, bit by bit between the commits of what is there.

Until then a file that comes back costs nothing: its image, with all that models gave for it, is only hidden.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from handlers.committer import Committer
from store.catalog import Catalog
from store.forget import Forgotten
from store.thumbnails import ThumbnailStore

INTERVAL = 600.0  # seconds between sweeps; the first scan after a start sees what is back before the first of them

log = structlog.get_logger()


class Forgetting:
    """Sweeps the catalog from time to time."""

    def __init__(
        self, catalog: Catalog, thumbnails: ThumbnailStore, committer: Committer, forget_after: timedelta
    ) -> None:
        self._catalog = catalog
        self._thumbnails = thumbnails
        self._committer = committer
        self._forget_after = forget_after

    async def run(self) -> None:
        """Sweep until cancelled; never if nothing is to be forgotten."""
        while True:
            await asyncio.sleep(INTERVAL)
            if self._forget_after:
                await self.sweep()

    async def sweep(self) -> int:
        """Forget all that is due; returns how many files that was."""
        files = 0
        while forgotten := await self._committer.between_commits(self._forget_some):
            files += forgotten.files
        if files:
            log.info("forgotten", files=files)
        return files

    async def _forget_some(self) -> Forgotten:
        forgotten = await self._catalog.forget(self._forget_after)
        try:
            await asyncio.to_thread(self._thumbnails.delete, forgotten.contents)
        except OSError as error:  # those that are left take room and do no other harm; `photond doctor` finds them
            log.warning("thumbnails_left", reason=str(error))
        return forgotten
