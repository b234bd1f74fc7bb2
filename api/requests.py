"""A request's id: the client's when it is sane, made otherwise, and bound to all that is logged."""

from __future__ import annotations

import re
import uuid

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

HEADER = "X-Request-ID"
_KEY = web.RequestKey("request_id", str)
# An id goes into headers and log lines: nothing that could break out of either.
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(request: web.BaseRequest) -> str:
    """The request's id; "-" for one that never reached the application (the HTTP parser refused it)."""
    request_id: str = request.get(_KEY, "-")
    return request_id


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, for as long as it is handled."""
    given = request.headers.get(HEADER, "")
    request[_KEY] = given if _SANE.fullmatch(given) else uuid.uuid4().hex
    with structlog.contextvars.bound_contextvars(request_id=request[_KEY]):
        return await handler(request)


async def name_in_response(request: web.Request, response: web.StreamResponse) -> None:
    """An on_response_prepare signal: tell the id with every answer, streams and errors included."""
    response.headers[HEADER] = request_id_of(request)
