"""Catalog, vectors and thumbnails: brought to agree, proved to agree, and repaired when they do not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.catalog import Catalog
from store.consistency import Disagreements, check, repair
from store.errors import VectorStoreError
from store.records import (
    Attached,
    FileStat,
    ImageFacts,
    Indexed,
    JobKind,
    NewTask,
    Task,
    Vanished,
    image_id_of,
)
from store.thumbnails import ThumbnailStore
from store.vectors.edge import EdgeIndex
from store.vectors.protocol import Point, VectorFilter
from store.vectors.sync import rebuild, sync_points

SPACE = "space"
AGREED = Disagreements(frozenset(), frozenset(), frozenset(), frozenset())


def content(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vector_of(number: int) -> NDArray[np.float32]:
    angle = number / 7
    return np.array([np.cos(angle), np.sin(angle), 0, 0], dtype=np.float32)


class Library:
    """All three stores, with photos put in the way ingest does it: thumbnail, point, commit."""

    def __init__(self, catalog: Catalog, index: EdgeIndex, thumbnails: ThumbnailStore) -> None:
        self.catalog = catalog
        self.index = index
        self.thumbnails = thumbnails

    async def add(self, *numbers: int, root: str = "/photos", collection: str = "default") -> list[str]:
        tasks = await self._lease([f"{root}/{number}.jpg" for number in numbers], root, collection)
        feeds = await self.catalog.collections.ensure(collection)
        points, outcomes = [], []
        for number, task in zip(numbers, tasks, strict=True):
            facts = ImageFacts(content(number), 10, 4, 3, "JPEG", "full")
            self.thumbnails.write(facts.sha256, b"jpeg %d" % number)
            points.append(Point(facts.id, vector_of(number), (feeds,)))
            outcomes.append(Indexed(task, FileStat(10, 1, number, 1), facts, vector_of(number)))
        await self.index.upsert(points)
        await self.catalog.commit(outcomes)
        return [point.id for point in points]

    async def attach(self, number: int, root: str, collection: str) -> None:
        (task,) = await self._lease([f"{root}/copy-{number}.jpg"], root, collection)
        stat = FileStat(10, 1, 1000 + number, 1)
        await self.catalog.commit([Attached(task, stat, image_id_of(content(number)))])

    async def vanish(self, *numbers: int, root: str = "/photos") -> None:
        tasks = await self._lease([f"{root}/{number}.jpg" for number in numbers], root, "default")
        await self.catalog.commit([Vanished(task) for task in tasks])

    async def sync(self) -> int:
        return await sync_points(self.catalog, self.index, SPACE)

    async def check(self) -> Disagreements:
        return await check(self.catalog, self.index, self.thumbnails)

    async def repair(self) -> Disagreements:
        return await repair(self.catalog, self.index, self.thumbnails, SPACE)

    async def points(self) -> set[str]:
        return {one async for chunk in self.index.ids() for one in chunk}

    async def _lease(self, paths: list[str], root: str, collection: str) -> list[Task]:
        root_id = (await self.catalog.roots.ensure_ingest(root, collection)).id
        job = await self.catalog.jobs.create(JobKind.SCAN, root, collection)
        await self.catalog.queue.put([NewTask(path, root_id, job.id) for path in paths])
        return await self.catalog.queue.lease(len(paths))


@pytest.fixture
async def library(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Library]:
    index = EdgeIndex(tmp_path / "vectors", 4)
    await index.open()
    yield Library(catalog, index, ThumbnailStore(tmp_path / "thumbnails"))
    await index.close()


async def test_nothing_to_sync_after_plain_indexing(library: Library) -> None:
    await library.add(1, 2, 3)
    assert await library.sync() == 0
    assert await library.check() == AGREED


async def test_a_vanished_photo_loses_its_point_and_gets_it_back(library: Library) -> None:
    first, second = await library.add(1, 2)
    await library.vanish(1)
    assert await library.sync() == 1
    assert await library.points() == {second}
    await library.attach(1, "/photos", "default")
    assert await library.sync() == 1
    assert np.array_equal((await library.index.vectors([first]))[first], vector_of(1))
    assert await library.sync() == 0


async def test_a_copy_in_another_collection_is_found_there(library: Library) -> None:
    (image,) = await library.add(1)
    await library.attach(1, "/elsewhere", "holidays")
    await library.sync()
    for name in ("default", "holidays"):
        number = (await library.catalog.collections.get(name)).id
        hits = await library.index.search(vector_of(1), limit=5, where=VectorFilter(collections=(number,)))
        assert [hit.id for hit in hits] == [image]


async def test_an_interrupted_sync_is_finished_by_the_next(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.vectors.sync.BATCH", 2)
    await library.add(*range(7))
    await library.vanish(0, 1, 2, 3, 4)

    async def lost(ids: Collection[str]) -> None:
        raise VectorStoreError("the engine is away")

    with monkeypatch.context() as away:
        away.setattr(library.index, "delete", lost)
        with pytest.raises(VectorStoreError):
            await library.sync()
    assert await library.sync() == 5
    assert await library.points() == {image_id_of(content(number)) for number in (5, 6)}


async def test_rebuild_from_nothing_and_over_a_wrong_index(library: Library) -> None:
    ids = await library.add(*range(12))
    await library.vanish(0)
    await library.index.delete(ids[:6])
    await library.index.upsert([Point(image_id_of(content(99)), vector_of(99)), Point(ids[8], vector_of(1))])
    for _ in range(2):
        assert await rebuild(library.catalog, library.index, SPACE) == 11
        assert await library.points() == set(ids[1:])
        assert np.array_equal((await library.index.vectors([ids[8]]))[ids[8]], vector_of(8))
    default = (await library.catalog.collections.get("default")).id
    where = VectorFilter(collections=(default,))
    assert len(await library.index.search(vector_of(0), limit=20, where=where)) == 11


async def test_check_names_each_disagreement(library: Library) -> None:
    ids = await library.add(1, 2, 3)
    assert not await library.check()
    await library.index.delete(ids[:1])
    await library.index.upsert([Point(image_id_of(content(8)), vector_of(8))])
    library.thumbnails.delete([content(2)])
    library.thumbnails.write(content(9), b"of no image")
    assert await library.check() == Disagreements(
        points_missing=frozenset(ids[:1]),
        points_orphaned=frozenset([image_id_of(content(8))]),
        thumbnails_missing=frozenset([content(2)]),
        thumbnails_orphaned=frozenset([content(9)]),
    )


async def test_a_missing_file_keeps_the_thumbnail_but_not_the_point(library: Library) -> None:
    ids = await library.add(1, 2)
    await library.vanish(1)
    found = await library.check()
    assert found.points_orphaned == frozenset(ids[:1])
    assert not found.thumbnails_orphaned
    await library.sync()
    assert await library.check() == AGREED


async def test_what_has_no_cached_result_cannot_be_repaired(library: Library) -> None:
    ids = await library.add(1)
    await library.index.delete(ids)
    found = await repair(library.catalog, library.index, library.thumbnails, "another space")
    assert found.points_missing == frozenset(ids)
    assert await library.points() == set()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lost=st.sets(st.integers(0, 19)),
    foreign=st.sets(st.integers(100, 110)),
    blank=st.sets(st.integers(0, 19)),
    strange=st.sets(st.integers(200, 210)),
)
async def test_repair_leaves_only_what_ingest_must_make(
    library: Library, lost: set[int], foreign: set[int], blank: set[int], strange: set[int]
) -> None:
    ids = await library.add(*range(20))
    await library.index.delete({ids[number] for number in lost})
    await library.index.upsert([Point(image_id_of(content(one)), vector_of(one)) for one in foreign])
    library.thumbnails.delete(content(number) for number in blank)
    for number in strange:
        library.thumbnails.write(content(number), b"strange")
    found = await library.repair()
    assert (len(found.points_missing), len(found.points_orphaned)) == (len(lost), len(foreign))
    assert (len(found.thumbnails_missing), len(found.thumbnails_orphaned)) == (len(blank), len(strange))
    left = await library.check()
    assert left.thumbnails_missing == {content(number) for number in blank}
    assert left == Disagreements(frozenset(), frozenset(), left.thumbnails_missing, frozenset())
