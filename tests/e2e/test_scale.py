"""Thousands of files at once, as copying a card or renaming an album brings them. Their speed is a benchmark's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

ALBUM = 700  # more than an album, and more than a library, may have dirty before they are scanned instead


async def bursts(photond: PhotondProcess) -> list[dict[str, Any]]:
    return [job for job in (await photond.get("/ingest/jobs"))["items"] if job["kind"] == "events"]


async def test_albums_copied_in_at_once_are_one_job_and_renamed_ones_are_not_read_again(
    photond: PhotondProcess, tmp_path: Path, draw: Callable[[Path, int], None]
) -> None:
    for number in range(ALBUM):
        draw(tmp_path / f"card/album/{number}.png", number)
        draw(tmp_path / f"card/many/{number % 20}/{number}.png", ALBUM + number)
    photond.settle = "1s"
    photond.write_config()
    await photond.start()
    await asyncio.to_thread(
        shutil.copytree, tmp_path / "card", photond.photos, copy_function=shutil.copyfile, dirs_exist_ok=True
    )
    stats = await photond.until_indexed(2 * ALBUM, deadline=200)
    assert (stats["images"], stats["counters"]["decoded"]) == (2 * ALBUM, 2 * ALBUM)
    (burst,) = await bursts(photond)
    assert (burst["total"], burst["done"], burst["failed"]) == (2 * ALBUM, 2 * ALBUM, 0)

    for name in ("album", "many"):
        (photond.photos / name).rename(photond.photos / f"{name} renamed")

    async def moved() -> bool:
        stats.update(await photond.get("/stats"))
        return bool(stats["counters"]["moved"] == 2 * ALBUM and not sum(stats["queue"].values()))

    await photond.until(moved, "all moved")
    assert (stats["files"], stats["missing"], stats["vectors"]) == (2 * ALBUM, 0, 2 * ALBUM)
    assert stats["counters"]["files_read"] == stats["counters"]["decoded"] == 2 * ALBUM
    page = await photond.get("/images?limit=100")
    assert all(" renamed/" in image["path"] for image in page["items"])
    assert await photond.stop() == 0
