"""A watch root on a disk that comes and goes, as the user and the API see it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

Draw = Callable[[Path, int], None]


class Disk:
    """A file system that keeps its content while it is not mounted where it belongs."""

    def __init__(self, home: Path, point: Path) -> None:
        self._home = home
        self._point = point

    def plug(self) -> None:
        subprocess.run(["mount", "--bind", self._home, self._point], check=True)

    def unplug(self) -> None:
        subprocess.run(["umount", self._point], check=True)


@pytest.fixture
def disk(tmp_path: Path, photond: PhotondProcess) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    home = tmp_path / "disk"
    home.mkdir()
    tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"mounts are not allowed here: {tried.stderr.strip()}")
    yield Disk(home, photond.photos)
    for point in (photond.photos, home):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


async def until_state(photond: PhotondProcess, state: str) -> dict[str, Any]:
    """The root, once it is so."""
    told: dict[str, Any] = {}

    async def reached() -> bool:
        (root,) = (await photond.get("/watch"))["items"]
        told.update(root)
        return bool(root["state"] == state)

    await photond.until(reached, f"{state}")
    return told


async def found(photond: PhotondProcess) -> list[bool]:
    """Whether each image that a search finds is marked as offline."""
    return [item["offline"] for item in (await photond.post("/search/text", {"query": "noise"}))["items"]]


async def test_an_unplugged_disk_keeps_its_photos_over_a_restart_and_comes_back_by_itself(
    photond: PhotondProcess, disk: Disk, draw: Draw
) -> None:
    disk.plug()
    for number in range(5):
        draw(photond.photos / f"{number}.png", number)
    await photond.start()
    await photond.until_indexed(5)

    disk.unplug()
    root = await until_state(photond, "offline")
    assert root["reason"] == "is empty, but 5 photos are known in it"
    assert await found(photond) == [True] * 5
    ready = await photond.get("/readyz")
    assert not ready["parts"]["watch"]["ok"]

    await photond.stop()
    draw(photond.photos / "stray.png", 99)  # into the mount point, while nobody looks
    await photond.start()
    root = await until_state(photond, "offline")
    assert "another device" in root["reason"]
    assert await found(photond) == [True] * 5

    disk.plug()
    root = await until_state(photond, "online")
    assert (root["reason"], root["files"], root["missing"]) == (None, 5, 0)
    stats = await photond.until_indexed(5)
    assert await found(photond) == [False] * 5
    assert (stats["counters"]["files_read"], stats["counters"]["decoded"]) == (0, 0)
    draw(photond.photos / "new.png", 100)
    await photond.until_indexed(6)


async def test_an_emptied_root_is_believed_when_the_user_says_so(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(3):
        draw(photond.photos / f"{number}.png", number)
    await photond.start()
    await photond.until_indexed(3)
    await photond.stop()
    for path in photond.photos.iterdir():
        path.unlink()
    await photond.start()
    await until_state(photond, "offline")
    assert len(await found(photond)) == 3

    command = ("-I", "-m", "daemon", "--config", str(photond.config), "scan", "--accept-empty", str(photond.photos))
    said = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
    out, _ = await said.communicate()
    assert (said.returncode, out.decode()) == (0, f"{photond.photos}: 3 done, 0 unchanged, 0 failed\n")
    root = await until_state(photond, "online")
    assert (root["files"], root["missing"]) == (0, 3)
    assert await found(photond) == []
