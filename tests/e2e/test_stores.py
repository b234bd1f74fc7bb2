"""Stores that are full, away or damaged, each for real: what is told, what goes on, and what holds afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Draw = Callable[[Path, int], None]
MIB = 1024**2


async def command(photond: PhotondProcess, *arguments: str) -> tuple[int, str, str]:
    """Run one `photond` command beside or without the daemon; its exit status, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "daemon", "--config", str(photond.config), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def assert_all_agrees(photond: PhotondProcess) -> None:
    """By the doctor, who looks at everything. The daemon must have ended."""
    code, out, err = await command(photond, "doctor", "--json")
    assert (code, json.loads(out or "{}")) == (0, {"clean": True, "queued": 0, "findings": []}), err


async def part(photond: PhotondProcess, name: str) -> dict[str, Any]:
    """One part's state; the daemon need not be ready."""
    async with aiohttp.ClientSession(photond.url) as session, session.get("/api/v1/readyz") as answer:
        found: dict[str, Any] = (await answer.json())["parts"][name]
        return found


async def search(photond: PhotondProcess) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(photond.url) as session,
        session.post("/api/v1/search/text", json={"query": "red", "limit": 200}) as answer,
    ):
        return answer.status, await answer.json()


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(photond: PhotondProcess) -> Iterator[Path]:
    """A disk of 300 MiB for the state, and on it a file that takes what room it is told to."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    photond.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m", "photond-test", str(photond.state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield photond.state / "ballast"
    finally:
        subprocess.run(["umount", "--lazy", str(photond.state)], check=True)


def leave_free(ballast: Path, free: int) -> None:
    """Take all room but so many bytes."""
    with ballast.open("ab") as file:
        while (room := shutil.disk_usage(ballast.parent).free - free) > 0:
            try:
                file.write(bytes(min(room, MIB)))
                file.flush()
            except OSError:
                return


@pytest.mark.slow
async def test_a_full_disk_pauses_ingest_and_nothing_else(
    photond: PhotondProcess, draw: Draw, small_disk: Path
) -> None:
    for number in range(5):
        draw(photond.photos / f"{number}.png", number)
    await photond.start()
    await photond.until_indexed(5)

    leave_free(small_disk, 100 * MIB)
    for number in range(5, 15):
        draw(photond.photos / f"{number}.png", number)

    async def waits() -> bool:
        ingest = await part(photond, "ingest")
        return not ingest["ok"] and ingest["detail"].startswith("DISK_SPACE: ")

    await photond.until(waits, "waiting for room")
    assert (await part(photond, "disk"))["detail"].startswith("DISK_SPACE: 99 MiB are free")
    assert (await photond.get("/readyz"))["ready"]  # to be searched
    assert len((await search(photond))[1]["items"]) == 5
    job = (await photond.get("/ingest/jobs"))["items"][0]
    log = (await photond.get(f"/ingest/status/{job['job_id']}"))["log"]
    assert any(line["level"] == "warning" and "DISK_SPACE" in line["message"] for line in log)

    leave_free(small_disk, 0)  # now not even an event can be noted
    for number in range(15, 25):
        draw(photond.photos / f"{number}.png", number)
    (photond.photos / "0.png").unlink()
    await asyncio.sleep(2)  # while events come and find no room
    assert len((await search(photond))[1]["items"]) == 5  # all that is known; the deletion finds no room either
    small_disk.unlink()

    stats = await photond.until_indexed(24, deadline=120)
    assert (stats["images"], stats["vectors"], stats["missing"]) == (24, 24, 1)
    assert len((await search(photond))[1]["items"]) == 24
    assert (await part(photond, "ingest"))["ok"]
    log = (await photond.get(f"/ingest/status/{job['job_id']}"))["log"]
    assert any("going on after" in line["message"] for line in log)
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


@pytest.mark.slow
async def test_a_disk_that_fills_up_in_the_middle_of_work_loses_nothing(
    photond: PhotondProcess, draw: Draw, small_disk: Path
) -> None:
    for number in range(150):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()
    assert photond.process is not None
    pid = photond.process.pid

    for indexed in (20, 60, 100):

        async def that_far(files: int = indexed) -> bool:
            return bool((await photond.get("/stats"))["files"] >= files)

        await photond.until(that_far, f"{indexed} files indexed")
        leave_free(small_disk, 0)
        await asyncio.sleep(1)
        assert (await search(photond))[0] in {200, 503}  # 503 only while the engine comes back, where it was killed
        small_disk.unlink()

    stats = await photond.until_indexed(150, deadline=120)
    assert (stats["images"], stats["vectors"]) == (150, 150)
    assert photond.process.pid == pid
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


async def test_a_start_without_room_says_so(photond: PhotondProcess, draw: Draw, small_disk: Path) -> None:
    draw(photond.photos / "1.png", 1)
    await photond.start()
    await photond.until_indexed(1)
    assert await photond.stop() == 0
    leave_free(small_disk, 0)

    process = await photond.spawn()
    async with asyncio.timeout(60):
        assert await process.wait() == 1
    assert "photond: DISK_SPACE: " in photond.log()
    assert "Traceback" not in photond.log()

    small_disk.unlink()
    await photond.start()
    assert (await photond.until_indexed(1))["counters"]["decoded"] == 0
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


# -- the vector engine -------------------------------------------------------------------------------------------------


def engine(photond: PhotondProcess) -> psutil.Process | None:
    """The daemon's child that owns the shard."""
    assert photond.process is not None
    for child in psutil.Process(photond.process.pid).children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if any("edge_child" in word for word in child.cmdline()):
                return child
    return None


