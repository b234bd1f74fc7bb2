"""A job and its progress, and the files that failed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from api.schemas.page import Page
from api.schemas.values import Timestamp
from handlers.progress import JobProgress
from store.records import Failure, JobKind, JobState, LogLine


class JobFault(BaseModel):
    """Why a job as a whole could not be carried out."""

    code: str
    message: str


class Job(BaseModel):
    """A piece of work, and how far it is."""

    job_id: str
    kind: JobKind
    state: JobState
    path: str | None
    collection: str | None
    total: int = Field(description="Grows while the job still looks for files.")
    done: int
    skipped: int
    failed: int
    rate: float | None = Field(description="Files a second, lately.")
    eta_seconds: float | None
    created_at: Timestamp
    finished_at: Timestamp | None
    error: JobFault | None

    @classmethod
    def of(cls, progress: JobProgress) -> Job:
        """From a job's progress."""
        return cls(**_followed(progress))


class JobPage(Page[Job]):
    """Jobs."""


class Line(BaseModel):
    """One line of a job's log."""

    at: Timestamp
    level: str
    message: str


class JobStatus(Job):
    """A job with its log."""

    log: list[Line]

    @classmethod
    def logged(cls, progress: JobProgress, lines: list[LogLine]) -> JobStatus:
        """From a job's progress and log."""
        log = [Line(at=line.at, level=line.level, message=line.message) for line in lines]
        return cls(**_followed(progress), log=log)


def _followed(progress: JobProgress) -> dict[str, Any]:
    job = progress.job
    fault = JobFault(code=job.error_code, message=job.error_message or "") if job.error_code else None
    return {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state,
        "path": job.path,
        "collection": job.collection,
        "total": job.total,
        "done": job.done,
        "skipped": job.skipped,
        "failed": job.failed,
        "rate": progress.rate,
        "eta_seconds": progress.eta_seconds,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "error": fault,
    }


class FailedFile(BaseModel):
    """A file in quarantine, and why."""

    path: str
    code: str
    message: str
    attempts: int
    at: Timestamp

    @classmethod
    def of(cls, failure: Failure) -> FailedFile:
        """From the catalog's record."""
        return cls(
            path=failure.path,
            code=failure.code,
            message=failure.message,
            attempts=failure.attempts,
            at=failure.at,
        )


class FailedFilePage(Page[FailedFile]):
    """Files in quarantine."""
