"""Routes from annotated functions, over aiohttp.

    @routes.get("/images/{id}", errors=[ErrorCode.NOT_FOUND])
    async def get_image(services: Services, path: ImagePath) -> ImageDetail:
        \"""Everything known of one image.\"""

A handler takes any of `services`, `request`, `path`, `query` and `body`; the last three are annotated with
the model that validates them. It returns a model, answered as JSON with the route's status; None, for
204; or a response of its own, whose media types the route then names. Its name is the operationId, its
docstring the summary and description. `api.openapi` reads the same `Route` objects.

Why not aiohttp-pydantic: 3.0 needs Python 3.12 and we support 3.11. Both 2.6 and 3.0 write
`"openapi": "3.0.0"` into every document, let unknown query parameters pass, and describe no error answers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, get_args, get_type_hints

from aiohttp import web
from pydantic import BaseModel

from api.answers import json_response
from api.errors import ErrorCode
from api.services import SERVICES, Services
from api.validation import NoParameters, check_body, check_path, check_query

BASE = "/api/v1"

Answer = BaseModel | web.StreamResponse | None
F = TypeVar("F", bound=Callable[..., Awaitable[Answer]])


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: how it is reached, what it takes, what it answers."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Answer]]
    operation_id: str
    tag: str
    status: int
    media_types: tuple[str, ...]  # of a success; JSON unless the handler answers by itself
    errors: tuple[ErrorCode, ...]  # besides those that every route can give
    takes: dict[str, type] = field(repr=False)  # the handler's parameters and their annotations
    answers: dict[int, type[BaseModel]]  # by status; a 503 that is an answer, not an error, included
    head: bool  # whether HEAD is answered like GET, without a body

    @property
    def path_model(self) -> type[BaseModel] | None:
        """Validates the values in the path."""
        return self.takes.get("path")

    @property
    def query_model(self) -> type[BaseModel]:
        """Validates the query; a route that takes none refuses any."""
        return self.takes.get("query", NoParameters)

    @property
    def body_model(self) -> type[BaseModel] | None:
        """Validates the body."""
        return self.takes.get("body")

    def add_to(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_route(self.method, self.path, self._serve)
        if self.head:
            app.router.add_route("HEAD", self.path, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        arguments: dict[str, object] = {}
        if self.path_model:
            arguments["path"] = check_path(request, self.path_model)
        query = check_query(request, self.query_model)
        if "query" in self.takes:
            arguments["query"] = query
        if self.body_model:
            arguments["body"] = await check_body(request, self.body_model)
        if "services" in self.takes:
            arguments["services"] = request.app[SERVICES]
        if "request" in self.takes:
            arguments["request"] = request
        return self._respond(await self.handler(**arguments))

    def _respond(self, answer: Answer) -> web.StreamResponse:
        if isinstance(answer, BaseModel):
            return json_response(answer, self.status)
        return answer if answer is not None else web.Response(status=self.status)


class Routes:
    """A module's routes, collected by decorators. `base` goes before each path."""

    def __init__(self, tag: str, base: str = BASE) -> None:
        self._tag = tag
        self._base = base
        self.collected: list[Route] = []

    def get(
        self,
        path: str,
        *,
        errors: Sequence[ErrorCode] = (),
        media_types: Sequence[str] = ("application/json",),
        head: bool = True,
        operation_id: str | None = None,
        also: Mapping[int, type[BaseModel]] | None = None,
    ) -> Callable[[F], F]:
        """Answer GET, and HEAD with it unless that makes no sense (a stream).

        `also`: models of other statuses that the handler answers by itself.
        """
        return self._route(
            "GET", path, 200, errors, media_types=media_types, head=head, operation_id=operation_id, also=also
        )

    def post(self, path: str, *, status: int = 200, errors: Sequence[ErrorCode] = ()) -> Callable[[F], F]:
        """Answer POST."""
        return self._route("POST", path, status, errors)

    def delete(self, path: str, *, errors: Sequence[ErrorCode] = ()) -> Callable[[F], F]:
        """Answer DELETE, without content."""
        return self._route("DELETE", path, 204, errors)

    def _route(
        self,
        method: str,
        path: str,
        status: int,
        errors: Sequence[ErrorCode],
        *,
        media_types: Sequence[str] = ("application/json",),
        head: bool = False,
        operation_id: str | None = None,
        also: Mapping[int, type[BaseModel]] | None = None,
    ) -> Callable[[F], F]:
        def register(handler: F) -> F:
            takes = get_type_hints(handler)
            returns = takes.pop("return")
            _check_signature(handler, path, takes)
            self.collected.append(
                Route(
                    method=method,
                    path=self._base + path,
                    handler=handler,
                    operation_id=operation_id or handler.__name__,
                    tag=self._tag,
                    status=status,
                    media_types=tuple(media_types),
                    errors=tuple(errors),
                    takes=takes,
                    answers=_model_answered(returns, status) | dict(also or {}),
                    head=head,
                )
            )
            return handler

        return register


def _model_answered(returns: object, status: int) -> dict[int, type[BaseModel]]:
    """The model that a handler's return annotation names, alone or beside a response, under the status."""
    for member in get_args(returns) or (returns,):
        if inspect.isclass(member) and issubclass(member, BaseModel):
            return {status: member}
    return {}


_KNOWN = {
    "request": web.Request,
    "services": Services,
    "path": BaseModel,
    "query": BaseModel,
    "body": BaseModel,
}


def _check_signature(handler: Callable[..., object], path: str, takes: dict[str, type]) -> None:
    """A mistake in a route is found when its module is imported, not when it is called."""
    for name, annotation in takes.items():
        if name not in _KNOWN or not issubclass(annotation, _KNOWN[name]):
            raise TypeError(f"{handler.__name__}: cannot give {name}: {annotation.__name__}")
    placeholders = set(re.findall(r"{(\w+)}", path))
    model = takes.get("path")
    fields = set(model.model_fields) if model and issubclass(model, BaseModel) else set()
    if fields != placeholders:
        raise TypeError(f"{handler.__name__}: the path has {sorted(placeholders)}, its model {sorted(fields)}")
