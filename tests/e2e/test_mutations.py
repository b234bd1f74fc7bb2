"""The real daemon on a folder of 2,000 damaged photos: up, and every file either indexed or in quarantine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.mutations.mutants import mutants
from tests.mutations.originals import original_photos

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

VERDICTS = {"DECODE_FAILED", "UNSUPPORTED_MEDIA", "TOO_LARGE", "DECODE_TIMEOUT", "DECODER_CRASHED"}

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_every_one_of_2000_damaged_photos_is_indexed_or_quarantined(photond: PhotondProcess) -> None:
    originals = original_photos()
    photos = originals | dict(mutants(originals, 2000, seed=1))
    for name, data in photos.items():
        (photond.photos / name).write_bytes(data)
    await photond.start()
    assert photond.process is not None

    async def all_decided() -> bool:
        stats = await photond.get("/stats")
        return bool(stats["files"] + stats["failed"] == len(photos) and not sum(stats["queue"].values()))

    await photond.until(all_decided, "all decided", deadline=200)

    indexed = {path async for image in pages(photond, "/images") for path in image["files"]}
    failures = {failure["path"]: failure async for failure in pages(photond, "/ingest/failures")}
    assert indexed | set(failures) == {str(photond.photos / name) for name in photos}
    assert indexed.isdisjoint(failures)
    assert indexed >= {str(photond.photos / name) for name in originals}
    assert {failure["code"] for failure in failures.values()} <= VERDICTS
    assert all(failure["message"] for failure in failures.values())
    assert photond.process.returncode is None
    assert await photond.stop() == 0


async def pages(photond: PhotondProcess, route: str) -> AsyncIterator[dict[str, Any]]:
    """Every item of a list route."""
    cursor = ""
    while True:
        page = await photond.get(f"{route}?limit=200{cursor}")
        for item in page["items"]:
            yield item
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"
