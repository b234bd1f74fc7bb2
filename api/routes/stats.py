"""Totals of the library, the queue, and what this process has done."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, Field

from api.routing import Routes
from api.services import Services
from store.errors import VectorStoreError

routes = Routes("stats")


class Queue(BaseModel):
    """Paths that wait for their turn."""

    ready: int
    leased: int = Field(description="In work now.")
    delayed: int = Field(description="To be tried again later.")


class Stats(BaseModel):
    """The library in numbers."""

    images: int = Field(description="Those with a file on disk.")
    files: int
    missing: int = Field(description="Files that are gone from disk; their images are kept.")
    failed: int = Field(description="Files in quarantine.")
    vectors: int | None = Field(
        description="Points in the vector index; as many as images, but for a moment. Null while it is away."
    )
    bytes: int
    collections: int
    queue: Queue
    paused: bool = Field(description="Whether the queue is left alone until /ingest/resume.")
    counters: dict[str, int] = Field(description="Since the daemon started; they prove that nothing is done twice.")
    model: str
    version: str


@routes.get("/stats")
async def stats(services: Services) -> Stats:
    """Totals, the queue's depth, and counters since the start."""
    totals = await services.catalog.images.totals()
    depth = await services.catalog.queue.depth()
    return Stats(
        images=totals.images,
        files=totals.files,
        missing=totals.missing,
        failed=totals.failed,
        vectors=await _vectors(services),
        bytes=totals.bytes,
        collections=totals.collections,
        queue=Queue(ready=depth.ready, leased=depth.leased, delayed=depth.delayed),
        paused=services.pause.on,
        counters=asdict(services.counters),
        model=services.search.model,
        version=services.version,
    )


async def _vectors(services: Services) -> int | None:
    try:
        return await services.search.vectors()
    except VectorStoreError:
        return None  # /readyz tells of it; the other numbers hold all the same
