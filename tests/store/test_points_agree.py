"""After any history of commits, syncing the stale points makes the vector index agree with the catalog.

The index is a dict here: what ingest writes before a commit, and what a sync of the stale points would write.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.catalog import Catalog
from store.records import Attached, Failed, FileRecord, FileState, Indexed, Moved, Outcome, Task, Vanished

if TYPE_CHECKING:
    from tests.store.conftest import Library

PATHS = [f"/{root}/{name}.jpg" for root in "abc" for name in "xy"]
CONTENTS = ["p", "q", "r"]
KINDS = ["indexed", "attached", "moved", "vanished", "failed"]

steps = st.lists(
    st.dictionaries(
        st.sampled_from(PATHS),
        st.tuples(st.sampled_from(KINDS), st.sampled_from(CONTENTS), st.integers(1, 8)),
        min_size=1,
        max_size=4,
    ),
    max_size=8,
)
Points = dict[str, set[str]]


@given(history=steps)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_synced_points_agree_with_the_catalog(
    library_class: type[Library], history: list[dict[str, tuple[str, str, int]]]
) -> None:
    asyncio.run(_play(library_class, history))


async def _play(library_class: type[Library], history: list[dict[str, tuple[str, str, int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(Path(folder))
        await catalog.open()
        await catalog.spaces.activate("space", "fake", 4, "{}")
        library = await library_class.build(catalog)
        points: Points = {}
        for step in history:
            rows = {row.id: row for row in (await catalog.files.by_paths(PATHS)).values()}
            outcomes = [
                _outcome(library, task, *step[task.path], rows)
                for task in await library.lease(*step)
                if task.path in step
            ]
            for outcome in outcomes:
                if isinstance(outcome, Indexed):
                    root = library.roots[outcome.task.path[:2]]
                    points[outcome.facts.id] = {root.collection}
            report = await catalog.commit(outcomes)
            await _sync(catalog, points, await library.stale())
            assert points == await _truth(library), report
        await catalog.close()


def _outcome(
    library: Library, task: Task, kind: str, content: str, file_id: int, rows: Mapping[int, FileRecord]
) -> Outcome:
    stat = library.stat(task.path)
    match kind:
        case "indexed":
            return library.indexed(task, content)
        case "attached":
            return Attached(task, stat, library.id(content))
        case "moved":
            return Moved(task, rows[file_id].stat if file_id in rows else stat, file_id)
        case "vanished":
            return Vanished(task)
        case _:
            return Failed(task, stat, "DECODE_FAILED", "no image")


async def _sync(catalog: Catalog, points: Points, stale: set[str]) -> None:
    shown = await catalog.images.many(stale, present_only=True)
    for image_id in stale:
        points.pop(image_id, None)
        if image_id in shown:
            points[image_id] = set(shown[image_id].collections)


async def _truth(library: Library) -> Points:
    """By the rows of files: shown are images with a present file, in at least the collections of its roots."""
    catalog = library.catalog
    feeds: Points = {}
    for root in library.roots.values():
        paths: list[bytes] = []
        async for rows in catalog.files.under(root.id, chunk=2):
            paths += [os.fsencode(row.path) for row in rows]
            for row in rows:
                assert (row.state is FileState.FAILED) == (row.failure is not None) == (row.image_id is None)
                if row.image_id and row.state is FileState.PRESENT:
                    feeds.setdefault(row.image_id, set()).add(root.collection)
        assert paths == sorted(paths)
    images = await catalog.images.many(feeds, present_only=True)
    assert set(images) == set(feeds)
    for image_id, collections in feeds.items():
        assert collections <= set(images[image_id].collections)
    return {image_id: set(image.collections) for image_id, image in images.items()}
