"""Pages of other origins: none may use this API but those that `api.cors_origins` names exactly.

Only what the Fetch standard asks for: https://fetch.spec.whatwg.org/#http-cors-protocol. No credentials are
allowed, for there are no cookies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

ALLOWED_HEADERS = "Content-Type, If-None-Match, Range, X-Request-ID"
EXPOSED_HEADERS = "Content-Range, ETag, X-Request-ID"
PREFLIGHT_SECONDS = "600"


def preflights(origins: Collection[str]) -> Middleware:
    """A middleware that answers the preflight of a listed origin for a route that exists."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = request.match_info.http_exception
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not (asks and request.headers.get("Origin") in origins and isinstance(refused, web.HTTPMethodNotAllowed)):
            return await handler(request)
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(sorted(refused.allowed_methods)),
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            },
        )

    return answer


def allow(origins: Collection[str]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """An on_response_prepare signal that lets a listed origin read the answer, errors included."""

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        if not origins:
            return
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is not None and origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    return add_headers
