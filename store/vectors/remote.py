"""The vector index on a Qdrant server or cluster, over its REST interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from store.errors import VectorStoreError
from store.vectors.errors import VectorsMismatchError
from store.vectors.filters import INTEGER_FIELDS, collections_of, payload_of, rest_filter
from store.vectors.points import checked_matrix, checked_query
from store.vectors.protocol import Hit, Point, VectorFilter, VectorIndex
from store.vectors.ranking import ranked

if TYPE_CHECKING:
    import httpx

TIMEOUT = 30  # seconds a request may take
BATCH = 256  # points a request: 5 MB of JSON at 1,000 dimensions, of the 32 MB that a server accepts by default
PAGE = 5000  # ids a request when all are listed


class RemoteIndex(VectorIndex):
    """VectorIndex over one collection of a server, whose configuration decides how durable a write is."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        collection_name: str,
        dimensions: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._collection = collection_name
        self._dimensions = dimensions
        self._http_options: dict[str, Any] = {"transport": transport} if transport else {}
        self._open_client: AsyncQdrantClient | None = None

    async def open(self) -> None:
        """Connect, and create the collection with its payload indexes if there is none.

        Raises VectorsMismatchError for a collection of another dimension or distance.
        """
        self._connect()
        with self._translated():
            if await self._client.collection_exists(self._collection):
                await self._check_collection()
            else:
                await self._create_collection()

    async def recreate(self) -> None:
        """As VectorIndex."""
        self._connect()
        with self._translated():
            await self._client.delete_collection(self._collection)
            await self._create_collection()

    def _connect(self) -> None:
        if self._open_client is None:
            # The client's own check of versions runs in a thread, past our transport, and does no more than
            # warn.
            self._open_client = AsyncQdrantClient(
                url=self._url,
                api_key=self._api_key,
                timeout=TIMEOUT,
                check_compatibility=False,
                **self._http_options,
            )

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        client, self._open_client = self._open_client, None
        if client is not None:
            await client.close()

    async def upsert(self, points: Sequence[Point]) -> None:
        """As VectorIndex."""
        matrix = checked_matrix(points, self._dimensions)
        for start in range(0, len(points), BATCH):
            batch = models.Batch(
                ids=[point.id for point in points[start : start + BATCH]],
                vectors=matrix[start : start + BATCH].tolist(),
                payloads=[payload_of(point) for point in points[start : start + BATCH]],
            )
            with self._translated():
                await self._client.upsert(self._collection, points=batch, wait=True)

    async def delete(self, ids: Collection[str]) -> None:
        """As VectorIndex."""
        if ids:
            selector = models.PointIdsList(points=list(ids))
            with self._translated():
                await self._client.delete(self._collection, points_selector=selector, wait=True)

    async def flush(self) -> None:
        """Nothing to do: a write that was waited for is in the server's write-ahead log."""

    async def search(
        self, vector: NDArray[np.float32], *, limit: int, offset: int = 0, where: VectorFilter | None = None
    ) -> list[Hit]:
        """As VectorIndex; equal scores come in the order of their ids. The server may use an HNSW graph."""
        query = checked_query(vector, self._dimensions).tolist()
        rest = rest_filter(where)
        conditions = models.Filter.model_validate(rest) if rest else None

        async def nearest(count: int) -> list[Hit]:
            with self._translated():
                response = await self._client.query_points(
                    self._collection, query=query, limit=count, query_filter=conditions, with_payload=False
                )
            return [Hit(str(point.id), point.score) for point in response.points]

        return await ranked(nearest, limit=limit, offset=offset)

    async def points(self, ids: Collection[str]) -> dict[str, Point]:
        """As VectorIndex."""
        with self._translated():
            records = await self._client.retrieve(self._collection, ids=list(ids), with_payload=True, with_vectors=True)
        points = (
            Point(str(record.id), np.asarray(record.vector, dtype=np.float32), collections_of(record.payload))
            for record in records
        )
        return {point.id: point for point in points}

    async def count(self) -> int:
        """As VectorIndex."""
        with self._translated():
            return (await self._client.count(self._collection, exact=True)).count

    async def ids(self) -> AsyncIterator[list[str]]:
        """As VectorIndex."""
        start: Any = None
        while True:
            with self._translated():
                records, start = await self._client.scroll(
                    self._collection, offset=start, limit=PAGE, with_payload=False, with_vectors=False
                )
            if records:
                yield [str(record.id) for record in records]
            if start is None:
                return

    @property
    def _client(self) -> AsyncQdrantClient:
        if self._open_client is None:
            raise VectorStoreError("the vector index is not open")
        return self._open_client

    async def _check_collection(self) -> None:
        info = await self._client.get_collection(self._collection)
        vectors = info.config.params.vectors
        if not isinstance(vectors, models.VectorParams) or (
            (vectors.size, vectors.distance) != (self._dimensions, models.Distance.DOT)
        ):
            raise VectorsMismatchError(
                f"collection {self._collection} of {self._url} holds other vectors than this model's "
                f"({self._dimensions} dimensions, Dot): `photond reindex` makes and fills it again"
            )

    async def _create_collection(self) -> None:
        params = models.VectorParams(size=self._dimensions, distance=models.Distance.DOT)
        await self._client.create_collection(self._collection, vectors_config=params)
        schema = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False)
        for field in INTEGER_FIELDS:
            await self._client.create_payload_index(self._collection, field, field_schema=schema, wait=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnexpectedResponse as error:
            hint = "; see store.qdrant_api_key" if error.status_code in {401, 403} else ""
            raise VectorStoreError(
                f"Qdrant at {self._url} answered {error.status_code} {error.reason_phrase}{hint}: "
                f"{error.content[:200].decode(errors='replace')}"
            ) from error
        except (ResponseHandlingException, ResourceExhaustedResponse) as error:
            raise VectorStoreError(f"Qdrant at {self._url} cannot be used: {error}") from error
