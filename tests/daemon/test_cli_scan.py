from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.routes.ingest import JobStarted
from api.schemas.job import JobFault, JobStatus
from api.schemas.page import Page
from api.schemas.watch import WatchRoot
from daemon.cli.exit_codes import ExitCode
from store.records import JobState, RootOrigin, RootState

if TYPE_CHECKING:
    from tests.daemon.conftest import JobMaker, Photond, StubDaemon


def root(path: str) -> WatchRoot:
    return WatchRoot(
        id=1,
        path=path,
        collection="default",
        origin=RootOrigin.CONFIG,
        recursive=True,
        method="auto",
        exclude=[],
        state=RootState.ONLINE,
        reason=None,
        watched_by="inotify",
        last_scan_at=None,
        files=0,
        missing=0,
        failed=0,
    )


async def test_a_folder_is_followed_to_its_end(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    daemon.answers = {
        "POST /ingest": (202, JobStarted(job_id="j1")),
        "GET /ingest/status/j1": [make_job(state=JobState.RUNNING, finished_at=None), make_job()],
    }
    result = await photond("scan", "photos/../x", "--force")
    assert result.code == ExitCode.OK
    sent = daemon.requests[0][1]
    path = str(Path("photos/../x").absolute())
    assert sent == {"path": path, "collection": None, "force": True, "accept_empty": False}
    assert result.out == "/photos: 3 done, 2 unchanged, 0 failed\n"


async def test_failed_files_are_told_by_the_status(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    daemon.answers = {
        "POST /ingest": (202, JobStarted(job_id="j1")),
        "GET /ingest/status/j1": make_job(failed=1, total=6),
    }
    result = await photond("scan", "/photos")
    assert result.code == ExitCode.INCOMPLETE
    assert "see `photond failures`" in result.out


async def test_a_job_that_failed(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    fault = JobFault(code="DIR_NOT_FOUND", message="went away")
    daemon.answers = {
        "POST /ingest": (202, JobStarted(job_id="j1")),
        "GET /ingest/status/j1": make_job(state=JobState.FAILED, error=fault),
    }
    result = await photond("scan", "/photos", "--json")
    assert result.code == ExitCode.FAULT
    assert Page[JobStatus].model_validate(result.json).items[0].error == fault


async def test_every_root_and_one_of_them_offline(photond: Photond, daemon: StubDaemon, make_job: JobMaker) -> None:
    offline = {"error": {"code": "DIR_NOT_FOUND", "message": "/nas", "details": {}, "request_id": "r"}}
    daemon.answers = {
        "GET /watch": Page[WatchRoot](items=[root("/nas"), root("/photos")]),
        "POST /ingest": [(404, offline), (202, JobStarted(job_id="j1"))],
        "GET /ingest/status/j1": make_job(),
    }
    result = await photond("scan")
    assert result.code == ExitCode.FAULT
    assert result.err == "photond: DIR_NOT_FOUND: /nas\n"
    assert result.out.startswith("/photos: 3 done")


async def test_an_emptied_root_is_accepted_by_its_name_only(
    photond: Photond, daemon: StubDaemon, make_job: JobMaker
) -> None:
    daemon.answers = {"POST /ingest": (202, JobStarted(job_id="j1")), "GET /ingest/status/j1": make_job()}
    assert (await photond("scan", "--accept-empty", "/photos")).code == ExitCode.OK
    assert daemon.requests[0][1]["accept_empty"] is True
    result = await photond("scan", "--accept-empty")
    assert result.code == ExitCode.USAGE
    assert "needs the PATH" in result.err
