"""The description of this API, by the API."""

from __future__ import annotations

from aiohttp import web

from api.routing import Routes

routes = Routes("openapi")

DOCUMENT: web.AppKey[bytes] = web.AppKey("openapi_document", bytes)


@routes.get("/openapi.json")
async def openapi_document(request: web.Request) -> web.Response:
    """The OpenAPI 3.1 document."""
    return web.Response(body=request.app[DOCUMENT], content_type="application/json", charset="utf-8")
