from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.errors import ConflictError, NotFoundError
from store.records import JobState, NewTask, RootOrigin
from store.roots import RootSpec

if TYPE_CHECKING:
    from store.catalog import Catalog
    from tests.store.conftest import Library


async def test_a_collection_is_created_once(catalog: Catalog) -> None:
    made = await catalog.collections.create("holidays", "by the sea")
    assert (made.name, made.description, made.images, made.bytes, made.roots) == (
        "holidays",
        "by the sea",
        0,
        0,
        (),
    )
    assert await catalog.collections.get("holidays") == made
    assert await catalog.collections.ensure("holidays") == made.id
    with pytest.raises(ConflictError, match="holidays"):
        await catalog.collections.create("holidays")
    with pytest.raises(NotFoundError, match="work"):
        await catalog.collections.get("work")


async def test_counts_are_of_images_that_are_there(library: Library) -> None:
    await library.index("/a/1.jpg", "x", taken_at="2020-01-01T00:00:00")
    await library.attach("/a/copy.jpg", "x")
    await library.index("/c/2.jpg", "y", taken_at="2021-01-01T00:00:00")
    await library.index("/a/3.jpg", "z", taken_at="2022-01-01T00:00:00")
    await library.vanish("/a/3.jpg")
    one, two = await library.catalog.collections.all()
    assert (one.name, one.images, one.bytes, one.roots) == ("one", 2, 2000, ("/a", "/c"))
    assert (one.first_taken_at, one.last_taken_at) == ("2020-01-01T00:00:00", "2021-01-01T00:00:00")
    assert (two.name, two.images, two.bytes, two.roots) == ("two", 0, 0, ("/b",))


async def test_a_watched_collection_is_not_deleted(library: Library) -> None:
    await library.index("/a/1.jpg", "x")
    with pytest.raises(ConflictError, match="/a"):
        await library.catalog.collections.delete("one")
    assert await library.catalog.images.get(library.id("x")) is not None
    with pytest.raises(NotFoundError):
        await library.catalog.collections.delete("three")


async def test_deleting_forgets_what_is_in_no_other_collection(library: Library) -> None:
    catalog = library.catalog
    for content in ("alone", "shared", "gone"):
        await library.index(f"/b/{content}.jpg", content)
    await library.vanish("/b/gone.jpg")
    await library.fail("/b/broken.jpg")
    await library.attach("/a/shared.jpg", "shared")
    await library.index("/a/untouched.jpg", "untouched")
    await library.stale()
    await catalog.roots.sync_config([RootSpec("/a", "one"), RootSpec("/c", "one")])  # /b is not watched any more

    stale = await catalog.collections.delete("two")

    assert stale == library.ids(["alone", "shared", "gone"])
    assert await library.stale() == stale
    assert [root.path for root in await catalog.roots.all()] == ["/a", "/c"]
    assert [collection.name for collection in await catalog.collections.all()] == ["one"]
    left = await catalog.images.many(library.ids(["alone", "shared", "gone", "untouched"]))
    assert {image.id: image.files for image in left.values()} == {
        library.id("shared"): ("/a/shared.jpg",),
        library.id("untouched"): ("/a/untouched.jpg",),
    }
    assert await catalog.files.count() == 2
    assert library.sha256("alone") in await catalog.cache.get([library.sha256("alone")], "space")


async def test_what_was_queued_for_a_deleted_collection_counts_no_more(library: Library) -> None:
    catalog = library.catalog
    root = await catalog.roots.ensure_ingest("/once", "once")
    await catalog.queue.put([NewTask(f"/once/{n}.jpg", root.id, library.job_id) for n in range(3)])
    tasks = await catalog.queue.lease(2)
    await catalog.jobs.close_job(library.job_id)
    await catalog.collections.delete("once")
    job = await catalog.jobs.get(library.job_id)
    assert job is not None
    assert (job.state, job.total) == (JobState.DONE, 0)
    late = await catalog.commit([library.indexed(task, task.path) for task in tasks])
    assert late.jobs == ()
    assert await catalog.files.count() == 0


async def test_a_deleted_collections_id_is_never_used_again(catalog: Catalog) -> None:
    first = await catalog.collections.create("first")
    await catalog.collections.delete("first")
    assert (await catalog.collections.create("second")).id > first.id


async def test_roots_follow_the_configuration_and_none_is_forgotten(catalog: Catalog) -> None:
    specs = [
        RootSpec("/z", "default", recursive=False, method="polling", exclude=("*.tmp", "cache/**")),
        RootSpec("/a", "default"),
    ]
    roots = await catalog.roots.sync_config(specs)
    assert [root.path for root in roots] == ["/z", "/a"]
    z = roots[0]
    assert (z.collection, z.recursive, z.method, z.exclude) == (
        "default",
        False,
        "polling",
        ("*.tmp", "cache/**"),
    )
    again = await catalog.roots.sync_config([RootSpec("/a", "default", exclude=("x",))])
    assert (again[0].id, again[0].exclude) == (roots[1].id, ("x",))
    origins = {root.path: root.origin for root in await catalog.roots.all()}
    assert origins == {"/a": RootOrigin.CONFIG, "/z": RootOrigin.INGEST}


async def test_a_root_that_changes_its_collection_takes_its_images_along(library: Library) -> None:
    catalog = library.catalog
    await library.index("/a/moves.jpg", "moves")
    await library.index("/a/stays.jpg", "stays")
    await library.attach("/c/stays.jpg", "stays")
    await library.stale()
    await catalog.roots.sync_config([RootSpec("/a", "new"), RootSpec("/b", "two"), RootSpec("/c", "one")])
    images = await catalog.images.many(library.ids(["moves", "stays"]))
    assert images[library.id("moves")].collections == ("new",)
    assert images[library.id("stays")].collections == ("new", "one")
    assert await library.stale() == library.ids(["moves", "stays"])


async def test_ingest_does_not_change_a_configured_root(library: Library) -> None:
    catalog = library.catalog
    root = await catalog.roots.ensure_ingest("/a", "other")
    assert root == library.roots["/a"]
    once = await catalog.roots.ensure_ingest("/once", "other")
    assert (once.origin, once.collection) == (RootOrigin.INGEST, "other")
    moved = await catalog.roots.ensure_ingest("/once", "elsewhere")
    assert (moved.id, moved.collection) == (once.id, "elsewhere")
