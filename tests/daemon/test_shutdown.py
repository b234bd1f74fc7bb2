from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from daemon import shutdown
from daemon.shutdown import Stage, Stages


async def nothing() -> None:
    await asyncio.sleep(0)


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise OSError("disk gone")


async def test_stages_run_in_their_order() -> None:
    order: list[str] = []

    def step(name: str) -> Stage:
        async def act() -> None:
            await nothing()
            order.append(name)

        return Stage(name, 5, act)

    assert await Stages([step("doors"), step("drain"), step("close")]).run()
    assert order == ["doors", "drain", "close"]


async def test_an_overrun_tells_what_runs_and_the_next_stage_comes() -> None:
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    straggler = asyncio.create_task(hang(), name="ingest.worker")
    try:
        with capture_logs() as logs:
            assert not await Stages([Stage("drain", 0.02, hang), Stage("close", 5, close)]).run()
    finally:
        straggler.cancel()
    assert closed.is_set()
    (line,) = logs
    assert (line["event"], line["stage"], line["deadline"]) == ("shutdown.overrun", "drain", 0.02)
    assert line["still_running"] == ["ingest.worker", "shutdown.drain"]


async def test_a_stage_that_resists_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown, "CANCEL_GRACE", 0.05)
    release = asyncio.Event()
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    stages = Stages([Stage("drain", 0.02, stubborn), Stage("close", 5, nothing)])
    began = time.monotonic()
    with capture_logs():
        assert not await stages.run()
    assert time.monotonic() - began < stages.total
    release.set()
    await ended.wait()


async def test_a_failed_stage_does_not_stop_the_others() -> None:
    with capture_logs() as logs:
        assert not await Stages([Stage("doors", 5, fail), Stage("close", 5, nothing)]).run()
    (line,) = logs
    assert (line["event"], line["stage"]) == ("shutdown.failed", "doors")
    assert isinstance(line["exc_info"], OSError)


def test_the_total_counts_what_cancelling_takes() -> None:
    stages = Stages([Stage("a", 3, nothing), Stage("b", 4, nothing)])
    assert stages.total == 7 + 2 * shutdown.CANCEL_GRACE
