"""Alive, and ready to answer. Also at the root, where supervisors look for them."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from api.answers import json_response
from api.health import ready
from api.routing import Routes
from api.services import Services

routes = Routes("health")
root_routes = Routes("health", base="")


class Alive(BaseModel):
    """The event loop answers."""

    status: str
    version: str


class Part(BaseModel):
    """How one part is."""

    ok: bool
    detail: str
    needed: bool = Field(description="Whether the daemon is unready without it.")


class Readiness(BaseModel):
    """Every part's state."""

    ready: bool
    parts: dict[str, Part]


@routes.get("/healthz")
@root_routes.get("/healthz", operation_id="healthz_at_root")
async def healthz(services: Services) -> Alive:
    """Whether the daemon is alive."""
    return Alive(status="ok", version=services.version)


@routes.get("/readyz", also={503: Readiness})
@root_routes.get("/readyz", operation_id="readyz_at_root", also={503: Readiness})
async def readyz(services: Services) -> Readiness | web.Response:
    """Whether every needed part works: 503, with the same body, while one does not."""
    states = await services.health.check()
    parts = {name: Part(ok=state.ok, detail=state.detail, needed=state.needed) for name, state in states.items()}
    answer = Readiness(ready=ready(states), parts=parts)
    return answer if answer.ready else json_response(answer, 503)
