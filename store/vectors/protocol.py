"""What every vector index does, and promises.

One index holds one vector space. Ids are image ids (UUID text); vectors are unit float32, so the score is the cosine.
An acknowledged write survives a killed process; only a flushed one survives a power cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Point:
    """An image in the index. The payload is what searches filter by."""

    id: str
    vector: NDArray[np.float32]
    collections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorFilter:
    """Which points a search may answer with. None means: no restriction."""

    collections: tuple[int, ...] | None = None  # any of these


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: image id and cosine."""

    id: str
    score: float


class VectorIndex(Protocol):
    """Vectors of one space. Every method raises VectorStoreError (QDRANT_CONNECTION) while the engine is away."""

    async def open(self) -> None:
        """Connect or start the engine; create the collection if there is none, and refuse one of another dimension."""

    async def recreate(self) -> None:
        """Throw away what is there, be it damaged or of another dimension, and open an empty index in its place."""

    async def close(self) -> None:
        """Flush and let go. May be called twice."""

    async def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace. Raises PointRejectedError before anything is sent if one point is not finite, not of unit
        length or of another dimension."""

    async def delete(self, ids: Collection[str]) -> None:
        """Remove; unknown ids are fine."""

    async def flush(self) -> None:
        """Make all acknowledged writes durable."""

    async def search(
        self, vector: NDArray[np.float32], *, limit: int, offset: int = 0, where: VectorFilter | None = None
    ) -> list[Hit]:
        """The nearest points by cosine, best first; `limit` of them whenever that many match the filter."""

    async def points(self, ids: Collection[str]) -> dict[str, Point]:
        """Those of the points that exist, as they are stored. Raises VectorsDamagedError if one has lost its vector."""

    async def vectors(self, ids: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """Stored vectors of those ids that exist."""
        return {point_id: point.vector for point_id, point in (await self.points(ids)).items()}

    async def count(self) -> int:
        """Number of points, exact."""

    def ids(self) -> AsyncIterator[list[str]]:
        """All ids, in chunks, in no particular order."""
