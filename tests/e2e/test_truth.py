"""Death, sleep and jumping clocks: whatever happens to the daemon's process, the index is what the disk is."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from store.catalog import Catalog
from store.records import FileRecord, FileState
from tests.truth.disorder import Disorder
from tests.truth.stir import stirred
from tests.truth.whole import compare_files

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 200
ALIVE = (0.2, 2.5)  # seconds from a start to its kill: from before it listens to well into the work
SLEEP = 10.0  # seconds that the process is stopped
HOUR = 3600.0
STOP = 45.0  # seconds from SIGTERM to the end: half of the unit's TimeoutStopSec

# Runs `python -I -m daemon …` under a wall clock that is ahead of the real one by as many seconds as a file says.
# libfaketime (0.9.10) can't be used: with the monotonic clock left alone, as it must be, it makes time.sleep() fail.
FAKE_CLOCK = """
import runpy, sys, time
clock, _python, _isolated, _module, module = sys.argv[1:6]
sys.argv[:6] = [module]
real, real_ns = time.time, time.time_ns
def offset():
    with open(clock) as file:
        return float(file.read() or 0)
time.time = lambda: real() + offset()
time.time_ns = lambda: real_ns() + int(offset() * 1e9)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.fixture
async def disorder(photond: PhotondProcess) -> AsyncIterator[Disorder]:
    """A folder in each of two watch roots, which are never empty so, and one that is not watched."""
    second = photond.home / "second"
    photond.toml += f'\n[[watch]]\npath = "{second}"\ncollection = "second"\n'
    disorder = Disorder([photond.photos / "in", second / "in"], photond.home / "outside", look=lambda: None)
    photond.write_config()
    yield disorder
    (photond.home / "disorder.log").write_text("\n".join(disorder.log))  # for whoever looks why it failed


async def settled(photond: PhotondProcess, disorder: Disorder) -> dict[str, Any]:
    """Wait until the running daemon counts what lies on the disk; the statistics then."""
    there = [one for root in disorder.inside for one in disorder.expected(root).values()]
    whole = sum(one.whole for one in there)
    stats = await photond.until_indexed(whole, failed=len(there) - whole, deadline=120)
    assert stats["images"] == stats["vectors"] == len({one.sha256 for one in there if one.whole})
    return stats


async def ends_in_agreement(photond: PhotondProcess, disorder: Disorder) -> None:
    """End the daemon in order; then its stores agree, with each other and with the disk, file by file."""
    assert await photond.stop() == 0
    catalog = Catalog(photond.state)
    await catalog.open()
    rows: dict[str, FileRecord] = {}
    for root in await catalog.roots.all():
        async for chunk in catalog.files.under(root.id):
            rows |= {row.path: row for row in chunk if row.state is not FileState.MISSING}
    await catalog.close()
    compare_files({path: one for root in disorder.inside for path, one in disorder.expected(root).items()}, rows)
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "daemon", "--config", str(photond.config), "doctor", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await doctor.communicate()
    assert json.loads(output) == {"clean": True, "queued": 0, "findings": []}


def leased(state: Path) -> int:
    """How many tasks a killed daemon was at."""
    catalog = sqlite3.connect(state / "catalog.db")
    try:
        [tables] = catalog.execute("SELECT count(*) FROM sqlite_master WHERE name = 'task'").fetchone()
        if not tables:  # killed before it made them
            return 0
        return int(catalog.execute("SELECT count(*) FROM task WHERE lease_until IS NOT NULL").fetchone()[0])
    finally:
        catalog.close()


async def test_200_kills_lose_and_double_nothing(photond: PhotondProcess, disorder: Disorder) -> None:
    chance = random.Random(200)
    at_work = 0
    children: list[psutil.Process] = []
    with stirred(disorder, chance, longest_pause=0.03, hard_links=True):
        for kill in range(KILLS):
            photond.process = process = await photond.spawn()
            await asyncio.sleep(chance.uniform(*ALIVE))
            assert process.returncode is None, photond.log()[-4000:]
            children += psutil.Process(process.pid).children(recursive=True)
            assert await photond.stop(signal.SIGKILL) == -signal.SIGKILL
            if kill % 10 == 9:  # seldom, because looking at a catalog brings it in order
                at_work += leased(photond.state) > 0
    assert at_work, "no kill met a daemon at work"

    await photond.start()
    await settled(photond, disorder)
    assert not [child for child in children if child.is_running()], "children outlived their daemon"
    await ends_in_agreement(photond, disorder)


async def test_the_end_under_load_is_in_order_and_leaves_nothing(photond: PhotondProcess, disorder: Disorder) -> None:
    chance = random.Random(15)
    with stirred(disorder, chance, longest_pause=0.02):
        for _ in range(5):
            await photond.start()
            await asyncio.sleep(chance.uniform(0.2, 2))
            started = time.monotonic()
            assert await photond.stop() == 0
            assert time.monotonic() - started < STOP
            assert leased(photond.state) == 0
            assert not list(photond.state.rglob("*.tmp"))

    await photond.start()
    await settled(photond, disorder)
    await ends_in_agreement(photond, disorder)


async def test_a_process_that_is_stopped_for_a_while_misses_and_blames_nothing(
    photond: PhotondProcess, disorder: Disorder
) -> None:
    chance = random.Random(10)
    await photond.start()
    assert photond.process is not None
    with stirred(disorder, chance, longest_pause=0.02):
        for pause in (1.0, SLEEP):
            await asyncio.sleep(2)
            photond.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(pause)
            photond.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(2)

    stats = await settled(photond, disorder)
    assert stats["counters"]["decoded"] <= len(disorder.seen)
    assert stats["queue"]["delayed"] == 0
    await ends_in_agreement(photond, disorder)


async def test_a_wall_clock_that_jumps_an_hour_delays_and_doubles_nothing(
    photond: PhotondProcess, disorder: Disorder
) -> None:
    """The files' times jump with it, as they do where the kernel's clock is set. Monotonic time goes on."""
    chance = random.Random(3600)
    clock = photond.home / "clock"
    clock.write_text("0")
    photond.wrapper = (sys.executable, "-I", "-c", FAKE_CLOCK, str(clock))
    await photond.start()
    stats: dict[str, Any] = {}
    for offset in (HOUR, 0.0, -HOUR, 0.0):
        with stirred(disorder, chance, longest_pause=0.02):
            await asyncio.sleep(2)
            clock.write_text(str(offset))
            disorder.clock_offset = offset
            await asyncio.sleep(2)
        started = time.monotonic()
        stats = await settled(photond, disorder)
        assert time.monotonic() - started < 15
        assert stats["counters"]["decoded"] <= len(disorder.seen)
    await ends_in_agreement(photond, disorder)
