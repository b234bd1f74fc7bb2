from __future__ import annotations

from typing import TYPE_CHECKING

from api.routes.ingest import JobStarted
from api.schemas.job import FailedFile
from api.schemas.page import Page
from daemon.cli.exit_codes import ExitCode
from store.records import JobKind

if TYPE_CHECKING:
    from tests.daemon.conftest import JobMaker, Photond, StubDaemon


async def test_the_list(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    failed = FailedFile.model_validate(
        {
            "path": "/p/x.jpg",
            "code": "DECODE_FAILED",
            "message": "truncated",
            "attempts": 1,
            "at": "2026-01-02T03:04:05Z",
        }
    )
    daemon.answers = {"GET /ingest/failures": Page[FailedFile](items=[failed])}
    result = await photond("failures")
    assert result.code == ExitCode.OK
    code, tries, _, path, reason = result.out.splitlines()[1].split("\t")
    assert (code, tries, path, reason) == ("DECODE_FAILED", "1", "/p/x.jpg", "truncated")
    as_json = (await photond("failures", "--json")).json
    assert Page[FailedFile].model_validate(as_json).items == [failed]


async def test_another_try(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    daemon.answers = {
        "POST /ingest/failures/retry": (202, JobStarted(job_id="j1")),
        "GET /ingest/status/j1": make_job(path=None, kind=JobKind.RETRY, failed=2),
    }
    result = await photond("failures", "--retry")
    assert result.code == ExitCode.INCOMPLETE
    assert result.out.startswith("retry: 3 done")
    assert (await photond("failures", "--retry", "--json")).json["job_id"] == "j1"
