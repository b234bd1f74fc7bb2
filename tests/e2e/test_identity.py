"""A photo is its content: moves, copies and restarts cost no decoding and no embedding (counters prove it)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Draw = Callable[[Path, int], None]


def work(stats: dict[str, Any]) -> tuple[int, int]:
    return stats["counters"]["decoded"], stats["counters"]["embedded"]


async def test_renaming_a_file_keeps_its_image_and_does_no_work(photond: PhotondProcess, draw: Draw) -> None:
    draw(photond.photos / "before.png", 1)
    await photond.start()
    before = await photond.until_indexed(1)
    [image] = (await photond.get("/images"))["items"]

    (photond.photos / "before.png").rename(photond.photos / "after.png")

    async def renamed() -> bool:
        return bool((await photond.get(f"/images/{image['id']}"))["path"] == str(photond.photos / "after.png"))

    await photond.until(renamed, "renamed")
    after = await photond.until_indexed(1)
    assert work(after) == work(before)
    assert after["counters"]["files_read"] == before["counters"]["files_read"]


async def test_renaming_a_folder_of_500_does_no_work(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(500):
        draw(photond.photos / "trip" / f"{number:03}.png", number)
    await photond.start()
    before = await photond.until_indexed(500)

    (photond.photos / "trip").rename(photond.photos / "holiday")

    async def moved() -> bool:
        return bool((await photond.get("/stats"))["counters"]["moved"] == 500)

    await photond.until(moved, "moved")
    after = await photond.until_indexed(500)
    assert after["images"] == 500
    assert after["missing"] == 0
    assert work(after) == work(before)
    listed = (await photond.get("/images?limit=200"))["items"]
    assert {Path(image["path"]).parent.name for image in listed} == {"holiday"}


async def test_a_copy_is_a_second_file_of_the_same_image(photond: PhotondProcess, draw: Draw) -> None:
    draw(photond.photos / "one.png", 1)
    await photond.start()
    before = await photond.until_indexed(1)

    shutil.copyfile(photond.photos / "one.png", photond.photos / "two.png")

    async def attached() -> bool:
        return bool((await photond.get("/stats"))["counters"]["attached"] == 1)

    await photond.until(attached, "attached")
    after = await photond.until_indexed(2)
    [image] = (await photond.get("/images"))["items"]
    assert after["images"] == 1
    assert sorted(image["files"]) == [str(photond.photos / "one.png"), str(photond.photos / "two.png")]
    assert work(after) == work(before)


async def test_a_restart_over_10_000_unchanged_files_does_no_work(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(10):
        draw(photond.photos / "originals" / f"{number}.png", number)
        links = photond.photos / f"links-{number}"
        links.mkdir()
        for link in range(999):  # hard links: 10,000 files on disk without 10,000 decodes to set the scene
            os.link(photond.photos / "originals" / f"{number}.png", links / f"{link:04}.png")
    await photond.start()
    first = await photond.until_indexed(10_000, deadline=120)
    assert first["images"] == 10
    assert await photond.stop() == 0

    await photond.start()

    async def scanned() -> bool:
        return bool((await photond.get("/stats"))["counters"]["scans"] >= 1)

    await photond.until(scanned, "scanned")
    again = await photond.until_indexed(10_000)
    assert work(again) == (0, 0)
    assert again["counters"]["files_read"] == 0


async def test_a_deleted_file_is_out_of_search_and_its_return_costs_nothing(
    photond: PhotondProcess, draw: Draw
) -> None:
    draw(photond.photos / "stays.png", 1)
    draw(photond.photos / "goes.png", 2)
    await photond.start()
    before = await photond.until_indexed(2)

    shutil.move(photond.photos / "goes.png", photond.home / "elsewhere.png")
    await photond.until_indexed(1)
    found = (await photond.post("/search/text", {"query": "red", "limit": 10}))["items"]
    assert [item["path"] for item in found] == [str(photond.photos / "stays.png")]

    shutil.move(photond.home / "elsewhere.png", photond.photos / "goes.png")
    after = await photond.until_indexed(2)
    found = (await photond.post("/search/text", {"query": "red", "limit": 10}))["items"]
    assert len(found) == 2
    assert work(after) == work(before)


async def test_a_root_added_to_the_configuration_is_watched_without_a_restart(
    photond: PhotondProcess, draw: Draw
) -> None:
    await photond.start()
    assert photond.process is not None
    draw(photond.home / "more" / "new.png", 1)
    photond.config.write_text(f'[[watch]]\npath = "{photond.home / "more"}"\n\n' + photond.config.read_text())
    photond.process.send_signal(signal.SIGHUP)
    await photond.until_indexed(1)
    assert photond.process.returncode is None
