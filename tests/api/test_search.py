"""Search by words, without HTTP and with it, on the real vector engine."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api.search import Search, relevance
from ml.errors import MlServiceDownError
from store.errors import InvalidCursorError, NotFoundError
from store.vectors.edge import EdgeIndex

BASE = "/api/v1"
ROUTE = f"{BASE}/search/text"


@pytest.fixture
def search(shelf: Any, engine: EdgeIndex) -> Search:
    return Search(shelf.catalog, engine, shelf.embedder)


async def test_the_photo_of_the_colour_comes_first(search: Search, shelf: Any) -> None:
    for color in ("red", "green", "blue"):
        await shelf.add(f"{color}.jpg", color)
    page = await search.text("a green thing")
    assert page.items[0].image.facts.caption == "green"
    assert page.items[0].score == pytest.approx(1, abs=1e-5)
    scores = [found.score for found in page.items]
    assert scores == sorted(scores, reverse=True)
    assert page.next_cursor is None
    assert page.model == "fake"
    assert page.took_ms > 0


async def test_an_empty_library_finds_nothing(search: Search) -> None:
    page = await search.text("red")
    assert (page.items, page.next_cursor) == ([], None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_make_up_the_whole_ranking(search: Search, shelf: Any, limit: int) -> None:
    added = {await shelf.add(f"{n}.jpg", "red") for n in range(6)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await search.text("red", limit=limit, cursor=cursor)
        seen += [found.image.id for found in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.items) == limit
    assert len(seen) == len(added)
    assert set(seen) == added


async def test_images_without_a_file_are_passed_over_and_the_page_filled(search: Search, shelf: Any) -> None:
    gone = [await shelf.add(f"gone {n}.jpg", "red") for n in range(4)]
    kept = [await shelf.add(f"kept {n}.jpg", "orange") for n in range(3)]
    for image_id in gone:
        await shelf.remove(image_id)
    first = await search.text("red", limit=2)
    assert len(first.items) == 2
    rest = await search.text("red", limit=2, cursor=first.next_cursor)
    assert {found.image.id for found in first.items + rest.items} == set(kept)
    assert rest.next_cursor is None


async def test_many_missing_in_a_row_do_not_end_the_search(
    search: Search, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.search.LEAST_HITS", 2)
    for n in range(5):
        await shelf.remove(await shelf.add(f"gone {n}.jpg", "red"))
    kept = await shelf.add("kept.jpg", "blue")
    page = await search.text("red", limit=1)
    assert [found.image.id for found in page.items] == [kept]
    assert page.next_cursor is None


async def test_a_collection_bounds_the_search(search: Search, shelf: Any) -> None:
    await shelf.add("a.jpg", "red")
    cats = await shelf.add("b.jpg", "blue", collection="cats")
    page = await search.text("red", collection="cats")
    assert [found.image.id for found in page.items] == [cats]
    with pytest.raises(NotFoundError):
        await search.text("red", collection="dogs")


async def test_a_cursor_belongs_to_its_query_and_collection(search: Search, shelf: Any) -> None:
    for n in range(3):
        await shelf.add(f"{n}.jpg", "red")
    cursor = (await search.text("red", limit=1)).next_cursor
    with pytest.raises(InvalidCursorError):
        await search.text("blue", limit=1, cursor=cursor)
    with pytest.raises(InvalidCursorError):
        await search.text("red", limit=1, cursor=cursor, collection="default")


async def test_a_stopped_model_is_told(search: Search, shelf: Any) -> None:
    await shelf.embedder.close()
    with pytest.raises(MlServiceDownError):
        await search.text("red")


@pytest.mark.parametrize(("score", "expected"), [(-0.5, 0), (0, 0), (0.25, 0.25), (1.0000001, 1)])
def test_relevance_is_the_cosine_cut_to_its_positive_half(score: float, expected: float) -> None:
    assert relevance(score) == expected


# -- over HTTP


async def test_an_answer_has_the_contracts_keys(client: TestClient[Any, Any], shelf: Any, engine: EdgeIndex) -> None:
    image_id = await shelf.add("a.jpg", "red")
    response = await client.post(ROUTE, json={"query": " red ", "limit": 5})
    answer = await response.json()
    assert set(answer) == {"items", "next_cursor", "took_ms", "model"}
    (found,) = answer["items"]
    assert found["id"] == image_id
    assert found["score"] == pytest.approx(1, abs=1e-5)
    assert 0 <= found["relevance"] <= 1
    listed = (await (await client.get(f"{BASE}/images")).json())["items"][0]
    assert {key: found[key] for key in listed} == listed


BAD_QUERIES: list[tuple[dict[str, Any], str]] = [
    ({}, "body.query"),
    ({"query": ""}, "body.query"),
    ({"query": " \n"}, "body.query"),
    ({"query": "a" * 1001}, "body.query"),
    ({"query": 3}, "body.query"),
    ({"query": "a\ud800"}, "body.query"),
    ({"query": "a\0b"}, "body.query"),
    ({"query": "a", "limit": 0}, "body.limit"),
    ({"query": "a", "limit": 201}, "body.limit"),
    ({"query": "a", "limit": "5"}, "body.limit"),
    ({"query": "a", "limit": True}, "body.limit"),
    ({"query": "a", "filters": {}}, "body.filters"),
    ({"query": "a", "collection": ""}, "body.collection"),
]


async def test_a_bad_query_is_refused_with_its_place(client: TestClient[Any, Any], refused: Any) -> None:
    for body, place in BAD_QUERIES:
        error = await refused(await client.post(ROUTE, json=body), "INVALID_REQUEST", f"POST {ROUTE}")
        assert [fault["place"] for fault in error["details"]["faults"]] == [place], body


async def test_a_query_that_the_library_cannot_answer_says_why(
    client: TestClient[Any, Any], shelf: Any, engine: EdgeIndex, refused: Any
) -> None:
    unknown = await client.post(ROUTE, json={"query": "a", "collection": "dogs"})
    await refused(unknown, "NOT_FOUND", f"POST {ROUTE}")
    cursor = await client.post(ROUTE, json={"query": "a", "cursor": "nonsense"})
    await refused(cursor, "INVALID_REQUEST", f"POST {ROUTE}")
    await shelf.embedder.close()
    stopped = await client.post(ROUTE, json={"query": "a"})
    await refused(stopped, "ML_SERVICE_DOWN", f"POST {ROUTE}")
    assert stopped.status == 503
