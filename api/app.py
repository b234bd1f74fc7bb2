"""The application: routes, middlewares and headers put together."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api import cors, headers, requests
from api.answers import json_bytes
from api.guard import guard
from api.openapi import build_document
from api.routes import (
    collections,
    discovery,
    events,
    health,
    images,
    ingest,
    openapi,
    originals,
    page,
    search,
    stats,
    watch,
)
from api.routing import Route
from api.services import SERVICES, Services
from api.settings import ApiSettings

MAX_BODY = 1024**2  # bytes; the largest body is a list of 10,000 paths to retry, and most are a line

ROUTES: tuple[Route, ...] = tuple(
    route
    for module_routes in (
        health.routes,
        health.root_routes,
        ingest.routes,
        events.routes,
        watch.routes,
        collections.routes,
        images.routes,
        originals.routes,
        search.routes,
        discovery.routes,
        stats.routes,
        openapi.routes,
    )
    for route in module_routes.collected
)


def openapi_document(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of all routes, as plain JSON values. Needs no running daemon."""
    return build_document(ROUTES, version)


def create_app(services: Services, settings: ApiSettings) -> web.Application:
    """The application on these services, ready to be served or tested."""
    app = web.Application(
        middlewares=[requests.identify, cors.preflights(settings.cors_origins), guard],
        client_max_size=MAX_BODY,
    )
    app[SERVICES] = services
    app[openapi.DOCUMENT] = json_bytes(openapi_document(services.version))
    app[events.STREAMS] = set()
    for route in ROUTES:
        route.add_to(app)
    page.add_page(app)
    app.on_response_prepare.append(requests.name_in_response)
    app.on_response_prepare.append(headers.add_headers)
    app.on_response_prepare.append(cors.allow(settings.cors_origins))
    app.on_shutdown.append(events.end_streams)
    return app
