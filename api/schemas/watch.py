"""A watch root."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.schemas.page import Page
from api.schemas.values import Timestamp
from store.records import Root, RootOrigin, RootState


class WatchRoot(BaseModel):
    """A folder whose photos are indexed into one collection."""

    id: int
    path: str
    collection: str
    origin: RootOrigin = Field(description="`config`: watched, read-only here; `ingest`: indexed once, on request.")
    recursive: bool
    method: str
    exclude: list[str]
    state: RootState
    last_scan_at: Timestamp | None

    @classmethod
    def of(cls, root: Root) -> WatchRoot:
        """From the catalog's record."""
        return cls(
            id=root.id,
            path=root.path,
            collection=root.collection,
            origin=root.origin,
            recursive=root.recursive,
            method=root.method,
            exclude=list(root.exclude),
            state=root.state,
            last_scan_at=root.last_scan_at,
        )


class WatchRootPage(Page[WatchRoot]):
    """Watch roots."""
