"""Bad files, bad starts and sudden deaths: each costs what it must, and nothing else."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Draw = Callable[[Path, int], None]


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG of any size: what a decompression bomb shows before it is decoded."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


async def test_five_bad_files_cost_five_failures_and_nothing_else(photond: PhotondProcess, draw: Draw) -> None:
    photond.environ["PHOTOND_TEST_DECODE_FAULTS"] = "1"
    for number in range(20):
        draw(photond.photos / f"good-{number}.png", number)
    Image.effect_noise((640, 480), 90).save(photond.photos / "truncated.jpg")
    whole = (photond.photos / "truncated.jpg").read_bytes()
    (photond.photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (photond.photos / "empty.png").touch()
    (photond.photos / "text.jpg").write_text("dear diary, this is no photograph\n" * 50)
    (photond.photos / "bomb.png").write_bytes(png_header(50_000, 50_000))
    draw(photond.photos / "crash.abort.png", 99)

    await photond.start()
    assert photond.process is not None
    pid = photond.process.pid
    await photond.until_indexed(20, failed=5)

    failures = {Path(one["path"]).name: one for one in (await photond.get("/ingest/failures"))["items"]}
    assert {name: one["code"] for name, one in failures.items()} == {
        "truncated.jpg": "DECODE_FAILED",
        "empty.png": "FILE_EMPTY",
        "text.jpg": "UNSUPPORTED_MEDIA",
        "bomb.png": "TOO_LARGE",
        "crash.abort.png": "DECODER_CRASHED",
    }
    assert all(one["message"] and one["attempts"] >= 1 and one["at"] for one in failures.values())
    assert photond.process.pid == pid
    assert photond.process.returncode is None


async def test_a_mended_file_leaves_quarantine_and_a_retry_tries_again(photond: PhotondProcess, draw: Draw) -> None:
    (photond.photos / "empty.png").touch()
    draw(photond.photos / "good.png", 1)
    await photond.start()
    await photond.until_indexed(1, failed=1)

    job = await photond.post("/ingest/failures/retry", {})

    async def retried() -> bool:
        return bool((await photond.get(f"/ingest/status/{job['job_id']}"))["state"] == "done")

    await photond.until(retried, "retried")
    [failure] = (await photond.get("/ingest/failures"))["items"]
    assert failure["attempts"] == 2

    draw(photond.photos / "empty.png", 2)
    await photond.until_indexed(2, failed=0)


async def test_sigkill_in_the_middle_of_300_files_loses_and_doubles_nothing(
    photond: PhotondProcess, draw: Draw
) -> None:
    for number in range(300):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()

    async def in_the_middle() -> bool:
        return bool((await photond.get("/stats"))["files"] >= 40)

    await photond.until(in_the_middle, "in the middle")
    assert await photond.stop(signal.SIGKILL) == -signal.SIGKILL
    with sqlite3.connect(photond.state / "catalog.db") as catalog:
        [done] = catalog.execute("SELECT count(*) FROM file").fetchone()
        [leased] = catalog.execute("SELECT count(*) FROM task WHERE lease_until IS NOT NULL").fetchone()
    catalog.close()
    assert 0 < done < 300
    assert leased > 0

    await photond.start()
    stats = await photond.until_indexed(300)

    assert stats["images"] == 300
    assert stats["vectors"] == 300
    assert stats["counters"]["decoded"] <= 300 - done
    assert await photond.stop() == 0
    with sqlite3.connect(photond.state / "catalog.db") as catalog:
        [tasks] = catalog.execute("SELECT count(*) FROM task").fetchone()
        hashes = {row[0] for row in catalog.execute("SELECT sha256 FROM image")}
    catalog.close()
    assert tasks == 0
    thumbnails = {path.stem for path in (photond.state / "thumbnails").rglob("*") if path.is_file()}
    assert thumbnails == hashes


async def test_sigterm_under_load_exits_cleanly_with_no_lease_left(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(200):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()

    async def under_load() -> bool:
        return bool((await photond.get("/stats"))["files"] >= 10)

    await photond.until(under_load, "under load")
    assert await photond.stop() == 0
    with sqlite3.connect(photond.state / "catalog.db") as catalog:
        [leased] = catalog.execute("SELECT count(*) FROM task WHERE lease_until IS NOT NULL").fetchone()
    catalog.close()
    assert leased == 0
    assert not (photond.state / "photond.endpoint").exists()


async def test_a_second_daemon_on_the_same_state_is_refused(photond: PhotondProcess) -> None:
    await photond.start()
    assert photond.process is not None
    second = await photond.spawn()
    async with asyncio.timeout(60):
        code = await second.wait()
    assert code == 5
    assert f"process {photond.process.pid} already runs" in photond.log()


async def test_a_bad_configuration_stops_the_start_with_one_readable_message(photond: PhotondProcess) -> None:
    photond.config.write_text('[[watch]]\npath = "/photos"\n\n[handlers]\nsetle = "2s"\n')
    process = await photond.spawn()
    async with asyncio.timeout(60):
        code = await process.wait()
    assert code == 3
    log = photond.log()
    assert "CONFIG_INVALID" in log
    assert f"{photond.config}:5" in log
    assert "setle" in log
    assert "settle" in log
    assert "Traceback" not in log
