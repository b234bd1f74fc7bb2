"""Bring photos in: start a job, follow it, see what failed, try that again."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Annotated

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from api.errors import ApiError, ErrorCode
from api.routing import Routes
from api.schemas.job import FailedFile, FailedFilePage, Job, JobPage, JobStatus
from api.schemas.values import Cursor, Limit, Name
from api.services import Services
from api.validation import Body, Parameters

routes = Routes("ingest")


PATH_MAX = 4096  # Linux's own limit, in bytes, the NUL at the end included


def _disk_path(value: object) -> str:
    if isinstance(value, str) and value.startswith("/") and "\0" not in value:
        with suppress(UnicodeEncodeError):  # surrogates that stand for no byte
            if len(os.fsencode(value)) < PATH_MAX:
                return value
    raise ValueError(f"must be an absolute path, as the daemon sees it, of fewer than {PATH_MAX} bytes")


# As the file system has it. Not a pydantic string: those refuse lone surrogates (see api.answers).
DiskPath = Annotated[
    str,
    PlainValidator(_disk_path),
    WithJsonSchema({"type": "string", "pattern": "^/", "maxLength": PATH_MAX - 1}),
]


class IngestRequest(Body):
    """Which folder or file to take."""

    path: DiskPath = Field(description="Absolute path of a folder or a file, on the daemon's machine.")
    collection: Name | None = Field(
        default=None, description="Collection to join; a watch root's own when it lies in one."
    )
    force: bool = Field(default=False, description="Decode and embed again what is known and unchanged.")
    accept_empty: bool = Field(
        default=False,
        description="The path is a watch root that is offline because it looks emptied or like another disk, and it "
        "is meant to be so: photos that are not there are missing.",
    )


class RetryRequest(Body):
    """Which failures to try again."""

    paths: list[DiskPath] | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="Paths in quarantine; all of them when left out.",
    )


class JobStarted(BaseModel):
    """A job was started; follow it under /ingest/status/{job_id}."""

    job_id: str


class Work(BaseModel):
    """Whether the queue is worked off."""

    paused: bool


class JobPath(Parameters):
    """Names a job."""

    job_id: Name


class Paging(Parameters):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Cursor = None


@routes.post(
    "/ingest",
    status=202,
    errors=[
        ErrorCode.DIR_NOT_FOUND,
        ErrorCode.DIR_EMPTY,
        ErrorCode.PERMISSION_DENIED,
        ErrorCode.FORBIDDEN,
        ErrorCode.CONFLICT,
        ErrorCode.DISK_SPACE,
    ],
)
async def start_ingest(services: Services, body: IngestRequest) -> JobStarted:
    """Index a folder or a file.

    The path must lie below a watch root or one of `api.browse_roots`. A folder outside the watch roots is
    indexed once and not watched.
    """
    job = await services.library.ingest(body.path, body.collection, body.force, body.accept_empty)
    return JobStarted(job_id=job.id)


@routes.get("/ingest/status/{job_id}", errors=[ErrorCode.NOT_FOUND])
async def job_status(services: Services, path: JobPath) -> JobStatus:
    """One job: counts, rate, time left, and its log."""
    job = await services.catalog.jobs.get(path.job_id)
    if job is None:
        raise ApiError(ErrorCode.NOT_FOUND, f"there is no job {path.job_id}")
    return JobStatus.logged(services.progress.of(job), await services.catalog.jobs.log_of(job.id))


@routes.get("/ingest/jobs")
async def list_jobs(services: Services, query: Paging) -> JobPage:
    """Jobs, the newest first."""
    page = await services.catalog.jobs.recent(query.limit, query.cursor)
    items = [Job.of(services.progress.of(job)) for job in page.items]
    return JobPage(items=items, next_cursor=page.next_cursor)


@routes.delete("/ingest/jobs/{job_id}", errors=[ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.DISK_SPACE])
async def cancel_job(services: Services, path: JobPath) -> None:
    """Cancel a running job.

    What it has queued is dropped, what is in work is finished. No file is touched: the next scan of the folder
    finds what is still to be done.
    """
    await services.library.cancel(path.job_id)


@routes.post("/ingest/pause", errors=[ErrorCode.DISK_SPACE])
async def pause_ingest(services: Services) -> Work:
    """Begin no work on photos until /ingest/resume, also after a restart.

    What is in work is finished, search answers, and changes on disk are noticed and queued. Paused twice is
    paused.
    """
    await services.pause.begin()
    return Work(paused=services.pause.on)


@routes.post("/ingest/resume", errors=[ErrorCode.DISK_SPACE])
async def resume_ingest(services: Services) -> Work:
    """Go on with what is queued."""
    await services.pause.end()
    return Work(paused=services.pause.on)


@routes.get("/ingest/failures")
async def list_failures(services: Services, query: Paging) -> FailedFilePage:
    """Files in quarantine, each with its reason."""
    page = await services.catalog.files.failures(query.limit, query.cursor)
    items = [FailedFile.of(failure) for failure in page.items]
    return FailedFilePage(items=items, next_cursor=page.next_cursor)


@routes.post("/ingest/failures/retry", status=202, errors=[ErrorCode.DISK_SPACE])
async def retry_failures(services: Services, body: RetryRequest) -> JobStarted:
    """Try files in quarantine again, all of them or those named."""
    job = await services.library.retry_failures(body.paths)
    return JobStarted(job_id=job.id)
