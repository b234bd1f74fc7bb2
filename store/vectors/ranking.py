"""The order of a search's answers, made total so that pages fit together.

Qdrant leaves open which of several points with the same score come first, and decides it anew for every
limit: pages by offset would then show some twice and others never. Equal scores are no curiosity here: photos
that differ in their metadata alone have the same vector.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from store.vectors.protocol import Hit

# Hits asked for beyond the page, so that one query nearly always shows where the last run of equal scores
# ends.
MARGIN = 16


async def ranked(nearest: Callable[[int], Awaitable[list[Hit]]], *, limit: int, offset: int) -> list[Hit]:
    """`limit` hits from `offset` on, best first and equal scores by id.

    `nearest(n)` gives the n best, with equal scores in any order.
    """
    wanted = offset + limit
    if limit < 1:
        return []
    count = wanted + MARGIN
    hits = await nearest(count)
    while len(hits) == count and hits[-1].score == hits[wanted - 1].score:
        count *= 2
        hits = await nearest(count)
    hits.sort(key=lambda hit: (-hit.score, hit.id))
    return hits[offset:wanted]
