"""The user's wish that the queue be left alone for a while. It outlives the process."""

from __future__ import annotations

import asyncio

from handlers.progress import Progress
from store.catalog import Catalog


class Pause:
    """Events and scans fill the queue all the same; what is being worked on is finished, and nothing more is begun."""

    def __init__(self, catalog: Catalog, progress: Progress) -> None:
        self._catalog = catalog
        self._progress = progress
        self._over = asyncio.Event()
        self._over.set()

    @property
    def on(self) -> bool:
        """Whether work is paused."""
        return not self._over.is_set()

    async def load(self) -> None:
        """At start: go on as it was when the last process ended."""
        if await self._catalog.switches.paused():
            self._hold()

    async def begin(self) -> None:
        """Pause, until `end` and across restarts."""
        await self._catalog.switches.set_paused(True)
        self._hold()

    async def end(self) -> None:
        """Go on."""
        await self._catalog.switches.set_paused(False)
        self._progress.go_on()
        self._over.set()

    async def over(self) -> None:
        """Returns when work may be begun."""
        await self._over.wait()

    def _hold(self) -> None:
        self._progress.hold()
        self._over.clear()
