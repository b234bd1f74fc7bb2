"""What all answers of the application share: headers, foreign origins, health, the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api.health import PartState
from store.vectors.edge import EdgeIndex

BASE = "/api/v1"
ORIGIN = "https://photos.example"
WEB = Path(__file__).parents[2] / "api" / "web"


@pytest.mark.parametrize(
    "url",
    ["/", "/web/style.css", f"{BASE}/stats", f"{BASE}/nothing", "/web/nothing.js", f"{BASE}/openapi.json"],
)
async def test_every_answer_is_guarded_by_headers(client: TestClient[Any, Any], url: str) -> None:
    response = await client.get(url)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "url", ["/nothing", f"{BASE}/", f"{BASE}/images/a/b", "/web/nothing.js", "/web/", "/web/..%2fapp.py"]
)
async def test_an_unknown_address_has_the_error_shape(client: TestClient[Any, Any], refused: Any, url: str) -> None:
    await refused(await client.get(url), "NOT_FOUND")


@pytest.mark.parametrize(("method", "url"), [("POST", "/"), ("PUT", f"{BASE}/images"), ("GET", f"{BASE}/search/text")])
async def test_a_wrong_method_has_the_error_shape(
    client: TestClient[Any, Any], refused: Any, method: str, url: str
) -> None:
    response = await client.request(method, url)
    await refused(response, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"]


# -- foreign origins


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method}


async def test_a_listed_origin_may_read_answers_and_errors(client: TestClient[Any, Any]) -> None:
    for url in (f"{BASE}/stats", f"{BASE}/nothing"):
        response = await client.get(url, headers={"Origin": ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://photos.example.evil", "http://photos.example", "null", "*", ""])
async def test_no_other_origin_is_allowed(client: TestClient[Any, Any], refused: Any, origin: str) -> None:
    response = await client.get(f"{BASE}/stats", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers
    asked = await client.options(f"{BASE}/search/text", headers=preflight(origin))
    await refused(asked, "METHOD_NOT_ALLOWED")


async def test_a_preflight_tells_what_the_route_takes(client: TestClient[Any, Any], refused: Any) -> None:
    response = await client.options(f"{BASE}/collections", headers=preflight(ORIGIN))
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]
    await refused(await client.options(f"{BASE}/nothing", headers=preflight(ORIGIN)), "NOT_FOUND")


# -- health


@pytest.mark.parametrize("base", ["", BASE])
async def test_alive_and_ready_answer_at_the_root_too(client: TestClient[Any, Any], base: str) -> None:
    alive = await client.get(f"{base}/healthz")
    assert await alive.json() == {"status": "ok", "version": "0.0.test"}
    response = await client.get(f"{base}/readyz")
    assert response.status == 200
    assert await response.json() == {
        "ready": True,
        "parts": {"catalog": {"ok": True, "detail": "open", "needed": True}},
    }


async def test_unready_says_which_part(client: TestClient[Any, Any], shelf: Any) -> None:
    shelf.parts["catalog"] = PartState(False, "no disk")
    response = await client.get("/readyz")
    assert response.status == 503
    answer = await response.json()
    assert not answer["ready"]
    assert answer["parts"]["catalog"]["detail"] == "no disk"
    assert (await client.get("/healthz")).status == 200


# -- the page


async def test_the_page_and_all_it_loads_is_served(client: TestClient[Any, Any]) -> None:
    response = await client.get("/?q=a+cat")
    assert response.content_type == "text/html"
    page = await response.text()
    for url in re.findall(r'(?:src|href)="(/web/[^"]+)"', page):
        loaded = await client.get(url)
        assert loaded.status == 200, url
        assert loaded.headers["Cache-Control"] == "no-cache"
    script = await client.get("/web/main.js")
    assert script.content_type in {"text/javascript", "application/javascript"}


@pytest.mark.parametrize("path", sorted(WEB.iterdir()), ids=lambda path: path.name)
def test_the_page_names_no_other_host_and_makes_no_markup_from_data(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//[a-z]+\.|@import", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bon\w+=|style=", text)


@pytest.mark.parametrize("path", sorted(WEB.glob("*.js")), ids=lambda path: path.name)
def test_modules_import_what_is_there(path: Path) -> None:
    for name in re.findall(r'from "\./([\w.]+)"', path.read_text()):
        assert (WEB / name).is_file()


# -- the library in numbers


async def test_stats_count_the_library(client: TestClient[Any, Any], shelf: Any, engine: EdgeIndex) -> None:
    await shelf.add("a.jpg", "red")
    await shelf.remove(await shelf.add("b.jpg", "blue"))
    await shelf.fail("c.jpg", "DECODE_FAILED", "broken")
    stats = await (await client.get(f"{BASE}/stats")).json()
    assert (stats["images"], stats["files"], stats["missing"], stats["failed"]) == (1, 1, 1, 1)
    assert stats["queue"] == {"ready": 0, "leased": 0, "delayed": 0}
    assert stats["model"] == "fake"
    assert stats["counters"]["decoded"] == 0
    assert stats["vectors"] == 2  # that of the missing photo is kept, like its image


async def test_stats_hold_while_the_vector_engine_is_away(client: TestClient[Any, Any]) -> None:
    stats = await (await client.get(f"{BASE}/stats")).json()
    assert (stats["images"], stats["vectors"]) == (0, None)


async def test_random_draws_from_a_collection(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    added = {await shelf.add(f"{n}.jpg", "red") for n in range(4)}
    other = await shelf.add("b.jpg", "blue", collection="cats")
    drawn = (await (await client.get(f"{BASE}/random?limit=200")).json())["items"]
    assert {image["id"] for image in drawn} == added | {other}
    (cat,) = (await (await client.get(f"{BASE}/random?limit=3&collection=cats")).json())["items"]
    assert cat["id"] == other
    await refused(await client.get(f"{BASE}/random?collection=dogs"), "NOT_FOUND", f"GET {BASE}/random")
