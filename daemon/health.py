"""The state of each part, as `/readyz` and `photond status` tell it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.health import PartState
from handlers.committer import Committer
from handlers.library import Library
from store.errors import DiskSpaceError, VectorStoreError
from store.records import RootState
from store.vectors.edge_process import SPACE_RESERVE

if TYPE_CHECKING:
    from daemon.wiring import Engines

Check = Callable[[], Awaitable[PartState]]

VECTORS_PATIENCE = 1.5  # seconds; less than the health check's own, which knows no code


@dataclass(frozen=True, slots=True)
class Parts:
    """A check for every part. Searching needs catalog, vectors and model; the rest is told and not needed."""

    engines: Engines
    committer: Committer
    library: Library
    state_dir: Path

    def checks(self) -> Mapping[str, Check]:
        """The checks by the names of the parts."""
        return {
            "catalog": self.catalog,
            "vectors": self.vectors,
            "model": self.model,
            "disk": self.disk,
            "ingest": self.ingest,
            "watch": self.watch,
        }

    async def catalog(self) -> PartState:
        """Can it be read?"""
        totals = await self.engines.catalog.images.totals()
        return PartState(True, f"{totals.images} images in {totals.files} files")

    async def vectors(self) -> PartState:
        """Does the engine answer?"""
        try:
            async with asyncio.timeout(VECTORS_PATIENCE):
                return PartState(True, f"{await self.engines.index.count()} vectors")
        except TimeoutError:  # told by its code, as its refusal would be
            return PartState(False, f"{VectorStoreError.code}: no answer within {VECTORS_PATIENCE:g} s")
        except VectorStoreError as error:
            return PartState(False, f"{error.code}: {error}")

    async def model(self) -> PartState:
        """What understands the photos."""
        identity = self.engines.encoder.identity
        return PartState(True, f"{identity.model} on {self.engines.encoder.device}, {identity.dimensions} dimensions")

    async def ingest(self) -> PartState:
        """Does what is in work get stored?"""
        if (fault := self.committer.wait.fault) is not None:
            return PartState(False, f"{fault.code}: {fault}", needed=False)
        depth = await self.engines.catalog.queue.depth()
        return PartState(True, f"{depth.ready} queued, {depth.leased} in work, {depth.delayed} delayed", needed=False)

    async def disk(self) -> PartState:
        """Is there room to index more?"""
        free = (await asyncio.to_thread(shutil.disk_usage, self.state_dir)).free
        if free < SPACE_RESERVE:
            wanted = SPACE_RESERVE // 1024**2
            detail = (
                f"{DiskSpaceError.code}: {free // 1024**2} MiB are free in {self.state_dir}; indexing needs {wanted}"
            )
            return PartState(False, detail, needed=False)
        return PartState(True, f"{free / 1024**3:.1f} GiB free", needed=False)

    async def watch(self) -> PartState:
        """Are all roots there?"""
        roots = await self.library.roots()
        offline = [root.path for root in roots if root.state is RootState.OFFLINE]
        if offline:
            return PartState(False, f"offline: {', '.join(offline)}", needed=False)
        return PartState(True, f"{len(roots)} roots", needed=False)
