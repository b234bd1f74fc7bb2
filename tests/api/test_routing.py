"""Validation and the error shape, over tiny routes: what no handler should have to think of."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
import structlog
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel, Field

from api import requests
from api.errors import ApiError, ErrorCode
from api.guard import guard
from api.routing import Routes
from api.validation import Body, Parameters
from handlers.errors import DirectoryNotFoundError
from store.errors import VectorStoreError

Client = TestClient[web.Request, web.Application]
routes = Routes("things")


class Thing(BaseModel):
    name: str
    request_id: str = ""


class ThingPath(Parameters):
    name: str


class Paging(Parameters):
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class NewThing(Body):
    name: Annotated[str, Field(min_length=1)]
    count: int = 0
    tags: tuple[str, ...] = Field(default=(), strict=False)


@routes.get("/things")
async def list_things(query: Paging) -> Thing:
    return Thing(name=str(query.limit))


@routes.get("/things/{name}")
async def get_thing(path: ThingPath) -> Thing:
    return Thing(name=path.name, request_id=structlog.contextvars.get_contextvars()["request_id"])


@routes.post("/things", status=201)
async def make_thing(body: NewThing) -> Thing:
    return Thing(name=body.name)


@routes.delete("/things/{name}")
async def delete_thing(path: ThingPath) -> None:
    raise ApiError(ErrorCode.CONFLICT, f"{path.name} is in use", details={"by": "you"})


@routes.get("/foreign/{name}")
async def foreign(path: ThingPath) -> Thing:
    raise {
        "folder": DirectoryNotFoundError("no such folder: /a"),
        "vectors": VectorStoreError("the engine is away"),
        "bug": ZeroDivisionError("secret inside"),
        "full": web.HTTPInsufficientStorage(),
        "teapot": web.HTTPPreconditionFailed(text="no"),
    }[path.name]


@routes.get("/elsewhere")
async def elsewhere() -> Thing:
    raise web.HTTPFound("/api/v1/things")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application(middlewares=[requests.identify, guard], client_max_size=1000)
    app.on_response_prepare.append(requests.name_in_response)
    for route in routes.collected:
        route.add_to(app)
    async with TestClient(TestServer(app)) as client:
        yield client


async def error_of(response: ClientResponse, status: int) -> dict[str, Any]:
    """The error in an answer, after its shape has been checked."""
    body = await response.json()
    assert response.status == status, body
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details", "request_id"}
    assert response.headers["X-Request-ID"] == body["error"]["request_id"]
    error: dict[str, Any] = body["error"]
    return error


def places(error: dict[str, Any]) -> list[str]:
    assert error["code"] == "INVALID_REQUEST"
    return [fault["place"] for fault in error["details"]["faults"]]


async def test_a_model_is_answered_as_json_with_the_status_of_the_route(client: Client) -> None:
    response = await client.post("/api/v1/things", json={"name": "a"})
    assert response.status == 201
    assert await response.json() == {"name": "a", "request_id": ""}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", ""])
async def test_a_parameter_out_of_bounds_is_refused(client: Client, limit: str) -> None:
    error = await error_of(await client.get("/api/v1/things", params={"limit": limit}), 400)
    assert places(error) == ["query.limit"]


async def test_an_unknown_parameter_is_named(client: Client) -> None:
    error = await error_of(await client.get("/api/v1/things?limt=1&limit=3"), 400)
    assert places(error) == ["query.limt"]
    assert "limt" in error["message"]


async def test_a_route_without_parameters_refuses_any(client: Client) -> None:
    assert places(await error_of(await client.get("/api/v1/things/a?x=1"), 400)) == ["query.x"]


async def test_a_repeated_parameter_is_refused(client: Client) -> None:
    assert places(await error_of(await client.get("/api/v1/things?limit=1&limit=2"), 400)) == ["query.limit"]


async def test_every_fault_of_a_body_is_told_with_its_place(client: Client) -> None:
    body = {"name": "", "count": "3", "tags": ["a", 1], "extra": None}
    error = await error_of(await client.post("/api/v1/things", json=body), 400)
    assert sorted(places(error)) == ["body.count", "body.extra", "body.name", "body.tags.1"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b"null",
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b"[" * 900,
        b'{"count": ' + b"9" * 900 + b"x}",
    ],
)
async def test_a_malformed_body_is_an_invalid_request(client: Client, raw: bytes) -> None:
    response = await client.post("/api/v1/things", data=raw, headers={"Content-Type": "application/json"})
    assert places(await error_of(response, 400)) == ["body"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_a_foreign_page_could_send_is_unsupported(client: Client, content_type: str) -> None:
    response = await client.post("/api/v1/things", data=b'{"name": "a"}', headers={"Content-Type": content_type})
    assert (await error_of(response, 415))["code"] == "UNSUPPORTED_MEDIA"


async def test_a_body_over_the_limit_is_too_large(client: Client) -> None:
    error = await error_of(await client.post("/api/v1/things", json={"name": "a" * 1000}), 413)
    assert error["code"] == "PAYLOAD_TOO_LARGE"


async def test_an_unknown_path_has_the_error_shape(client: Client) -> None:
    error = await error_of(await client.get("/api/v1/nothing"), 404)
    assert error["code"] == "NOT_FOUND"
    assert "/api/v1/nothing" in error["message"]


async def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    response = await client.put("/api/v1/things")
    assert (await error_of(response, 405))["code"] == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "GET, HEAD, POST"


async def test_a_handlers_own_error_keeps_its_details(client: Client) -> None:
    error = await error_of(await client.delete("/api/v1/things/a"), 409)
    assert error["code"] == "CONFLICT"
    assert error["details"] == {"hint": ErrorCode.CONFLICT.remedy, "by": "you"}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("folder", 404, "DIR_NOT_FOUND"),
        ("vectors", 503, "QDRANT_CONNECTION"),
        ("full", 500, "INTERNAL"),
        ("teapot", 400, "INVALID_REQUEST"),
    ],
)
async def test_errors_from_below_keep_their_code(client: Client, name: str, status: int, code: str) -> None:
    assert (await error_of(await client.get(f"/api/v1/foreign/{name}"), status))["code"] == code


async def test_the_unforeseen_is_logged_and_tells_nothing_of_its_inside(client: Client) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        response = await client.get("/api/v1/foreign/bug", headers={"X-Request-ID": "mine-1"})
    error = await error_of(response, 500)
    assert error["code"] == "INTERNAL"
    assert "secret" not in json.dumps(error)
    assert logs[0]["exc_info"]
    assert logs[0]["request_id"] == "mine-1"


async def test_a_redirect_is_no_error(client: Client) -> None:
    response = await client.get("/api/v1/elsewhere", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/api/v1/things")


async def test_a_sane_request_id_is_kept_and_bound_to_the_log(client: Client) -> None:
    response = await client.get("/api/v1/things/a", headers={"X-Request-ID": "abc.DEF-1_2"})
    assert response.headers["X-Request-ID"] == "abc.DEF-1_2"
    assert (await response.json())["request_id"] == "abc.DEF-1_2"


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "é", "a;b", "<script>"])
async def test_any_other_request_id_is_replaced(client: Client, given: str) -> None:
    response = await client.get("/api/v1/things/a", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] != given
    assert len(response.headers["X-Request-ID"]) == 32


async def test_head_answers_like_get_without_a_body(client: Client) -> None:
    response = await client.head("/api/v1/things")
    assert response.status == 200
    assert await response.read() == b""


def test_a_handler_that_asks_for_what_cannot_be_given_fails_at_once() -> None:
    async def handler(weather: str) -> Thing:
        return Thing(name=weather)

    with pytest.raises(TypeError, match="cannot give weather"):
        Routes("x").get("/x")(handler)


def test_a_path_and_its_model_must_name_the_same() -> None:
    async def handler(path: ThingPath) -> Thing:
        return Thing(name=path.name)

    with pytest.raises(TypeError, match=r"the path has \['id'\], its model \['name'\]"):
        Routes("x").get("/x/{id}")(handler)
