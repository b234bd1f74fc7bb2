"""Catalog, vectors and thumbnails: brought to agree, proved to agree, and repaired when they do not."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.catalog import FILE_NAME, Catalog
from store.consistency import Disagreements, Repair, check, repair
from store.errors import CatalogDamagedError, VectorStoreError
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
from store.vectors.errors import VectorsDamagedError
from store.vectors.protocol import Point, VectorFilter
from store.vectors.sync import Differences, compare, rebuild, sample_points, sync_points

SPACE = "space"
Folders = pytest.TempPathFactory
AGREED = Disagreements()


def content(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vector_of(number: int) -> NDArray[np.float32]:
    angle = number / 7
    return np.array([np.cos(angle), np.sin(angle), 0, 0], dtype=np.float32)


class Library:
    """All three stores, with photos put in the way ingest does it: thumbnail, point, commit."""

    def __init__(self, folder: Path, catalog: Catalog, index: EdgeIndex) -> None:
        self.file = folder / FILE_NAME
        self.catalog = catalog
        self.index = index
        self.thumbnails = ThumbnailStore(folder / "thumbnails")
        self.root, self.job = 0, ""  # of what was added last

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

    async def repair(self) -> Repair:
        return await repair(self.catalog, self.index, self.thumbnails)

    async def queued(self) -> dict[str, bool]:
        """What waits to be done: path, and whether it is read again whatever is known of it."""
        return {task.path: task.force for task in await self.catalog.queue.lease(1000)}

    def sql(self, statement: str, *arguments: object) -> None:
        """What a curious hand does to the catalog's file, past every rule."""
        connection = sqlite3.connect(self.file)
        with connection:
            assert connection.execute(statement, arguments).rowcount > 0
        connection.close()

    async def points(self) -> set[str]:
        return {one async for chunk in self.index.ids() for one in chunk}

    async def _lease(self, paths: list[str], root: str, collection: str) -> list[Task]:
        self.root = (await self.catalog.roots.ensure_ingest(root, collection)).id
        self.job = (await self.catalog.jobs.create(JobKind.SCAN, root, collection)).id
        await self.catalog.queue.put([NewTask(path, self.root, self.job) for path in paths])
        return await self.catalog.queue.lease(len(paths))


Plant = Callable[[Library, int], Awaitable[None]]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Library]:
    catalog, index = Catalog(folder), EdgeIndex(folder / "vectors", 4)
    await catalog.open()
    await catalog.spaces.activate(SPACE, "fake", 4, "{}")
    await index.open()
    try:
        yield Library(folder, catalog, index)
    finally:
        await index.close()
        await catalog.close()


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with opened(tmp_path) as library:
        yield library


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


async def test_what_only_reading_again_can_make_is_queued_once(library: Library) -> None:
    ids = await library.add(1, 2, 3)
    library.thumbnails.delete([content(2)])
    library.sql("DELETE FROM ml_cache WHERE sha256 = ?", content(3))
    done = await library.repair()
    assert done.found == Disagreements(thumbnails_missing=frozenset([content(2)]), results_missing=frozenset([ids[2]]))
    assert (done.left, done.queued) == (AGREED, 2)
    assert (await library.repair()).queued == 0
    (job,) = (await library.catalog.jobs.recent(1)).items
    assert (job.kind, job.total, job.closed) == (JobKind.RETRY, 2, True)
    assert await library.queued() == {"/photos/2.jpg": True, "/photos/3.jpg": True}
    assert await library.points() == set(ids)  # the photo without a result is found until then


@pytest.mark.parametrize("spoilt", [b"\0" * 16, b"\0" * 13, b"\xff" * 16], ids=["zero", "cut short", "nan"])
async def test_a_spoilt_result_is_none(library: Library, spoilt: bytes) -> None:
    ids = await library.add(1, 2)
    library.sql("UPDATE ml_cache SET vector = ? WHERE sha256 = ?", spoilt, content(1))
    await library.catalog.stale.mark(ids)
    assert await library.sync() == 2  # and no fault
    assert await library.points() == {ids[1]}
    done = await library.repair()
    assert (done.found.results_missing, done.left) == (frozenset(ids[:1]), AGREED)
    assert await library.queued() == {"/photos/1.jpg": True}
    assert await library.catalog.images.known(content(1)) is None  # so that a copy of it is read as well


async def test_lost_vectors_are_found_though_every_point_is_counted(library: Library, tmp_path: Path) -> None:
    ids = await library.add(*range(20))
    await library.index.flush()
    await library.index.close()
    for storage in (tmp_path / "vectors").rglob("vector_storage"):
        shutil.rmtree(storage)
    shutil.rmtree(tmp_path / "vectors" / "wal")
    await library.index.open()
    assert await library.index.count() == 20
    for search in (library.check(), compare(library.index, await sample_points(library.catalog, SPACE))):
        with pytest.raises(VectorsDamagedError, match="photond reindex"):
            await search
    await library.index.recreate()
    assert (await library.repair()).found == Disagreements(points_missing=frozenset(ids))
    assert len(await library.index.search(vector_of(0), limit=30)) == 20


