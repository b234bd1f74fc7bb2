"""Photos by words: the query's vector, its nearest images, their rows.

Free of HTTP, so that the command line searches without a daemon by the same code.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ml.service import Embedder
from store.catalog import Catalog
from store.paging import decode_cursor, encode_cursor
from store.records import ImageRecord
from store.vectors.protocol import VectorFilter, VectorIndex

LEAST_HITS = 50  # asked of the index at once: a row of images without files costs one round, not one each


@dataclass(frozen=True, slots=True)
class Found:
    """An image, its cosine to the query, and how relevant that makes it (0 to 1)."""

    image: ImageRecord
    score: float
    relevance: float


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Answers, best first; `next_cursor` asks for those that follow."""

    items: list[Found]
    next_cursor: str | None
    took_ms: float
    model: str


class Search:
    """Searches one vector space."""

    def __init__(self, catalog: Catalog, index: VectorIndex, embedder: Embedder) -> None:
        self._catalog = catalog
        self._index = index
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The model that queries are understood by."""
        return self._embedder.identity.model

    async def vectors(self) -> int:
        """How many images the index holds."""
        return await self._index.count()

    async def text(
        self, query: str, limit: int = 50, cursor: str | None = None, collection: str | None = None
    ) -> SearchPage:
        """Images by what is in them, of one collection or of all.

        An image without a file on disk is left out, and the page filled from the next ones. A cursor holds
        how far down the ranking the page went, and is good for the same query, collection and model; photos
        that were indexed meanwhile may shift an image to the neighbouring page. Raises NotFoundError for an
        unknown collection, InvalidCursorError, MlServiceDownError, VectorStoreError.
        """
        began = time.perf_counter()
        scope = self._scope(query, collection)
        start = cast(int, decode_cursor(scope, cursor, int)[0]) if cursor else 0
        where = None
        if collection is not None:
            where = VectorFilter(collections=((await self._catalog.collections.get(collection)).id,))
        vector = await self._embedder.embed_text(query)
        items, end = await self._fill(vector, where, start, limit)
        return SearchPage(
            items=items,
            next_cursor=encode_cursor(scope, [end]) if end is not None else None,
            took_ms=(time.perf_counter() - began) * 1000,
            model=self.model,
        )

    async def _fill(
        self, vector: NDArray[np.float32], where: VectorFilter | None, start: int, limit: int
    ) -> tuple[list[Found], int | None]:
        """A page of shown images from rank `start` on, and the next page's rank, if there is one."""
        found: list[Found] = []
        rank = start
        asked = max(limit + 1, LEAST_HITS)  # one more than the page tells whether another follows
        while True:
            hits = await self._index.search(vector, limit=asked, offset=rank, where=where)
            shown = await self._catalog.images.many([hit.id for hit in hits], present_only=True)
            for hit in hits:
                image = shown.get(hit.id)
                if image is not None and len(found) == limit:
                    return found, rank
                rank += 1
                if image is not None:
                    found.append(Found(image, hit.score, relevance(hit.score)))
            if len(hits) < asked:
                return found, None

    def _scope(self, query: str, collection: str | None) -> str:
        return json.dumps(["search", self._embedder.identity.id, query, collection])


def relevance(score: float) -> float:
    """The cosine, cut to 0 … 1: opposite and unrelated are both 0, the same direction is 1.

    It orders as the score does and says nothing yet about how models differ in the range of their cosines.
    """
    return min(max(score, 0.0), 1.0)
