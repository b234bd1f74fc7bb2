"""A watch root."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.schemas.page import Page
from api.schemas.values import Timestamp
from handlers.root_report import RootReport
from store.records import FileState, RootOrigin, RootState


class WatchRoot(BaseModel):
    """A folder whose photos are indexed into one collection."""

    id: int
    path: str
    collection: str
    origin: RootOrigin = Field(description="`config`: watched, read-only here; `ingest`: indexed once, on request.")
    recursive: bool
    method: str = Field(description="As configured.")
    exclude: list[str]
    state: RootState = Field(description="`offline`: nothing is concluded from what is not found; its images stay.")
    reason: str | None = Field(description="Why it is offline.")
    watched_by: str | None = Field(description="`inotify` or `polling`; null while it is not watched.")
    last_scan_at: Timestamp | None
    files: int = Field(description="Files on disk that are indexed, as far as is known while the root is offline.")
    missing: int
    failed: int = Field(description="Files in quarantine.")

    @classmethod
    def of(cls, report: RootReport) -> WatchRoot:
        """From what the library tells."""
        root = report.root
        return cls(
            id=root.id,
            path=root.path,
            collection=root.collection,
            origin=root.origin,
            recursive=root.recursive,
            method=root.method,
            exclude=list(root.exclude),
            state=root.state,
            reason=report.reason,
            watched_by=report.watched_by,
            last_scan_at=root.last_scan_at,
            files=report.files.get(FileState.PRESENT, 0),
            missing=report.files.get(FileState.MISSING, 0),
            failed=report.files.get(FileState.FAILED, 0),
        )


class WatchRootPage(Page[WatchRoot]):
    """Watch roots."""
