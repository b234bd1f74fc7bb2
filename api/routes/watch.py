"""The folders that photos come from."""

from __future__ import annotations

from api.routing import Routes
from api.schemas.watch import WatchRoot, WatchRootPage
from api.services import Services

routes = Routes("watch")


@routes.get("/watch")
async def list_watch_roots(services: Services) -> WatchRootPage:
    """Every watch root, its state, and what is known in it."""
    return WatchRootPage(items=[WatchRoot.of(report) for report in await services.library.reports()])
