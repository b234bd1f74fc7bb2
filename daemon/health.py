"""The state of each part, as `/readyz` and `photond status` tell it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from api.health import PartState
from handlers.committer import Committer
from handlers.library import Library
from store.records import RootState

if TYPE_CHECKING:
    from daemon.wiring import Engines

Check = Callable[[], Awaitable[PartState]]


def parts_of(engines: Engines, committer: Committer, library: Library) -> Mapping[str, Check]:
    """A check for every part. Searching needs catalog, vectors and model; the rest is told and not needed."""

    async def catalog() -> PartState:
        totals = await engines.catalog.images.totals()
        return PartState(True, f"{totals.images} images in {totals.files} files")

    async def vectors() -> PartState:
        return PartState(True, f"{await engines.index.count()} vectors")

    async def model() -> PartState:
        identity = engines.encoder.identity
        return PartState(True, f"{identity.model} on {engines.encoder.device}, {identity.dimensions} dimensions")

    async def ingest() -> PartState:
        if committer.fault is not None:
            return PartState(False, f"{committer.fault.code}: {committer.fault}", needed=False)
        depth = await engines.catalog.queue.depth()
        return PartState(True, f"{depth.ready} queued, {depth.leased} in work, {depth.delayed} delayed", needed=False)

    async def watch() -> PartState:
        roots = await library.roots()
        offline = [root.path for root in roots if root.state is RootState.OFFLINE]
        if offline:
            return PartState(False, f"offline: {', '.join(offline)}", needed=False)
        return PartState(True, f"{len(roots)} roots", needed=False)

    return {"catalog": catalog, "vectors": vectors, "model": model, "ingest": ingest, "watch": watch}
