"""Every outcome over every state that the row at its path can be in, and batches in which outcomes meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from store.catalog import Catalog
from store.errors import ConflictError, PointRejectedError
from store.records import (
    Attached,
    Deferred,
    Failed,
    FileRecord,
    FileStat,
    FileState,
    Indexed,
    JobState,
    Moved,
    NewTask,
    Outcome,
    Task,
    Unchanged,
    Vanished,
)

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Library

PRIORS = ["nothing", "present", "missing", "failed"]
AT = "/a/at.jpg"  # the path of the outcome; holds content "old" where it holds something
ELSEWHERE = "/a/elsewhere.jpg"  # holds content "other", present
GONE = "/a/gone.jpg"  # held content "lost", missing


async def _prepare(library: Library, prior: str) -> None:
    await library.index(ELSEWHERE, "other")
    await library.index(GONE, "lost")
    await library.vanish(GONE)
    if prior in {"present", "missing"}:
        await library.index(AT, "old")
    if prior == "missing":
        await library.vanish(AT)
    if prior == "failed":
        await library.fail(AT)
    await library.stale()


async def _outcome(library: Library, name: str, task: Task) -> Outcome:
    stat = library.stat("/x/new", size=7)
    ids = {path: record.id for path, record in (await library.catalog.files.by_paths([AT, ELSEWHERE, GONE])).items()}
    outcomes: dict[str, Callable[[], Outcome]] = {
        "indexed": lambda: replace(library.indexed(task, "new"), stat=stat),
        "indexed again": lambda: replace(library.indexed(task, "old"), stat=stat),
        "attached": lambda: Attached(task, stat, library.id("other")),
        "attached again": lambda: Attached(task, stat, library.id("old")),
        "moved": lambda: Moved(task, library.stat(ELSEWHERE), ids[ELSEWHERE]),
        "moved, was missing": lambda: Moved(task, library.stat(GONE), ids[GONE]),
        "moved onto itself": lambda: Moved(task, library.stat(AT), ids[AT]),
        "vanished": lambda: Vanished(task),
        "unchanged": lambda: Unchanged(task),
        "failed": lambda: Failed(task, stat, "TOO_LARGE", "too large"),
        "deferred": lambda: Deferred(task, 5.0, "UNREADABLE", "not now"),
    }
    return outcomes[name]()


def _stat_after(library: Library, outcome: Outcome, before: FileRecord | None) -> FileStat | None:
    if isinstance(outcome, Vanished | Unchanged | Deferred):
        return before.stat if before else None
    return outcome.stat


# outcome -> prior -> (state and content of the row afterwards, contents whose points are stale)
Row = tuple[FileState, str | None] | None
PRESENT, MISSING, FAILED = FileState.PRESENT, FileState.MISSING, FileState.FAILED
EXPECTED: dict[str, dict[str, tuple[Row, set[str]]]] = {
    "indexed": {
        "nothing": ((PRESENT, "new"), set()),
        "present": ((PRESENT, "new"), {"old"}),
        "missing": ((PRESENT, "new"), {"old"}),
        "failed": ((PRESENT, "new"), set()),
    },
    "indexed again": {
        "nothing": ((PRESENT, "old"), set()),
        "present": ((PRESENT, "old"), set()),
        "missing": ((PRESENT, "old"), set()),
        "failed": ((PRESENT, "old"), set()),
    },
    "attached": {
        "nothing": ((PRESENT, "other"), {"other"}),
        "present": ((PRESENT, "other"), {"other", "old"}),
        "missing": ((PRESENT, "other"), {"other", "old"}),
        "failed": ((PRESENT, "other"), {"other"}),
    },
    "attached again": {
        "present": ((PRESENT, "old"), {"old"}),
        "missing": ((PRESENT, "old"), {"old"}),
    },
    "moved": {
        "nothing": ((PRESENT, "other"), set()),
        "present": ((PRESENT, "other"), {"old"}),
        "missing": ((PRESENT, "other"), {"old"}),
        "failed": ((PRESENT, "other"), set()),
    },
    "moved, was missing": {
        "nothing": ((PRESENT, "lost"), {"lost"}),
        "present": ((PRESENT, "lost"), {"lost", "old"}),
        "missing": ((PRESENT, "lost"), {"lost", "old"}),
        "failed": ((PRESENT, "lost"), {"lost"}),
    },
    "moved onto itself": {
        "present": ((PRESENT, "old"), set()),
        "missing": ((PRESENT, "old"), {"old"}),
    },
    "vanished": {
        "nothing": (None, set()),
        "present": ((MISSING, "old"), {"old"}),
        "missing": ((MISSING, "old"), set()),
        "failed": (None, set()),
    },
    "unchanged": {
        "nothing": (None, set()),
        "present": ((PRESENT, "old"), set()),
        "missing": ((MISSING, "old"), set()),
        "failed": ((FAILED, None), set()),
    },
    "failed": {
        "nothing": ((FAILED, None), set()),
        "present": ((FAILED, None), {"old"}),
        "missing": ((FAILED, None), {"old"}),
        "failed": ((FAILED, None), set()),
    },
    "deferred": {
        "nothing": (None, set()),
        "present": ((PRESENT, "old"), set()),
        "missing": ((MISSING, "old"), set()),
        "failed": ((FAILED, None), set()),
    },
}
CASES = [(name, prior) for name, by_prior in EXPECTED.items() for prior in by_prior]
COUNTED = {"unchanged": "skipped", "failed": "failed", "deferred": None}


@pytest.mark.parametrize(("name", "prior"), CASES)
async def test_each_outcome_over_each_prior_state(library: Library, name: str, prior: str) -> None:
    catalog = library.catalog
    await _prepare(library, prior)
    before = (await catalog.files.by_paths([AT])).get(AT)
    counts = await catalog.jobs.get(library.job_id)
    (task,) = await library.lease(AT)
    outcome = await _outcome(library, name, task)

    report = await catalog.commit([outcome])

    row, stale = EXPECTED[name][prior]
    found = (await catalog.files.by_paths([AT])).get(AT)
    assert (found and (found.state, found.image_id)) == (row and (row[0], library.id(row[1]) if row[1] else None))
    if found is not None:
        assert found.stat == _stat_after(library, outcome, before)
    assert report.stale_points == library.ids(sorted(stale))
    assert await library.stale() == report.stale_points
    if name.startswith("moved,") or name == "moved":
        assert len(await catalog.files.by_paths([ELSEWHERE, GONE])) == 1  # the row went, no other was made

    counted = COUNTED.get(name, "done")
    assert (await catalog.queue.depth()).delayed == (counted is None)
    after = await catalog.jobs.get(library.job_id)
    assert counts is not None
    assert after is not None
    assert after.total == counts.total + 1
    for field in ("done", "skipped", "failed"):
        assert getattr(after, field) == getattr(counts, field) + (field == counted)
    assert report.jobs == ((after,) if counted else ())


async def test_quarantine_tells_why_and_how_often(library: Library) -> None:
    await library.fail("/a/1.jpg", "DECODE_FAILED")
    await library.fail("/a/1.jpg", "DECODE_TIMEOUT")
    (failure,) = (await library.catalog.files.failures(10)).items
    assert (failure.path, failure.code, failure.attempts) == ("/a/1.jpg", "DECODE_TIMEOUT", 2)
    (task,) = await library.lease("/a/1.jpg")
    await library.catalog.commit([Failed(task, library.stat("/a/1.jpg", size=5), "TOO_LARGE", "another file")])
    (failure,) = (await library.catalog.files.failures(10)).items
    assert failure.attempts == 1  # another content: its tries count anew


async def test_two_files_swap_their_names(library: Library) -> None:
    for name in "xy":
        await library.index(f"/a/{name}.jpg", name)
    ids = {
        path[3]: record.id for path, record in (await library.catalog.files.by_paths(["/a/x.jpg", "/a/y.jpg"])).items()
    }
    tasks = {task.path[3]: task for task in await library.lease("/a/x.jpg", "/a/y.jpg")}
    moves = [
        Moved(tasks["x"], library.stat("/a/y.jpg"), ids["y"]),
        Moved(tasks["y"], library.stat("/a/x.jpg"), ids["x"]),
    ]
    report = await library.catalog.commit(moves)
    rows = await library.catalog.files.by_paths(["/a/x.jpg", "/a/y.jpg"])
    assert {path[3]: (row.id, row.image_id) for path, row in rows.items()} == {
        "x": (ids["y"], library.id("y")),
        "y": (ids["x"], library.id("x")),
    }
    assert report.stale_points == set()


@pytest.mark.parametrize("moved_first", [True, False])
async def test_a_new_photo_takes_the_name_that_a_moved_one_left(library: Library, *, moved_first: bool) -> None:
    await library.index("/a/x.jpg", "x")
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    tasks = {task.path: task for task in await library.lease("/a/x.jpg", "/a/z.jpg")}
    outcomes: list[Outcome] = [
        Moved(tasks["/a/z.jpg"], row.stat, row.id),
        library.indexed(tasks["/a/x.jpg"], "new"),
    ]
    await library.catalog.commit(outcomes if moved_first else outcomes[::-1])
    rows = await library.catalog.files.by_paths(["/a/x.jpg", "/a/z.jpg"])
    assert rows["/a/z.jpg"].id == row.id
    assert rows["/a/z.jpg"].image_id == library.id("x")
    assert rows["/a/x.jpg"].image_id == library.id("new")


async def test_one_row_that_seems_to_be_at_two_paths_becomes_two_files(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    links = await library.lease("/a/l1.jpg", "/a/l2.jpg")
    await library.catalog.commit([Moved(task, row.stat, row.id) for task in links])
    image = await library.catalog.images.get(library.id("x"))
    assert image is not None
    assert set(image.files) == {"/a/l1.jpg", "/a/l2.jpg"}


async def test_a_move_between_collections_changes_them_and_the_point(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    (task,) = await library.lease("/b/x.jpg")
    report = await library.catalog.commit([Moved(task, row.stat, row.id)])
    image = await library.catalog.images.get(library.id("x"))
    assert image is not None
    assert image.collections == ("two",)
    assert report.stale_points == {image.id}


async def test_a_moved_image_stays_where_another_file_of_it_lies(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    await library.attach("/c/copy.jpg", "x")  # /c feeds the same collection as /a
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    (task,) = await library.lease("/b/x.jpg")
    await library.catalog.commit([Moved(task, row.stat, row.id)])
    image = await library.catalog.images.get(library.id("x"))
    assert image is not None
    assert image.collections == ("one", "two")


async def test_a_move_within_a_collection_touches_no_point(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    (task,) = await library.lease("/c/x.jpg")
    report = await library.catalog.commit([Moved(task, row.stat, row.id)])
    assert report.stale_points == set()


@pytest.mark.parametrize("way", ["vanished", "replaced"])
async def test_an_image_leaves_the_collection_of_a_root_that_holds_no_file_of_it(library: Library, way: str) -> None:
    await library.index("/a/x.jpg", "x")
    await library.attach("/b/copy.jpg", "x")
    if way == "vanished":
        await library.vanish("/b/copy.jpg")
    else:
        await library.index("/b/copy.jpg", "another")
    image = await library.catalog.images.get(library.id("x"))
    assert image is not None
    assert image.collections == ("one",)
    assert image.id in await library.stale()


async def test_content_indexed_in_two_collections_has_a_stale_point(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    assert await library.stale() == set()
    await library.index("/b/x.jpg", "x")
    assert await library.stale() == {library.id("x")}


async def test_an_outcome_that_the_catalog_outran_is_looked_at_again(library: Library) -> None:
    tasks = await library.lease("/a/x.jpg", "/a/y.jpg")
    stat = library.stat("x")
    report = await library.catalog.commit(
        [Attached(tasks[0], stat, library.id("forgotten")), Moved(tasks[1], stat, file_id=404)]
    )
    assert report.jobs == ()
    assert [task.path for task in await library.catalog.queue.lease(10)] == ["/a/x.jpg", "/a/y.jpg"]


async def test_a_move_whose_row_holds_another_file_by_now_is_looked_at_again(library: Library) -> None:
    await library.index("/a/x.jpg", "x")
    row = (await library.catalog.files.by_paths(["/a/x.jpg"]))["/a/x.jpg"]
    (task,) = await library.lease("/a/y.jpg")
    (other,) = await library.lease("/a/x.jpg")
    await library.catalog.commit([replace(library.indexed(other, "new"), stat=library.stat("/x/new"))])
    await library.catalog.commit([Moved(task, row.stat, row.id)])
    rows = await library.catalog.files.by_paths(["/a/x.jpg", "/a/y.jpg"])
    assert {path: row.image_id for path, row in rows.items()} == {"/a/x.jpg": library.id("new")}
    assert [task.path for task in await library.catalog.queue.lease(10)] == ["/a/y.jpg"]


async def test_put_while_leased_frees_the_row_and_does_not_count(library: Library) -> None:
    queue = library.catalog.queue
    (task,) = await library.lease("/a/x.jpg")
    assert await queue.put([NewTask("/a/x.jpg", library.roots["/a"].id, library.job_id)]) == 0
    report = await library.catalog.commit([library.indexed(task, "x")])
    assert report.jobs == ()
    (again,) = await queue.lease(10)
    assert (again.id, again.attempts) == (task.id, 1)
    (job,) = (await library.catalog.commit([Unchanged(again)])).jobs
    assert (job.total, job.done, job.skipped) == (1, 0, 1)


async def test_committing_twice_counts_once(library: Library) -> None:
    (task,) = await library.lease("/a/x.jpg")
    outcome = library.indexed(task, "x")
    await library.catalog.commit([outcome])
    assert (await library.catalog.commit([outcome])).jobs == ()
    job = await library.catalog.jobs.get(library.job_id)
    assert job is not None
    assert (job.total, job.done) == (1, 1)


async def test_deferred_is_leased_again_when_its_time_has_come(library: Library, clock: Clock) -> None:
    (task,) = await library.lease("/a/x.jpg")
    await library.catalog.commit([Deferred(task, 30.0, "UNREADABLE", "not now")])
    queue = library.catalog.queue
    assert await queue.lease(10) == []
    assert await queue.next_due() == pytest.approx(30.0)
    clock.now += 30.0
    (again,) = await queue.lease(10)
    assert again.attempts == 2


async def test_a_closed_job_is_done_with_its_last_task(library: Library) -> None:
    tasks = await library.lease("/a/x.jpg", "/a/y.jpg")
    assert (await library.catalog.jobs.close_job(library.job_id)).state is JobState.RUNNING
    (job,) = (await library.catalog.commit([library.indexed(tasks[0], "x")])).jobs
    assert job.state is JobState.RUNNING
    (job,) = (await library.catalog.commit([Failed(tasks[1], library.stat("y"), "TOO_LARGE", "")])).jobs
    assert (job.state, job.done, job.failed) == (JobState.DONE, 1, 1)
    assert job.finished_at is not None


async def test_indexing_again_renews_the_facts_but_not_what_stays(library: Library) -> None:
    await library.index("/a/x.jpg", "x", caption="first", taken_at="2020-05-01T10:00:00+02:00")
    before = await library.catalog.images.get(library.id("x"))
    await library.index("/a/x.jpg", "x", caption="second")
    after = await library.catalog.images.get(library.id("x"))
    assert before is not None
    assert after is not None
    assert (before.facts.caption, after.facts.caption) == ("first", "second")
    assert after.indexed_at == before.indexed_at


async def test_the_vector_and_the_facts_come_back_exactly(library: Library) -> None:
    (task,) = await library.lease("/a/x.jpg")
    facts = replace(
        library.facts("x", caption="a cat"),
        iso=200,
        f_number=2.8,
        exposure_seconds=1 / 3,
        latitude=-12.5,
        orientation=6,
    )
    await library.catalog.commit([Indexed(task, library.stat("x"), facts, library.vector("x"))])
    image = await library.catalog.images.get(facts.id)
    assert image is not None
    assert image.facts == facts
    cached = await library.catalog.cache.get([facts.sha256], "space")
    np.testing.assert_array_equal(cached[facts.sha256].vector, library.vector("x"))
    assert await library.catalog.images.known(facts.sha256) == facts.id


async def test_a_vector_of_another_space_is_refused_and_nothing_written(library: Library) -> None:
    tasks = await library.lease("/a/x.jpg", "/a/y.jpg")
    wrong = replace(library.indexed(tasks[1], "y"), vector=np.ones(5, np.float32))
    with pytest.raises(PointRejectedError, match=r"/a/y\.jpg"):
        await library.catalog.commit([library.indexed(tasks[0], "x"), wrong])
    assert (await library.catalog.images.totals()).images == 0
    assert (await library.catalog.queue.depth()).leased == 2


async def test_nothing_is_indexed_without_an_active_space(
    tmp_path_factory: pytest.TempPathFactory, library_class: type[Library]
) -> None:
    catalog = Catalog(tmp_path_factory.mktemp("bare"))
    await catalog.open()
    library = await library_class.build(catalog)
    (task,) = await library.lease("/a/x.jpg")
    with pytest.raises(ConflictError):
        await catalog.commit([library.indexed(task, "x")])
    await catalog.close()


async def test_an_empty_batch_changes_nothing(catalog: Catalog) -> None:
    report = await catalog.commit([])
    assert (report.jobs, report.stale_points) == ((), frozenset())


async def test_five_hundred_outcomes_take_few_statements(library: Library) -> None:
    tasks = await library.lease(*(f"/a/{n:03}.jpg" for n in range(500)))
    statements: list[str] = []

    def record(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        await library.catalog.commit([library.indexed(task, task.path) for task in tasks])
    finally:
        event.remove(Engine, "before_cursor_execute", record)
    assert len(statements) < 30
    assert (await library.catalog.images.totals()).images == 500
