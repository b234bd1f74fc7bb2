"""The embedded vector index: Qdrant Edge, in a child process that is restarted when it dies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from store.vectors.edge_process import EdgeProcess
from store.vectors.filters import INTEGER_FIELDS, collections_of, payload_of, rest_filter
from store.vectors.points import checked_matrix, checked_query
from store.vectors.protocol import Hit, Point, VectorFilter, VectorIndex
from store.vectors.ranking import ranked

# Points a request: some 2 MB and 10 ms, so that a search never waits long behind an upsert.
BATCH = 500
PAGE = 5000  # ids a request when all are listed


class EdgeIndex(VectorIndex):
    """VectorIndex over one shard directory. A search scans it all: 1 ms at 10,000 points, 11 at 100,000."""

    def __init__(self, directory: Path, dimensions: int) -> None:
        self._directory = directory
        self._dimensions = dimensions
        self._child = EdgeProcess(directory, dimensions, INTEGER_FIELDS)

    @property
    def restarts(self) -> int:
        """How often the engine was started again after a death."""
        return self._child.restarts

    @property
    def pid(self) -> int | None:
        """Process id of the engine while it runs."""
        return self._child.pid

    async def open(self) -> None:
        """Start the engine on the shard, made if there is none.

        Raises VectorsDamagedError, or VectorsMismatchError for a shard of another dimension; VectorStoreError
        while another process has it open.
        """
        await self._child.open()

    async def recreate(self) -> None:
        """As VectorIndex."""
        await self._child.close()
        await asyncio.to_thread(_remove, self._directory)
        await self._child.open()

    async def close(self) -> None:
        """Flush and end the engine. May be called twice."""
        await self._child.close()

    async def upsert(self, points: Sequence[Point]) -> None:
        """As VectorIndex; raises DiskSpaceError, before anything is sent, on a nearly full disk."""
        matrix = checked_matrix(points, self._dimensions)
        self._child.require_space()
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            await self._child.call(
                "upsert",
                ids=[point.id for point in batch],
                vectors=matrix[start : start + BATCH].tobytes(),
                payloads=[payload_of(point) for point in batch],
            )

    async def delete(self, ids: Collection[str]) -> None:
        """As VectorIndex; raises DiskSpaceError as `upsert` does: a deletion is written as well."""
        if ids:
            self._child.require_space()
            await self._child.call("delete", ids=list(ids))

    async def flush(self) -> None:
        """As VectorIndex."""
        await self._child.call("flush")

    async def search(
        self, vector: NDArray[np.float32], *, limit: int, offset: int = 0, where: VectorFilter | None = None
    ) -> list[Hit]:
        """As VectorIndex; equal scores come in the order of their ids."""
        query = checked_query(vector, self._dimensions).tobytes()
        rest = rest_filter(where)

        async def nearest(count: int) -> list[Hit]:
            pairs = await self._child.call("nearest", vector=query, limit=count, where=rest)
            return [Hit(*pair) for pair in pairs]

        return await ranked(nearest, limit=limit, offset=offset)

    async def points(self, ids: Collection[str]) -> dict[str, Point]:
        """As VectorIndex."""
        found, matrix, payloads = await self._child.call("points", ids=list(ids))
        rows = np.frombuffer(matrix, dtype=np.float32).reshape(-1, self._dimensions)
        return {
            point_id: Point(point_id, row, collections_of(payload))
            for point_id, row, payload in zip(found, rows, payloads, strict=True)
        }

    async def count(self) -> int:
        """As VectorIndex."""
        count: int = await self._child.call("count")
        return count

    async def ids(self) -> AsyncIterator[list[str]]:
        """As VectorIndex."""
        start: str | None = None
        while True:
            chunk, start = await self._child.call("scroll", start=start, limit=PAGE)
            if chunk:
                yield chunk
            if start is None:
                return


def _remove(directory: Path) -> None:
    # Renamed first: half of a shard may well open, as one of fewer points.
    doomed = directory.with_name(directory.name + ".old")
    shutil.rmtree(doomed, ignore_errors=True)
    if directory.exists():
        directory.rename(doomed)
        shutil.rmtree(doomed)
