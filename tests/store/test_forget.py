"""What is gone from disk is kept for a while, then forgotten, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from store.forget import Forgotten
from store.records import FileState, Moved, RootState

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Library

MONTH = timedelta(days=30)
DAY = 86_400.0


async def known(library: Library) -> set[str]:
    """Which of the contents are known as images, be they shown or hidden."""
    contents = {library.id(content): content for content in ("x", "y", "z")}
    found = await library.catalog.images.many(contents)
    return {contents[image_id] for image_id in found}


async def cached(library: Library) -> set[str]:
    hashes = {library.sha256(content): content for content in ("x", "y", "z")}
    return {hashes[sha256] for sha256 in await library.catalog.cache.get(hashes, "space")}


async def test_a_missing_file_is_forgotten_in_time_with_all_that_is_known_of_it(library: Library, clock: Clock) -> None:
    catalog = library.catalog
    await library.index("/a/1.jpg", "x")
    await library.index("/a/2.jpg", "y")
    await library.vanish("/a/1.jpg")
    await library.stale()
    clock.now += 29 * DAY
    assert not await catalog.forget(MONTH)
    await library.vanish("/a/1.jpg")  # seen again not to be there: that is no news
    clock.now += 1 * DAY + 1
    forgotten = await catalog.forget(MONTH)
    assert forgotten == Forgotten(1, frozenset({library.sha256("x")}))
    assert await known(library) == await cached(library) == {"y"}
    assert set(await catalog.files.by_paths(["/a/1.jpg", "/a/2.jpg"])) == {"/a/2.jpg"}
    assert await library.stale() == {library.id("x")}
    assert not await catalog.forget(MONTH)


@pytest.mark.parametrize("back", ["indexed", "moved", "attached"])
async def test_a_file_that_is_back_is_not_forgotten(library: Library, clock: Clock, back: str) -> None:
    catalog = library.catalog
    await library.index("/a/1.jpg", "x")
    await library.vanish("/a/1.jpg")
    clock.now += 20 * DAY
    if back == "moved":
        file_id = (await catalog.files.by_paths(["/a/1.jpg"]))["/a/1.jpg"].id
        (task,) = await library.lease("/b/1.jpg")
        await catalog.commit([Moved(task, library.stat("/a/1.jpg"), file_id)])
    elif back == "attached":
        await library.attach("/a/1.jpg", "x")
    else:
        await library.index("/a/1.jpg", "x")
    clock.now += 20 * DAY
    assert not await catalog.forget(MONTH)
    assert await known(library) == {"x"}
    path = "/b/1.jpg" if back == "moved" else "/a/1.jpg"
    await library.vanish(path)
    row = (await catalog.files.by_paths([path]))[path]
    assert (row.state, row.missing_since) == (FileState.MISSING, datetime.fromtimestamp(clock(), UTC))


async def test_an_image_stays_while_another_file_has_it(library: Library, clock: Clock) -> None:
    catalog = library.catalog
    await library.index("/a/1.jpg", "x")
    await library.attach("/b/copy.jpg", "x")
    await library.vanish("/a/1.jpg")
    await library.stale()
    clock.now += 31 * DAY
    forgotten = await catalog.forget(MONTH)
    assert forgotten == Forgotten(1, frozenset())
    (image,) = (await catalog.images.many([library.id("x")])).values()
    assert (image.files, image.collections) == (("/b/copy.jpg",), ("two",))
    assert await library.stale() == set()


async def test_a_content_that_was_replaced_is_forgotten_as_long_after(library: Library, clock: Clock) -> None:
    catalog = library.catalog
    await library.index("/a/1.jpg", "x")
    clock.now += 100 * DAY
    await library.index("/a/1.jpg", "y")
    clock.now += 20 * DAY
    await library.index("/a/1.jpg", "x")  # undone
    clock.now += 20 * DAY
    assert (await catalog.forget(MONTH)).contents == frozenset()
    clock.now += 11 * DAY
    assert (await catalog.forget(MONTH)).contents == {library.sha256("y")}
    assert await known(library) == await cached(library) == {"x"}
    await library.fail("/a/1.jpg")  # now it is damaged
    clock.now += 31 * DAY
    assert (await catalog.forget(MONTH)).contents == {library.sha256("x")}


async def test_nothing_of_an_offline_root_is_forgotten(library: Library, clock: Clock) -> None:
    catalog = library.catalog
    await library.index("/a/1.jpg", "x")
    await library.vanish("/a/1.jpg")
    clock.now += 31 * DAY
    await catalog.roots.set_state(library.roots["/a"].id, RootState.OFFLINE)
    assert not await catalog.forget(MONTH)
    await catalog.roots.set_state(library.roots["/a"].id, RootState.ONLINE)
    assert (await catalog.forget(MONTH)).files == 1


async def test_it_goes_bit_by_bit(library: Library, clock: Clock) -> None:
    for number in range(5):
        await library.index(f"/a/{number}.jpg", f"content {number}")
        await library.vanish(f"/a/{number}.jpg")
    clock.now += 31 * DAY
    files = []
    while forgotten := await library.catalog.forget(MONTH, limit=2):
        files.append(forgotten.files)
    assert files == [2, 2, 1]
