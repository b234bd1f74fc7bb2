"""The web page at `/`: files as they lie in api/web, no build step."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

WEB = Path(__file__).parent.parent / "web"
FILES = {path.name: path for path in WEB.iterdir()}
_HEADERS = {"Cache-Control": "no-cache"}  # asked for again each time (ETag), so that an upgrade shows at once


async def index(_request: web.Request) -> web.StreamResponse:
    """The page."""
    return web.FileResponse(FILES["index.html"], headers=_HEADERS)


async def part(request: web.Request) -> web.StreamResponse:
    """A file that the page loads. Only those that were there at the start: a name is never made a path."""
    path = FILES.get(request.match_info["name"])
    if path is None:
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=_HEADERS)


def add_page(app: web.Application) -> None:
    """Serve the page and what it loads."""
    app.router.add_get("/", index)
    app.router.add_get("/web/{name}", part)