@pytest.mark.slow
async def test_an_engine_that_is_killed_under_load_costs_nothing(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(150):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()
    killed = set()
    for indexed in (10, 40, 70, 100, 130):

        async def killed_at(files: int = indexed) -> bool:
            child = engine(photond)
            if (await photond.get("/stats"))["files"] < files or child is None or child.pid in killed:
                return False
            child.send_signal(signal.SIGKILL)
            killed.add(child.pid)
            return True

        await photond.until(killed_at, f"killed at {indexed}")
    stats = await photond.until_indexed(150, deadline=120)
    assert len(killed) == 5
    assert (stats["images"], stats["counters"]["decoded"]) == (150, 150)

    async def is_back() -> bool:  # the last death may have come after the last commit, and be waited out still
        return bool((await part(photond, "vectors"))["detail"] == "150 vectors")

    await photond.until(is_back, "back with all vectors")
    assert len((await search(photond))[1]["items"]) == 150
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


@pytest.mark.slow
async def test_an_engine_that_hangs_is_told_and_replaced(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(3):
        draw(photond.photos / f"{number}.png", number)
    await photond.start()
    await photond.until_indexed(3)
    child = engine(photond)
    assert child is not None
    child.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        asked = asyncio.create_task(search(photond))
        await asyncio.sleep(0.5)  # so that it is the one that meets the silence
        draw(photond.photos / "3.png", 3)
        vectors = await part(photond, "vectors")
        assert (vectors["ok"], vectors["detail"].split(":")[0]) == (False, "QDRANT_CONNECTION")
        status, answer = await asked
        assert (status, answer["error"]["code"]) == (503, "QDRANT_CONNECTION")
        assert 8 < time.monotonic() - began < 30
    finally:
        if child.is_running():
            child.kill()
    stats = await photond.until_indexed(4, deadline=90)
    assert stats["vectors"] == 4
    assert len((await search(photond))[1]["items"]) == 4
    assert (await part(photond, "vectors"))["ok"]
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


# -- damage ------------------------------------------------------------------------------------------------------------


async def refused(photond: PhotondProcess) -> str:
    """What a start that must fail prints, which is one message and no traceback."""
    before = len(photond.log())
    process = await photond.spawn()
    async with asyncio.timeout(60):
        assert await process.wait() == 8
    told = photond.log()[before:]
    assert "Traceback" not in told
    return told


async def index_some(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(12):
        draw(photond.photos / f"{number}.png", number)
    await photond.start()
    await photond.until_indexed(12)
    assert await photond.stop() == 0


def lose(photond: PhotondProcess, name: str) -> None:
    """Remove a file or folder of the shard, and the write-ahead log, which might put it back."""
    (shard,) = (photond.state / "vectors").iterdir()
    for path in [*shard.rglob(name), shard / "wal"]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.mark.parametrize("lost", ["segment.json", "vector_storage"])
async def test_a_damaged_index_stops_the_start_and_reindex_cures_it_without_reading_a_photo(
    photond: PhotondProcess, draw: Draw, lost: str
) -> None:
    await index_some(photond, draw)
    lose(photond, lost)
    told = await refused(photond)
    assert told.startswith("photond: VECTORS_DAMAGED: ")
    assert "`photond reindex`" in told

    assert await command(photond, "reindex") == (0, "12 vectors\n", "")
    await photond.start()
    stats = await photond.until_indexed(12)
    assert (stats["vectors"], stats["counters"]["files_read"]) == (12, 0)
    assert len((await search(photond))[1]["items"]) == 12
    for name in ("doctor", "reindex"):
        code, _, err = await command(photond, name)
        assert (code, err.splitlines()[1]) == (5, "try: stop it first, or give this one another daemon.state_dir")
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


@pytest.mark.parametrize("lost", ["mutable_id_tracker.mappings", "segments"])
async def test_what_an_index_loses_silently_comes_back_at_the_next_start(
    photond: PhotondProcess, draw: Draw, lost: str
) -> None:
    await index_some(photond, draw)
    lose(photond, lost)
    await photond.start()
    assert len((await search(photond))[1]["items"]) == 12
    assert (await photond.get("/stats"))["counters"]["files_read"] == 0
    assert await photond.stop() == 0
    await assert_all_agrees(photond)


async def test_a_damaged_catalog_stops_the_start_and_names_what_puts_it_back(
    photond: PhotondProcess, draw: Draw
) -> None:
    await index_some(photond, draw)
    file = photond.state / "catalog.db"
    whole = file.read_bytes()
    for damaged in (b"this was a catalog" * 1000, whole[:4096] + b"\xff" * (len(whole) - 4096)):
        file.write_bytes(damaged)
        told = await refused(photond)
        assert told.startswith("photond: CATALOG_DAMAGED: ")
        assert "`photond restore`" in told
        assert len(told.splitlines()) == 1
        assert file.read_bytes() == damaged  # nothing was made of it
    file.write_bytes(whole)  # as a backup would put it back
    await photond.start()
    assert (await photond.until_indexed(12))["counters"]["files_read"] == 0
    assert await photond.stop() == 0
    await assert_all_agrees(photond)
