from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from store.errors import ConflictError, InvalidCursorError, NotFoundError
from store.images import Totals
from store.records import FileState, RootState

if TYPE_CHECKING:
    from tests.store.conftest import Library


async def test_a_page_shows_the_newest_first_and_no_missing_ones(library: Library) -> None:
    times = {
        "old": "1999-12-31T23:59:59Z",
        "zoned": "2020-01-01T00:30:00+02:00",
        "local": "2020-01-01T00:00:00",
    }
    for content, taken_at in times.items():
        await library.index(f"/a/{content}.jpg", content, taken_at=taken_at)
    await library.index("/a/odd.jpg", "odd", taken_at="0000:00:00")  # sorts by when it was indexed
    await library.index("/a/gone.jpg", "gone")
    await library.vanish("/a/gone.jpg")
    seen: list[str | None] = []
    cursor: str | None = None
    while True:
        page = await library.catalog.images.page(1, cursor)
        seen += [image.path for image in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["/a/odd.jpg", "/a/local.jpg", "/a/zoned.jpg", "/a/old.jpg"]


async def test_pages_of_images_taken_in_the_same_moment_neither_repeat_nor_skip(library: Library) -> None:
    tasks = await library.lease(*(f"/a/{n}.jpg" for n in range(25)))
    await library.catalog.commit([library.indexed(task, task.path) for task in tasks])
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = await library.catalog.images.page(10, cursor)
        seen += [image.id for image in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert len(seen) == len(set(seen)) == 25


async def test_an_image_is_offline_when_no_root_that_is_there_has_a_file_of_it(library: Library) -> None:
    await library.index("/a/1.jpg", "x")
    await library.index("/b/1.jpg", "x")
    images, roots = library.catalog.images, library.catalog.roots
    one, two, _ = await roots.all()

    async def shown() -> tuple[str | None, bool]:
        image = await images.get(library.id("x"))
        assert image is not None
        return image.path, image.offline

    assert await shown() == ("/a/1.jpg", False)
    await roots.set_state(one.id, RootState.OFFLINE)
    assert await shown() == ("/b/1.jpg", False)
    await roots.set_state(two.id, RootState.OFFLINE)
    assert await shown() == ("/a/1.jpg", True)
    await library.vanish("/a/1.jpg")
    await library.vanish("/b/1.jpg")
    assert await shown() == (None, False)


async def test_a_page_may_be_of_one_collection(library: Library) -> None:
    await library.index("/a/1.jpg", "x")
    await library.index("/b/2.jpg", "y")
    images = library.catalog.images
    assert [image.id for image in (await images.page(10, collection="two")).items] == [library.id("y")]
    with pytest.raises(NotFoundError, match="three"):
        await images.page(10, collection="three")
    await library.index("/b/3.jpg", "z")
    cursor = (await images.page(1, collection="two")).next_cursor
    with pytest.raises(InvalidCursorError):
        await images.page(1, cursor, collection="one")


async def test_many_keeps_the_order_and_may_leave_out_what_is_missing(library: Library) -> None:
    for content in "xyz":
        await library.index(f"/a/{content}.jpg", content)
    await library.vanish("/a/y.jpg")
    ids = [library.id(content) for content in "zyx"] + ["unknown"]
    images = library.catalog.images
    assert list(await images.many(ids)) == ids[:3]
    assert list(await images.many(ids, present_only=True)) == [ids[0], ids[2]]
    assert (await images.many([])) == {}
    missing = await images.get(library.id("y"))
    assert missing is not None
    assert (missing.files, missing.path) == ((), None)


async def test_an_image_knows_its_files_collections_and_tags(library: Library) -> None:
    await library.index("/a/z.jpg", "x")
    await library.attach("/b/a.jpg", "x")
    await library.attach("/c/gone.jpg", "x")
    await library.vanish("/c/gone.jpg")
    image = await library.catalog.images.get(library.id("x"))
    assert image is not None
    assert image.files == ("/a/z.jpg", "/b/a.jpg")
    assert image.path == "/a/z.jpg"
    assert image.collections == ("one", "two")
    assert [(tag.name, tag.score, tag.source) for tag in image.facts.tags] == [("photo", 0.5, "model")]
    files = await library.catalog.images.files(image.id)
    assert [(file.path, file.state) for file in files] == [
        ("/a/z.jpg", FileState.PRESENT),
        ("/b/a.jpg", FileState.PRESENT),
        ("/c/gone.jpg", FileState.MISSING),
    ]


async def test_known_asks_for_a_vector_in_the_active_space(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    catalog = library.catalog
    assert await catalog.images.known(library.sha256("x")) == library.id("x")
    assert await catalog.images.known(library.sha256("y")) is None
    await catalog.spaces.activate("better", "another", 8, "{}")
    assert await catalog.images.known(library.sha256("x")) is None
    await catalog.spaces.activate("space", "fake", 4, "{}")
    assert await catalog.images.known(library.sha256("x")) == library.id("x")
    with pytest.raises(ConflictError, match="4 dimensions"):
        await catalog.spaces.activate("space", "fake", 5, "{}")
    active = await catalog.spaces.active()
    assert active is not None
    assert (active.id, active.dimensions) == ("space", 4)


async def test_random_draws_present_images_of_a_collection(library: Library) -> None:
    for n in range(6):
        await library.index(f"/{'ab'[n % 2]}/{n}.jpg", str(n))
    await library.vanish("/a/0.jpg")
    images = library.catalog.images
    assert {image.path for image in await images.random(10)} == {f"/{'ab'[n % 2]}/{n}.jpg" for n in range(1, 6)}
    assert {image.path for image in await images.random(10, "one")} == {"/a/2.jpg", "/a/4.jpg"}
    assert len(await images.random(2)) == 2
    draws = {tuple(image.id for image in await images.random(5)) for _ in range(20)}
    assert len(draws) > 1


async def test_totals_count_what_is_there(library: Library) -> None:
    assert await library.catalog.images.totals() == Totals(0, 0, 0, 0, 0, collections=2)
    await library.index("/a/1.jpg", "x")
    await library.attach("/b/2.jpg", "x")
    await library.index("/a/3.jpg", "y")
    await library.vanish("/a/3.jpg")
    await library.fail("/a/4.jpg")
    assert await library.catalog.images.totals() == Totals(
        images=1, files=2, missing=1, failed=1, bytes=200, collections=2
    )


@pytest.mark.parametrize("chunk", [1, 2, 1000])
async def test_the_cache_gives_all_that_a_rebuild_needs(library: Library, chunk: int) -> None:
    for content in "xyz":
        await library.index(f"/a/{content}.jpg", content)
    await library.attach("/b/x.jpg", "x")
    await library.vanish("/a/z.jpg")
    found = {}
    async for points in library.catalog.cache.all("space", chunk):
        for image_id, collections, vector in points:
            found[image_id] = collections
            assert vector.dtype == np.float32
    one, two = library.roots["/a"].collection_id, library.roots["/b"].collection_id
    assert found == {library.id("x"): (one, two), library.id("y"): (one,)}
    assert [points async for points in library.catalog.cache.all("elsewhere")] == []
    assert set(await library.catalog.cache.get([library.sha256("z"), "unknown"], "space")) == {library.sha256("z")}
