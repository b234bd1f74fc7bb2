from __future__ import annotations

from typing import TYPE_CHECKING

from api.routes.ingest import Work
from api.schemas.job import Job, JobStatus, Line
from api.schemas.page import Page
from daemon.cli.exit_codes import ExitCode
from store.records import JobState

if TYPE_CHECKING:
    from tests.daemon.conftest import JobMaker, Photond, StubDaemon


def listed(status: JobStatus) -> Job:
    return Job.model_validate(status.model_dump(exclude={"log"}))


async def test_the_latest(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    pages: list[object] = [
        Page[Job](
            items=[listed(make_job()), listed(make_job(job_id="j2", total=9, eta_seconds=75.0))],
            next_cursor="c1",
        ),
        Page[Job](items=[listed(make_job(job_id="j3"))], next_cursor="c2"),
    ]
    daemon.answers = {"GET /ingest/jobs": pages}
    result = await photond("jobs", "--limit", "3")
    assert [line.split("\t")[0] for line in result.out.splitlines()] == ["job", "j1", "j2", "j3"]
    assert "5/9\t0\t1:15\t" in result.out
    assert daemon.requests == [
        ("GET /ingest/jobs", {"limit": "3"}),
        ("GET /ingest/jobs", {"limit": "1", "cursor": "c1"}),
    ]


async def test_one_with_its_log(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    line = Line.model_validate({"at": "2026-01-02T03:04:05Z", "level": "warning", "message": "skipped /a\nb"})
    daemon.answers = {"GET /ingest/status/j1": make_job(log=[line])}
    result = await photond("jobs", "j1")
    assert "files\t5 of 5 (2 unchanged, 0 failed)\n" in result.out
    assert result.out.endswith(" warning skipped /a\\x0ab\n")
    assert JobStatus.model_validate((await photond("jobs", "j1", "--json")).json) == make_job(log=[line])


async def test_an_unknown_one(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    result = await photond("jobs", "../stats")
    assert result.code == ExitCode.NOT_FOUND


async def test_cancelling_one(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    cancelled = make_job(state=JobState.CANCELLED, total=4, done=3, skipped=0)
    daemon.answers = {"DELETE /ingest/jobs/j1": (204, b""), "GET /ingest/status/j1": cancelled}
    result = await photond("jobs", "--cancel", "j1")
    assert result.code == ExitCode.OK
    assert "state\tcancelled\n" in result.out
    assert [name for name, _ in daemon.requests] == ["DELETE /ingest/jobs/j1", "GET /ingest/status/j1"]
    assert (await photond("jobs", "j1", "--cancel", "j1")).code == ExitCode.USAGE


async def test_cancelling_one_that_has_ended(photond: Photond, daemon: StubDaemon) -> None:
    fault = {"code": "CONFLICT", "message": "job j1 has ended already: it is done"}
    daemon.answers = {"DELETE /ingest/jobs/j1": (409, {"error": fault})}
    result = await photond("jobs", "--cancel", "j1")
    assert result.code == ExitCode.FAULT
    assert "CONFLICT: job j1 has ended already" in result.err


async def test_waiting_for_a_job_that_is_cancelled_ends(
    photond: Photond, daemon: StubDaemon, make_job: JobMaker
) -> None:
    cancelled = make_job(state=JobState.CANCELLED, total=1, done=1, skipped=0)
    daemon.answers = {
        "POST /ingest": (202, {"job_id": "j1"}),
        "GET /ingest/status/j1": [make_job(state=JobState.RUNNING, finished_at=None), cancelled],
    }
    result = await photond("scan", "/photos")
    assert result.code == ExitCode.INCOMPLETE
    assert result.out == "/photos: cancelled; 1 done, 0 unchanged, 0 failed\n"


async def test_pausing_and_going_on(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {
        "POST /ingest/pause": Work(paused=True),
        "POST /ingest/resume": Work(paused=False),
    }
    assert (await photond("pause")).out == "paused\n"
    assert (await photond("resume")).out == "working\n"
    assert (await photond("pause", "--json")).json == {"paused": True}