async def test_a_sample_finds_no_fault_where_there_is_none(library: Library) -> None:
    assert await sample_points(library.catalog, SPACE) == []
    ids = await library.add(*range(10))
    sample = await sample_points(library.catalog, SPACE)
    assert {point.id for point in sample} <= set(ids)
    assert await compare(library.index, sample) == Differences(set(), set())


async def test_nothing_is_expected_before_a_model_was_loaded(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    await catalog.open()
    index = EdgeIndex(tmp_path / "vectors", 4)
    await index.open()
    assert await check(catalog, index, ThumbnailStore(tmp_path / "thumbnails")) == AGREED
    await index.close()
    await catalog.close()


async def test_a_damaged_page_is_told_with_the_way_out(library: Library) -> None:
    await library.add(*range(50))
    await library.catalog.integrity.verify()
    await library.catalog.close()
    whole = library.file.read_bytes()
    library.file.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    with pytest.raises(CatalogDamagedError, match="photond restore"):
        await library.catalog.integrity.verify()


# -- whatever a test can plant -----------------------------------------------------------------------------------------

PHOTOS = 12


async def lose_point(library: Library, number: int) -> None:
    await library.index.delete([image_id_of(content(number))])


async def turn_vector(library: Library, number: int) -> None:
    stored = (await library.index.points([image_id_of(content(number))])).values()
    await library.index.upsert([Point(point.id, -point.vector, point.collections) for point in stored])


async def change_payload(library: Library, number: int) -> None:
    stored = (await library.index.points([image_id_of(content(number))])).values()
    await library.index.upsert([Point(point.id, point.vector, (77,)) for point in stored])


async def add_point(library: Library, number: int) -> None:
    await library.index.upsert([Point(image_id_of(content(900 + number)), vector_of(number))])


async def lose_thumbnail(library: Library, number: int) -> None:
    library.thumbnails.delete([content(number)])


async def spoil_thumbnail(library: Library, number: int) -> None:
    path = library.thumbnails.path(content(number))
    if path.exists():
        path.write_bytes(path.read_bytes()[:-number])


async def add_thumbnail(library: Library, number: int) -> None:
    library.thumbnails.write(content(900 + number), b"of no image")


async def leave_temporary(library: Library, number: int) -> None:
    library.thumbnails.path(content(number)).with_suffix(".0.tmp").write_bytes(b"half")


async def lose_result(library: Library, number: int) -> None:
    library.sql("UPDATE ml_cache SET vector = x'00' WHERE sha256 = ?", content(number))


async def lose_membership(library: Library, number: int) -> None:
    library.sql("DELETE FROM collection_image WHERE image_id = ?", image_id_of(content(number)))


async def lose_image(library: Library, number: int) -> None:
    library.sql("UPDATE file SET image_id = 'nobody' WHERE path = ?", os.fsencode(f"/photos/{number}.jpg"))


async def lose_root(library: Library, number: int) -> None:
    library.sql("UPDATE file SET root_id = 99 WHERE path = ?", os.fsencode(f"/photos/{number}.jpg"))


async def lose_collection(library: Library, number: int) -> None:
    library.sql("UPDATE watch_root SET collection_id = 98")


async def queue_nowhere(library: Library, number: int) -> None:
    await library.catalog.queue.put([NewTask(f"/photos/{number}.jpg", library.root, library.job)])
    library.sql("UPDATE task SET root_id = 97")


async def leave_stale(library: Library, number: int) -> None:
    await library.catalog.stale.mark([image_id_of(content(number)), "nobody"])


PLANTS = (
    lose_point, turn_vector, change_payload, add_point, lose_thumbnail, spoil_thumbnail, add_thumbnail, leave_temporary,
    lose_result, lose_membership, lose_image, lose_root, lose_collection, queue_nowhere, leave_stale,
)  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
async def test_each_planted_disagreement_is_found_and_mended(library: Library, plant: Plant) -> None:
    await library.add(*range(1, PHOTOS))
    assert await library.check() == AGREED
    await plant(library, 3)
    assert await library.check() != AGREED
    done = await library.repair()
    assert (done.found != AGREED, done.left) == (True, AGREED)
    assert await library.check() == AGREED


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plants=st.lists(st.tuples(st.sampled_from(PLANTS), st.integers(1, PHOTOS - 1)), min_size=1, max_size=8))
async def test_any_mixture_of_them_is_mended(tmp_path_factory: Folders, plants: list[tuple[Plant, int]]) -> None:
    async with opened(tmp_path_factory.mktemp("state")) as library:
        await library.add(*range(1, PHOTOS))
        for plant, number in plants:
            with suppress(AssertionError):  # there may be nothing left to spoil
                await plant(library, number)
        assert (await library.repair()).left == AGREED
        assert await library.check() == AGREED
        present = set((await library.catalog.integrity.contents()).present)
        assert await library.points() >= present - await library.catalog.integrity.awaited()
