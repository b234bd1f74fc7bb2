"""From a request's path, query and body to the pydantic models that a handler asks for.

Everything is checked before the handler runs, and every fault is told at once with its place. Unknown
parameters are refused rather than ignored: a misspelt `colection=` must not answer with the whole library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from api.errors import ApiError, ErrorCode

M = TypeVar("M", bound=BaseModel)


class Parameters(BaseModel):
    """Base of all path and query models: text in, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """Base of all bodies: JSON types as they are, without conversion, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoParameters(Parameters):
    """A route that takes none."""


def check_path(request: web.Request, model: type[M]) -> M:
    """The values in the request's path."""
    return _check(model, dict(request.match_info), "path")


def check_query(request: web.Request, model: type[M]) -> M:
    """The request's query parameters, each at most once."""
    repeated = {name for name in request.query if len(request.query.getall(name)) > 1}
    if repeated:
        refuse([(f"query.{name}", "given more than once") for name in sorted(repeated)])
    return _check(model, dict(request.query), "query")


async def check_body(request: web.Request, model: type[M]) -> M:
    """The request's JSON body. Raises UNSUPPORTED_MEDIA unless it is declared as JSON.

    The content type is insisted on because a page of any origin can make a browser send a form, but not this.
    """
    if request.content_type != "application/json":
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA, "send the body as JSON, with Content-Type: application/json")
    raw = await request.read()
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # ValueError: also bytes that are not UTF-8
        refuse([("body", f"is not JSON: {error}")])
    if not isinstance(value, dict):
        refuse([("body", "must be a JSON object")])
    return _check(model, value, "body")


def refuse(faults: list[tuple[str, str]]) -> NoReturn:
    """Raise INVALID_REQUEST with faults of (place, message)."""
    first_place, first_message = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise ApiError(
        ErrorCode.INVALID_REQUEST,
        f"{first_place}: {first_message}{more}",
        details={"faults": [{"place": place, "message": message} for place, message in faults]},
    )


def _check(model: type[M], value: Mapping[str, object], where: str) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    refuse([(".".join([where, *map(str, fault["loc"])]), _message(fault["type"], fault["msg"])) for fault in faults])


def _message(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not known here"
    return message.removeprefix("Value error, ")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
