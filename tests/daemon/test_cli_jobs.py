from __future__ import annotations

from typing import TYPE_CHECKING

from api.schemas.job import Job, JobStatus, Line
from api.schemas.page import Page
from daemon.cli.exit_codes import ExitCode

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
