from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from store.errors import ConflictError, NotFoundError
from store.records import JobKind, JobState, NewTask, Priority, RootState, Unchanged

if TYPE_CHECKING:
    from store.catalog import Catalog
    from tests.store.conftest import Clock, Library


async def test_a_job_with_nothing_to_do_is_done_when_closed(catalog: Catalog) -> None:
    job = await catalog.jobs.create(JobKind.INGEST, "/a", "default")
    assert (job.kind, job.state, job.path, job.collection) == (
        JobKind.INGEST,
        JobState.RUNNING,
        "/a",
        "default",
    )
    assert await catalog.jobs.running() == [job]
    closed = await catalog.jobs.close_job(job.id)
    assert (closed.state, closed.closed) == (JobState.DONE, True)
    assert closed.finished_at is not None
    assert await catalog.jobs.get(job.id) == closed
    assert await catalog.jobs.running() == []


async def test_a_job_can_fail_and_says_why(library: Library) -> None:
    jobs = library.catalog.jobs
    (task,) = await library.lease("/a/1.jpg")
    job = await jobs.fail(library.job_id, "DIR_NOT_FOUND", "the folder went away")
    assert (job.state, job.error_code, job.error_message) == (
        JobState.FAILED,
        "DIR_NOT_FOUND",
        "the folder went away",
    )
    (job,) = (await library.catalog.commit([Unchanged(task)])).jobs
    assert (job.state, job.skipped) == (JobState.FAILED, 1)  # what it had queued is done all the same


