from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from structlog.testing import capture_logs

from daemon.cli.exit_codes import ExitCode
from daemon.supervise import supervise
from store.errors import CatalogDamagedError, StoreError
from store.vectors.errors import VectorsDamagedError


async def forever() -> None:
    await asyncio.Event().wait()


async def returns() -> None:
    await asyncio.sleep(0)


async def raises() -> None:
    await asyncio.sleep(0)
    raise RuntimeError("broken")


async def leaks_a_cancellation() -> None:
    inner = asyncio.create_task(forever())
    await asyncio.sleep(0)
    inner.cancel()
    await inner


@pytest.mark.parametrize(
    ("task", "event"),
    [(returns, "task.ended"), (raises, "task.failed"), (leaks_a_cancellation, "task.cancelled_itself")],
)
async def test_no_task_ends_unnoticed(task: Callable[[], Coroutine[object, object, None]], event: str) -> None:
    stop = asyncio.Event()
    with capture_logs() as logs:
        code = await asyncio.wait_for(supervise({"ingest": task, "other": forever}, stop), timeout=5)
    assert code is ExitCode.FAULT
    assert stop.is_set()
    assert [(line["event"], line["task"], line["log_level"]) for line in logs] == [(event, "ingest", "error")]


@pytest.mark.parametrize("damage", [CatalogDamagedError("restore it"), VectorsDamagedError("reindex it")])
async def test_a_damaged_store_is_told_by_its_code_and_not_as_a_failure_of_ours(damage: StoreError) -> None:
    async def meets_it() -> None:
        raise ExceptionGroup("of a task group", [RuntimeError("as well"), damage])

    with capture_logs() as logs:
        code = await asyncio.wait_for(supervise({"commit": meets_it, "other": forever}, asyncio.Event()), timeout=5)
    assert code is ExitCode.DAMAGED
    (line,) = logs
    assert (line["event"], line["code"], line["reason"]) == ("task.failed", damage.code, str(damage))
    assert "exc_info" not in line


async def test_stopping_cancels_and_is_no_fault() -> None:
    stop = asyncio.Event()
    cleaned: list[str] = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            cleaned.append("tidy")

    async def ends_on_stop() -> None:
        await stop.wait()

    running = asyncio.create_task(supervise({"tidy": tidy, "polite": ends_on_stop}, stop))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert {"tidy", "polite"} <= names
    stop.set()
    with capture_logs() as logs:
        assert await running is ExitCode.OK
    assert cleaned == ["tidy"]
    assert logs == []


async def test_a_fault_while_being_cancelled_is_told() -> None:
    stop = asyncio.Event()

    async def clumsy() -> None:
        try:
            await forever()
        finally:
            raise OSError("cannot flush")

    running = asyncio.create_task(supervise({"clumsy": clumsy}, stop))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stop.set()
    with capture_logs() as logs:
        assert await running is ExitCode.FAULT
    assert [line["task"] for line in logs] == ["clumsy"]


async def test_cancelling_the_supervisor_cancels_the_tasks() -> None:
    ended = asyncio.Event()

    async def watched() -> None:
        try:
            await forever()
        finally:
            ended.set()

    running = asyncio.create_task(supervise({"watched": watched}, asyncio.Event()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    assert logs == []
