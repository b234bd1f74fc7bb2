"""The web page at `/`: files as they lie in api/web, no build step."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

WEB = Path(__file__).parent.parent / "web"


async def index(_request: web.Request) -> web.StreamResponse:
    """The page. Asked for again each time (ETag), so that an upgrade shows at once."""
    return web.FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


def add_page(app: web.Application) -> None:
    """Serve the page and what it loads."""
    app.router.add_get("/", index)
    app.router.add_static("/web/", WEB)
