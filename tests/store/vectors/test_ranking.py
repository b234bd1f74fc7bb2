"""Pages of a ranking whose engine breaks ties as it likes."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from store.vectors.protocol import Hit
from store.vectors.ranking import MARGIN, ranked


class Engine:
    """Gives the n best, equal scores in a new order each time."""

    def __init__(self, scores: list[int], seed: int = 0) -> None:
        self._hits = [Hit(f"{number:04}", float(score)) for number, score in enumerate(scores)]
        self._random = random.Random(seed)
        self.asked: list[int] = []

    async def nearest(self, count: int) -> list[Hit]:
        self.asked.append(count)
        self._random.shuffle(self._hits)
        return sorted(self._hits, key=lambda hit: -hit.score)[:count]


@given(
    scores=st.lists(st.integers(0, 4), max_size=150),
    size=st.integers(1, 30),
    seed=st.integers(0, 100),
)
async def test_pages_are_the_whole_cut_up(scores: list[int], size: int, seed: int) -> None:
    engine = Engine(scores, seed)
    whole = await ranked(engine.nearest, limit=len(scores) + 1, offset=0)
    assert [hit.id for hit in whole] == [
        f"{number:04}" for number in sorted(range(len(scores)), key=lambda number: (-scores[number], number))
    ]
    pages = [await ranked(engine.nearest, limit=size, offset=start) for start in range(0, len(scores), size)]
    assert [hit for page in pages for hit in page] == whole


async def test_distinct_scores_take_one_query() -> None:
    engine = Engine(list(range(200)))
    await ranked(engine.nearest, limit=50, offset=50)
    assert engine.asked == [100 + MARGIN]


async def test_a_long_tie_is_fetched_to_its_end() -> None:
    engine = Engine([1] * 100)
    assert [hit.id for hit in await ranked(engine.nearest, limit=2, offset=3)] == ["0003", "0004"]
    assert engine.asked == [21, 42, 84, 168]


async def test_nothing_wanted_asks_nothing() -> None:
    engine = Engine([1])
    assert await ranked(engine.nearest, limit=0, offset=0) == []
    assert engine.asked == []
