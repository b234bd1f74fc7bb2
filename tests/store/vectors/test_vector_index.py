"""What every vector index promises, held by each of them alike."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.errors import PointRejectedError, VectorStoreError
from store.vectors.edge import EdgeIndex
from store.vectors.errors import VectorsMismatchError
from store.vectors.protocol import Point, VectorFilter, VectorIndex
from store.vectors.remote import RemoteIndex

DIMENSIONS = 16

MakeIndex = Callable[[int], VectorIndex]  # an index of so many dimensions, over the same store each time


def unit_rows(count: int, seed: int = 0, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def point_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def some_points(count: int, seed: int = 0) -> list[Point]:
    return [Point(point_id(number), row, (number % 3, 100)) for number, row in enumerate(unit_rows(count, seed))]


@pytest.fixture(params=["edge", "rest", "server"])
async def make_index(
    request: pytest.FixtureRequest, tmp_path: Path, qdrant: tuple[httpx.MockTransport, list[Any]]
) -> AsyncIterator[MakeIndex]:
    made: list[VectorIndex] = []
    name = f"photond_test_{uuid.uuid4().hex}"
    url = os.environ.get("QDRANT_URL")
    key = os.environ.get("QDRANT_API_KEY")
    if request.param == "server" and not url:
        pytest.skip("no QDRANT_URL is set, so there is no server to ask")

    def make(dimensions: int) -> VectorIndex:
        index: VectorIndex
        if request.param == "edge":
            index = EdgeIndex(tmp_path / "shard", dimensions)
        elif request.param == "rest":
            index = RemoteIndex("http://qdrant.test:6333", None, name, dimensions, transport=qdrant[0])
        else:
            assert url is not None
            index = RemoteIndex(url, key, name, dimensions)
        made.append(index)
        return index

    yield make
    for index in made:
        await index.close()
    if request.param == "server":
        headers = {"api-key": key} if key else {}
        async with httpx.AsyncClient(headers=headers) as client:
            await client.delete(f"{url}/collections/{name}")


@pytest.fixture
async def index(make_index: MakeIndex) -> VectorIndex:
    made = make_index(DIMENSIONS)
    await made.open()
    return made


async def all_ids(index: VectorIndex) -> list[str]:
    return [one async for chunk in index.ids() for one in chunk]


async def test_an_empty_index_answers(index: VectorIndex) -> None:
    assert await index.count() == 0
    assert await index.search(unit_rows(1)[0], limit=5) == []
    assert await index.vectors([point_id(1)]) == {}
    assert await all_ids(index) == []
    await index.upsert([])
    await index.delete([])
    await index.flush()


async def test_vectors_come_back_bit_for_bit(index: VectorIndex) -> None:
    points = some_points(40)
    await index.upsert(points)
    found = await index.vectors([*(point.id for point in points), point_id(9999)])
    assert found.keys() == {point.id for point in points}
    for point in points:
        assert found[point.id].dtype == np.float32
        assert np.array_equal(found[point.id], point.vector)


async def test_upsert_replaces_vector_and_payload(index: VectorIndex) -> None:
    first, second = unit_rows(2)
    await index.upsert([Point(point_id(1), first, (1,))])
    await index.upsert([Point(point_id(1), second, (2,))])
    assert await index.count() == 1
    (hit,) = await index.search(second, limit=5)
    assert hit.score == pytest.approx(1.0, abs=1e-5)
    assert await index.search(second, limit=5, where=VectorFilter(collections=(1,))) == []
    assert len(await index.search(second, limit=5, where=VectorFilter(collections=(2,)))) == 1


async def test_points_come_back_with_their_collections(index: VectorIndex) -> None:
    points = some_points(8)
    await index.upsert(points)
    found = await index.points([*(point.id for point in points), point_id(9999)])
    assert {one.id: one.collections for one in found.values()} == {one.id: one.collections for one in points}
    assert all(np.array_equal(found[point.id].vector, point.vector) for point in points)


async def test_an_index_of_another_dimension_is_made_anew(make_index: MakeIndex) -> None:
    first = make_index(DIMENSIONS)
    await first.open()
    await first.upsert(some_points(3))
    await first.close()
    second = make_index(DIMENSIONS + 1)
    await second.recreate()
    assert await second.count() == 0
    row = unit_rows(1, dimensions=DIMENSIONS + 1)[0]
    await second.upsert([Point(point_id(1), row, (1,))])
    assert [hit.id for hit in await second.search(row, limit=5, where=VectorFilter((1,)))] == [point_id(1)]


async def test_the_later_of_two_points_in_one_batch_wins(index: VectorIndex) -> None:
    first, second = unit_rows(2)
    await index.upsert([Point(point_id(1), first), Point(point_id(1), second)])
    assert np.array_equal((await index.vectors([point_id(1)]))[point_id(1)], second)


async def test_delete_forgets_and_does_not_mind_strangers(index: VectorIndex) -> None:
    points = some_points(10)
    await index.upsert(points)
    await index.delete({points[0].id, points[1].id, point_id(9999)})
    assert await index.count() == 8
    assert points[0].id not in {hit.id for hit in await index.search(points[0].vector, limit=10)}


async def test_ids_lists_everything_once(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.vectors.edge.PAGE", 7)
    monkeypatch.setattr("store.vectors.remote.PAGE", 7)
    points = some_points(21)
    await index.upsert(points)
    chunks = [chunk async for chunk in index.ids()]
    assert all(len(chunk) <= 7 for chunk in chunks)
    assert sorted(one for chunk in chunks for one in chunk) == sorted(point.id for point in points)


async def test_large_upserts_are_split(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.vectors.edge.BATCH", 8)
    monkeypatch.setattr("store.vectors.remote.BATCH", 8)
    points = some_points(33)
    await index.upsert(points)
    assert await index.count() == 33
    found = await index.vectors([point.id for point in points])
    assert all(np.array_equal(found[point.id], point.vector) for point in points)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, {0, 1, 2}),
        ((0,), {0}),
        ((1, 2), {1, 2}),
        ((100,), {0, 1, 2}),
        ((7,), set()),
        ((), set()),
    ],
)
async def test_filter_by_collections(index: VectorIndex, wanted: tuple[int, ...] | None, expected: set[int]) -> None:
    points = some_points(30)
    await index.upsert(points)
    hits = await index.search(points[0].vector, limit=50, where=VectorFilter(collections=wanted))
    assert {hit.id for hit in hits} == {point.id for point in points if point.collections[0] in expected}


async def test_points_without_a_collection_match_no_filter(index: VectorIndex) -> None:
    (row,) = unit_rows(1)
    await index.upsert([Point(point_id(1), row)])
    assert await index.search(row, limit=5, where=VectorFilter(collections=(0, 1))) == []
    assert len(await index.search(row, limit=5, where=VectorFilter())) == 1


async def test_a_filtered_search_fills_its_limit(index: VectorIndex) -> None:
    rows = unit_rows(300)
    rare = {point_id(number) for number in range(0, 300, 30)}
    await index.upsert([Point(point_id(n), row, (int(n % 30 == 0),)) for n, row in enumerate(rows)])
    hits = await index.search(rows[1], limit=10, where=VectorFilter(collections=(1,)))
    assert {hit.id for hit in hits} == rare


async def test_pages_by_offset_fit_together_even_among_equal_scores(index: VectorIndex) -> None:
    distinct, twin = unit_rows(30, seed=5), unit_rows(1, seed=6)[0]
    points = [Point(point_id(number), row) for number, row in enumerate(distinct)]
    points += [Point(point_id(number), twin) for number in range(100, 180)]
    await index.upsert(points)
    whole = await index.search(twin, limit=200)
    assert [hit.id for hit in whole[:80]] == sorted(point_id(number) for number in range(100, 180))
    paged = [hit for offset in range(0, 110, 7) for hit in await index.search(twin, limit=7, offset=offset)]
    assert paged == whole
    assert len(whole) == 110
    assert await index.search(twin, limit=7, offset=110) == []


async def test_search_of_nothing_wanted(index: VectorIndex) -> None:
    await index.upsert(some_points(3))
    assert await index.search(unit_rows(1)[0], limit=0) == []


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(DIMENSIONS, np.float32),
        unit_rows(1)[0] * 1.01,
        unit_rows(1, dimensions=DIMENSIONS - 1)[0],
        np.full(DIMENSIONS, np.nan, np.float32),
        np.full(DIMENSIONS, np.inf, np.float32),
        unit_rows(1),
    ],
    ids=["zero", "too long", "dimension", "nan", "infinite", "matrix"],
)
async def test_one_bad_vector_and_nothing_is_written(index: VectorIndex, vector: NDArray[np.float32]) -> None:
    with pytest.raises(PointRejectedError, match=point_id(50)):
        await index.upsert([*some_points(3), Point(point_id(50), vector)])
    assert await index.count() == 0
    with pytest.raises(PointRejectedError, match="the query"):
        await index.search(vector, limit=1)


async def test_points_outlive_the_index_object(make_index: MakeIndex) -> None:
    first, points = make_index(DIMENSIONS), some_points(20)
    await first.open()
    await first.upsert(points)
    await first.flush()
    await first.close()
    await first.close()
    second = make_index(DIMENSIONS)
    await second.open()
    assert sorted(await all_ids(second)) == sorted(point.id for point in points)
    hits = await second.search(points[4].vector, limit=1, where=VectorFilter(collections=(1,)))
    assert hits[0].id == points[4].id


async def test_another_dimension_is_refused(make_index: MakeIndex) -> None:
    first = make_index(DIMENSIONS)
    await first.open()
    await first.upsert(some_points(1))
    await first.close()
    with pytest.raises(VectorsMismatchError, match="reindex"):
        await make_index(DIMENSIONS + 1).open()


async def test_an_index_that_is_not_open_says_so(make_index: MakeIndex) -> None:
    never = make_index(DIMENSIONS)
    with pytest.raises(VectorStoreError, match="not open"):
        await never.count()
    with pytest.raises(VectorStoreError, match="not open"):
        await never.upsert(some_points(1))
    closed = make_index(DIMENSIONS)
    await closed.open()
    await closed.close()
    with pytest.raises(VectorStoreError, match="not open"):
        await closed.upsert(some_points(1))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_search_equals_brute_force(index: VectorIndex, data: st.DataObject) -> None:
    """Whatever is written and deleted, a search gives what a matrix product over the survivors gives."""
    await index.delete(await all_ids(index))
    kept: dict[str, Point] = {}
    rounds = data.draw(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2**16)), min_size=1, max_size=3))
    for count, seed in rounds:
        batch = some_points(count, seed)
        await index.upsert(batch)
        kept |= {point.id: point for point in batch}
        gone = data.draw(st.sets(st.sampled_from(sorted(kept)), max_size=5))
        await index.delete(gone)
        kept = {one: point for one, point in kept.items() if one not in gone}
    query = unit_rows(1, seed=data.draw(st.integers(0, 2**16)))[0]
    wanted = data.draw(st.none() | st.sets(st.integers(0, 3), min_size=1).map(tuple))
    offset, limit = data.draw(st.integers(0, 10)), data.draw(st.integers(1, 20))
    scores = {
        point.id: float(point.vector @ query)
        for point in kept.values()
        if wanted is None or set(wanted) & set(point.collections)
    }
    hits = await index.search(query, limit=limit, offset=offset, where=VectorFilter(collections=wanted))
    best = sorted(scores.values(), reverse=True)[offset : offset + limit]
    assert [hit.score for hit in hits] == pytest.approx(best, abs=1e-5)
    assert [hit.score for hit in hits] == pytest.approx([scores[hit.id] for hit in hits], abs=1e-5)
    assert len({hit.id for hit in hits}) == len(hits)
