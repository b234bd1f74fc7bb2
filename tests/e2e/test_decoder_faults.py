"""Decoders that die, hang or eat memory while the real daemon is at full load: each costs its own file, if that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

Draw = Callable[[Path, int], None]
FAULTS = {
    "abort": "DECODER_CRASHED",
    "exit": "DECODER_CRASHED",
    "hang": "DECODE_TIMEOUT",
    "memory": "TOO_LARGE",
    "bad-alloc": "TOO_LARGE",
}


def workers(photond: PhotondProcess) -> list[psutil.Process]:
    assert photond.process is not None
    children = psutil.Process(photond.process.pid).children()
    return [child for child in children if "ml.decode.worker" in child.cmdline()]


async def test_every_kind_of_decoder_fault_costs_its_own_file(photond: PhotondProcess, draw: Draw) -> None:
    photond.environ |= {
        "PHOTOND_TEST_DECODE_FAULTS": "1",
        "PHOTOND__ML__DECODE_TIMEOUT": "3",
        "PHOTOND__ML__DECODE_MEMORY": "256MiB",
        "PHOTOND__ML__DECODE_WORKERS": "3",
    }
    kinds = [kind for _ in range(3) for kind in (*FAULTS, *["fine"] * 20)]
    for number, kind in enumerate(kinds):
        draw(photond.photos / f"{number:03}.{kind}.png", number)
    await photond.start()
    assert photond.process is not None
    await photond.until_indexed(60, failed=15, deadline=120)

    failures = (await photond.get("/ingest/failures"))["items"]
    assert {Path(one["path"]).name: one["code"] for one in failures} == {
        f"{number:03}.{kind}.png": FAULTS[kind] for number, kind in enumerate(kinds) if kind in FAULTS
    }
    assert photond.process.returncode is None

    async def whole() -> bool:
        return len(workers(photond)) == 3

    await photond.until(whole, "whole again")
    draw(photond.photos / "after.png", 1000)
    await photond.until_indexed(61, failed=15)


async def test_decoders_killed_from_outside_cost_no_file(photond: PhotondProcess, draw: Draw) -> None:
    for number in range(300):
        draw(photond.photos / f"{number:03}.png", number)
    await photond.start()
    killed = 0

    async def killed_at_work() -> bool:
        nonlocal killed
        files = (await photond.get("/stats"))["files"]
        if files >= 30 * (killed + 1):
            for worker in workers(photond)[:1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()
                    killed += 1
        return bool(killed >= 5 or files == 300)

    await photond.until(killed_at_work, "killed at work")
    assert killed >= 3
    stats = await photond.until_indexed(300)
    assert stats["images"] == 300
