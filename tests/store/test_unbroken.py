from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from store.catalog import Catalog
from store.records import JobKind
from store.unbroken import to_the_end


async def test_the_result_and_the_error_come_through() -> None:
    async def give(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError("negative")
        return value

    assert await to_the_end(give(3)) == 3
    with pytest.raises(ValueError, match="negative"):
        await to_the_end(give(-1))


@pytest.mark.parametrize("fault", [None, ValueError("lost"), asyncio.CancelledError()])
async def test_a_cancellation_waits_for_the_end_and_is_then_raised(fault: BaseException | None) -> None:
    release, ended = asyncio.Event(), False

    async def act() -> None:
        nonlocal ended
        await release.wait()
        ended = True
        if fault is not None:
            raise fault

    caller = asyncio.create_task(to_the_end(act()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    release.set()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert ended


async def test_cancelled_writes_leave_the_catalog_writable(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    await catalog.open()
    rng = random.Random(3)
    for _ in range(100):
        write = asyncio.create_task(catalog.jobs.create(JobKind.SCAN))
        read = asyncio.create_task(catalog.jobs.running())
        await asyncio.sleep(rng.uniform(0, 0.006))
        write.cancel()
        read.cancel()
        await asyncio.wait([write, read])
        async with asyncio.timeout(5):
            await catalog.jobs.create(JobKind.SCAN)
    assert len(await catalog.jobs.running()) >= 100
    await catalog.close()
