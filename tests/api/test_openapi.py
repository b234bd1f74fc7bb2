"""The document and the router say the same, and the document is valid OpenAPI 3.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_pydantic import OpenAPI

from api.app import ROUTES, create_app
from api.services import Services
from api.settings import ApiSettings

PAGE = {"/", "/web/{name}"}  # the web page is no part of the API


def refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from refs(child)
    elif isinstance(value, list):
        for child in value:
            yield from refs(child)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_documented_and_the_other_way_round(services: Services, document: dict[str, Any]) -> None:
    app = create_app(services, ApiSettings())
    served: set[tuple[str, str]] = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.resource.canonical not in PAGE:
            served.add((route.method, route.resource.canonical))
    documented = {(method, path) for method, path, _ in operations(document)}
    assert {route for route in served if route[0] != "HEAD"} == documented
    heads = {path for method, path in served if method == "HEAD"}
    gets = {path for method, path in served if method == "GET"}
    assert gets - heads == {"/api/v1/ingest/events"}
    assert heads <= gets


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    parsed = OpenAPI.model_validate(document)
    assert parsed.openapi == "3.1.0"
    assert json.loads(json.dumps(document)) == document


def test_every_reference_resolves_and_every_schema_is_used(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    used = {ref.removeprefix("#/components/schemas/") for ref in refs(document)}
    assert used == set(schemas)


def test_operation_ids_are_unique_and_every_operation_is_described(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) == len(ROUTES)
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_every_operation_has_a_success_and_its_errors_in_the_error_shape(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        responses = operation["responses"]
        assert any(status.startswith("2") for status in responses), (method, path)
        assert {"400", "500"} <= set(responses)
        for status, response in responses.items():
            if "allOf" in str(response):
                schema = response["content"]["application/json"]["schema"]
                assert schema["allOf"][0] == {"$ref": "#/components/schemas/Error"}, (method, path, status)


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        ("/api/v1/images", "get", {"collection": False, "limit": False, "cursor": False}),
        ("/api/v1/collections/{name}", "delete", {"name": True, "confirm": True}),
    ],
)
def test_parameters_come_from_the_models_that_validate_them(
    document: dict[str, Any], path: str, method: str, names: dict[str, bool]
) -> None:
    parameters = document["paths"][path][method]["parameters"]
    assert {parameter["name"]: parameter["required"] for parameter in parameters} == names
    limits = [parameter["schema"] for parameter in parameters if parameter["name"] == "limit"]
    assert all((schema["minimum"], schema["maximum"]) == (1, 200) for schema in limits)


def test_lists_have_one_shape(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Page"):
            assert set(schema["properties"]) == {"items", "next_cursor"}


async def test_the_document_is_served(client: Any, document: dict[str, Any]) -> None:
    response = await client.get("/api/v1/openapi.json")
    assert response.content_type == "application/json"
    assert await response.json() == document
