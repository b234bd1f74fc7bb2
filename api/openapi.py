"""The OpenAPI 3.1 document, written from the very `Route` objects that validate requests.

JSON Schema 2020-12, which pydantic writes, is what OpenAPI 3.1 speaks, so schemas go in as they are.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from openapi_pydantic import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api.answers import Error
from api.errors import ErrorCode
from api.routing import Route

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_ALWAYS = (ErrorCode.INVALID_REQUEST, ErrorCode.INTERNAL)
_WITH_BODY = (ErrorCode.UNSUPPORTED_MEDIA, ErrorCode.PAYLOAD_TOO_LARGE)

DESCRIPTION = """\
Every error, from every route, is `{"error": {"code", "message", "details", "request_id"}}`. Every GET but
the event stream answers HEAD too. Times are RFC 3339 in UTC. A path with bytes that are not UTF-8 comes with
these as `\\udcXX` escapes."""


def build_document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The document, as plain JSON values. It has passed openapi-pydantic's models of 3.1."""
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "photond", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {"schemas": schemas.definitions},
    }
    OpenAPI.model_validate(document)
    return document


class _Schemas:
    """All models' schemas under their names, each written once. Requests and answers are of two modes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Error, "serialization"): None}
        for route in routes:
            if route.body_model:
                models[route.body_model, "validation"] = None
            models |= {(model, "serialization"): None for model in route.answers.values()}
        self._refs, shared = models_json_schema(list(models), ref_template=_REF)
        self.definitions: dict[str, Any] = shared["$defs"]

    def of(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        """A reference to the model's schema."""
        return self._refs[model, mode]


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": summary.rstrip("."),
        "parameters": [*_parameters(route.path_model, "path"), *_parameters(route.query_model, "query")],
        "responses": _successes(route, schemas) | _errors(route, schemas),
    }
    if description:
        operation["description"] = description
    if route.body_model:
        content = {_JSON: {"schema": schemas.of(route.body_model, "validation")}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(model: type[BaseModel] | None, where: str) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": where,
            "required": name in required,
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        | ({"description": field["description"]} if "description" in field else {})
        for name, field in schema.get("properties", {}).items()
    ]


def _successes(route: Route, schemas: _Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {
            "description": inspect.getdoc(model) or "",
            "content": {_JSON: {"schema": schemas.of(model, "serialization")}},
        }
        for status, model in route.answers.items()
    }
    if not route.answers:
        response: dict[str, Any] = {"description": "Done." if route.status == 204 else "The content."}
        if route.status != 204:
            response["content"] = {media_type: {} for media_type in route.media_types}
        responses[str(route.status)] = response
    return responses


def _errors(route: Route, schemas: _Schemas) -> dict[str, Any]:
    by_status: dict[int, list[ErrorCode]] = defaultdict(list)
    for code in dict.fromkeys([*_ALWAYS, *(_WITH_BODY if route.body_model else ()), *route.errors]):
        by_status[code.status].append(code)
    return {str(status): _error(codes, schemas) for status, codes in sorted(by_status.items())}


def _error(codes: list[ErrorCode], schemas: _Schemas) -> dict[str, Any]:
    """The error shape, narrowed to the codes that this status can have here."""
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": [code.value for code in codes]}}}}}
    return {
        "description": "\n".join(f"`{code}`: {code.meaning}" for code in codes),
        "content": {_JSON: {"schema": {"allOf": [schemas.of(Error, "serialization"), narrowed]}}},
    }
