"""Fixtures of the store: a real catalog in an empty folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.catalog import Catalog


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def catalog(tmp_path: Path, clock: Clock) -> AsyncIterator[Catalog]:
    """An open catalog in `tmp_path`, with the active space "space" of 4 dimensions."""
    opened = Catalog(tmp_path, clock)
    await opened.open()
    await opened.spaces.activate("space", "fake", 4, "{}")
    yield opened
    await opened.close()
