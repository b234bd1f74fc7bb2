"""The queue of a real daemon: an ETA that comes true, and a pause and a cancellation that a user can rely on."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Draw = Callable[[Path, int], None]


async def scan_job(photond: PhotondProcess) -> dict[str, Any]:
    """The job of the scan at the start, once it has looked through the folder."""
    async with asyncio.timeout(30):
        while True:
            for job in (await photond.get("/ingest/jobs"))["items"]:
                if job["kind"] == "scan" and job["total"]:
                    return dict(job)
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_the_eta_of_a_steady_job_comes_true(
    photond: PhotondProcess, record_property: Callable[[str, object], None]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 24, 32, 3), np.uint8)
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(photond.photos / f"{number:04}.png")
    await photond.start()
    job = await scan_job(photond)
    told: list[tuple[float, float]] = []
    while job["state"] == "running":
        if job["eta_seconds"] is not None:
            told.append((time.monotonic(), job["eta_seconds"]))
        await asyncio.sleep(0.1)
        job = await photond.get(f"/ingest/status/{job['job_id']}")
    end, begun = time.monotonic(), told[0][0]
    errors = [
        abs(eta - (end - at)) / (end - at)
        for at, eta in told
        if (end - begun) / 2 <= at - begun and end - at > 1.0  # below a second, a commit's lump is all there is
    ]
    record_property("seconds", round(end - begun, 1))
    record_property("median error", round(statistics.median(errors), 3))
    assert statistics.median(errors) <= 0.2


async def test_a_pause_holds_across_a_restart_while_changes_are_noticed(photond: PhotondProcess, draw: Draw) -> None:
    draw(photond.photos / "before.png", 1)
    await photond.start()
    await photond.until_indexed(1)
    assert await photond.post("/ingest/pause", {}) == {"paused": True}
    draw(photond.photos / "meanwhile.png", 2)

    async def noticed() -> bool:
        return bool((await photond.get("/stats"))["queue"]["ready"] == 1)

    await photond.until(noticed, "noticed the new file")
    assert await photond.stop(signal.SIGKILL) == -signal.SIGKILL
    await photond.start()
    stats = await photond.get("/stats")
    assert (stats["paused"], stats["files"]) == (True, 1)
    await photond.until(noticed, "queued again")
    assert await photond.post("/ingest/resume", {}) == {"paused": False}
    await photond.until_indexed(2)
    assert await photond.stop() == 0


async def test_a_cancelled_scan_stops_soon_and_the_next_one_does_the_rest(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(300):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()
    job = await scan_job(photond)
    await photond.request("DELETE", f"/ingest/jobs/{job['job_id']}")

    async def ended() -> bool:
        return not sum((await photond.get("/stats"))["queue"].values())

    await photond.until(ended, "ended")
    job = await photond.get(f"/ingest/status/{job['job_id']}")
    assert job["state"] == "cancelled"
    assert job["done"] == job["total"] < 300
    started = await photond.post("/ingest", {"path": str(photond.photos)})
    await photond.until_indexed(300)
    assert (await photond.get(f"/ingest/status/{started['job_id']}"))["state"] == "done"