async def test_a_cancelled_job_keeps_what_is_in_work_and_takes_no_more(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.jobs.DROPPED_AT_ONCE", 2)
    catalog, root = library.catalog, library.roots["/a"].id
    (task,) = await library.lease("/a/in work.jpg")
    await catalog.queue.put([NewTask(f"/a/{n}.jpg", root, library.job_id) for n in range(5)])
    job = await catalog.jobs.cancel(library.job_id)
    assert (job.state, job.closed, job.total) == (JobState.CANCELLED, True, 1)
    assert job.finished_at is not None
    assert await catalog.queue.put([NewTask("/a/late.jpg", root, library.job_id)]) == 0
    assert await catalog.queue.lease(10) == []
    (job,) = (await catalog.commit([library.indexed(task, "x")])).jobs
    assert (job.state, job.total, job.done) == (JobState.CANCELLED, 1, 1)
    for end in (catalog.jobs.close_job(job.id), catalog.jobs.fail(job.id, "X", "x")):
        assert (await end).state is JobState.CANCELLED
    with pytest.raises(ConflictError, match="ended already"):
        await catalog.jobs.cancel(job.id)


async def test_a_cancellation_that_was_interrupted_is_ended_at_the_next_start(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = library.catalog
    await library.lease("/a/in work.jpg")
    await catalog.queue.put([NewTask(f"/a/{n}.jpg", library.roots["/a"].id, library.job_id) for n in range(5)])
    with monkeypatch.context() as killed:
        killed.setattr("store.jobs.JobStore._drop", _dies)
        with pytest.raises(_DeadError):
            await catalog.jobs.cancel(library.job_id)
    await catalog.queue.recover()
    await catalog.jobs.recover()
    assert await catalog.queue.lease(10) == []
    job = await catalog.jobs.get(library.job_id)
    assert job is not None
    assert (job.state, job.total) == (JobState.CANCELLED, 0)


class _DeadError(Exception):
    pass


async def _dies(*_: object) -> int:
    raise _DeadError


async def test_unknown_jobs_are_told(library: Library) -> None:
    catalog = library.catalog
    assert await catalog.jobs.get("unknown") is None
    with pytest.raises(NotFoundError):
        await catalog.jobs.close_job("unknown")
    with pytest.raises(NotFoundError):
        await catalog.jobs.fail("unknown", "X", "x")
    with pytest.raises(NotFoundError):
        await catalog.jobs.cancel("unknown")
    with pytest.raises(NotFoundError):
        await catalog.jobs.log("unknown", "info", "x")
    known, root = library.job_id, library.roots["/a"].id
    for task in (NewTask("/a/x.jpg", root, "unknown"), NewTask("/a/x.jpg", 404, known)):
        with pytest.raises(NotFoundError):
            await catalog.queue.put([NewTask("/a/y.jpg", root, known), task])
    assert (await catalog.queue.depth()).ready == 0


async def test_the_log_gives_its_last_lines_in_order(catalog: Catalog) -> None:
    job = await catalog.jobs.create(JobKind.SCAN)
    for n in range(5):
        await catalog.jobs.log(job.id, "info", f"line {n}")
    assert [line.message for line in await catalog.jobs.log_of(job.id, 3)] == ["line 2", "line 3", "line 4"]


async def test_a_log_line_may_name_a_folder_that_is_no_text(catalog: Catalog) -> None:
    job = await catalog.jobs.create(JobKind.SCAN, "/a/\udcff")
    await catalog.jobs.log(job.id, "info", "/a/\udcff: nothing changed")
    failed = await catalog.jobs.fail(job.id, "UNREADABLE", "/a/\udcff cannot be read")
    assert [line.message for line in await catalog.jobs.log_of(job.id)][:1] == ["/a/\\udcff: nothing changed"]
    assert (failed.path, failed.error_message) == ("/a/\udcff", "/a/\\udcff cannot be read")


async def test_recent_jobs_come_in_pages_the_newest_first(catalog: Catalog) -> None:
    made = [(await catalog.jobs.create(JobKind.EVENTS)).id for _ in range(5)]
    first = await catalog.jobs.recent(3)
    second = await catalog.jobs.recent(3, first.next_cursor)
    assert [job.id for job in first.items + second.items] == made[::-1]
    assert second.next_cursor is None


async def test_a_job_that_was_done_and_gets_more_runs_again(library: Library) -> None:
    catalog = library.catalog
    await catalog.jobs.close_job(library.job_id)
    (task,) = await library.lease("/a/late.jpg")
    (job,) = await catalog.jobs.running()
    assert (job.state, job.finished_at) == (JobState.RUNNING, None)
    (job,) = (await catalog.commit([Unchanged(task)])).jobs
    assert job.state is JobState.DONE


async def test_the_urgent_go_first_then_the_old(library: Library) -> None:
    root = library.roots["/a"].id
    queue = library.catalog.queue
    await queue.put([NewTask(f"/a/scan{n}.jpg", root, library.job_id, Priority.SCAN) for n in range(2)])
    await queue.put([NewTask("/a/event.jpg", root, library.job_id, Priority.EVENT)])
    await queue.put([NewTask("/a/upload.jpg", root, library.job_id, Priority.UPLOAD)])
    await queue.put([NewTask("/a/scan1.jpg", root, library.job_id, Priority.UPLOAD)])
    assert await queue.put([]) == 0
    order = ["/a/scan1.jpg", "/a/upload.jpg", "/a/event.jpg", "/a/scan0.jpg"]
    assert [task.path for task in await queue.lease(3) + await queue.lease(3)] == order
    assert await queue.lease(3) == []


async def test_a_root_remembers_its_state_and_its_last_scan(library: Library, clock: Clock) -> None:
    roots = library.catalog.roots
    root_id = library.roots["/a"].id
    at = datetime.fromtimestamp(clock(), UTC)
    await roots.set_state(root_id, RootState.OFFLINE)
    await roots.scanned(root_id, at)
    root = (await roots.all())[0]
    assert (root.state, root.last_scan_at) == (RootState.OFFLINE, at)


async def test_a_point_marked_again_while_it_is_synced_stays_stale(catalog: Catalog) -> None:
    stale = catalog.stale
    await stale.mark(["x", "y", "z"])
    assert await stale.take(2) == ["x", "y"]
    await stale.mark(["x"])
    await stale.clear(["x", "y", "never taken"])
    assert await stale.take(10) == ["z", "x"]
    await stale.clear(["x", "z"])
    await stale.clear([])
    assert await stale.take(10) == []
