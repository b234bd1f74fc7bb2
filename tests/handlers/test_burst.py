from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from handlers.burst import Burst
from store.errors import CatalogUnavailableError
from store.records import JobKind, JobState

if TYPE_CHECKING:
    from tests.handlers.conftest import Shelf


async def test_job_is_open_until_the_last_worker_is_through_and_nothing_is_dirty(shelf: Shelf) -> None:
    dirty = True
    burst = Burst(shelf.catalog, shelf.progress, lambda: dirty)
    async with burst.work() as first, burst.work() as second:
        assert first == second
    job = await shelf.catalog.jobs.get(first)
    assert job is not None
    assert (job.kind, job.state) == (JobKind.EVENTS, JobState.RUNNING)
    dirty = False
    async with burst.work() as third:
        assert third == first
    job = await shelf.catalog.jobs.get(first)
    assert job is not None
    assert job.state is JobState.DONE
    async with burst.work() as fourth:
        assert fourth != first


async def test_what_follows_a_cancellation_has_a_job_of_its_own(shelf: Shelf) -> None:
    burst = Burst(shelf.catalog, shelf.progress, lambda: True)
    async with burst.work() as first:
        pass
    await shelf.catalog.jobs.cancel(first)
    async with burst.work() as second:
        assert second != first
    async with burst.work() as third:
        assert third == second


async def test_workers_that_begin_together_share_one_job(shelf: Shelf) -> None:
    burst = Burst(shelf.catalog, shelf.progress, lambda: False)

    async def work() -> str:
        async with burst.work() as job_id:
            await asyncio.sleep(0.01)
        return job_id

    assert len(set(await asyncio.gather(*(work() for _ in range(5))))) == 1
    assert len((await shelf.catalog.jobs.recent(10)).items) == 1


async def test_cancellation_is_not_hidden_by_a_catalog_that_is_away(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    burst = Burst(shelf.catalog, shelf.progress, lambda: False)

    async def refusing(job_id: str) -> None:
        raise CatalogUnavailableError("locked")

    async def work() -> None:
        async with burst.work():
            await asyncio.Event().wait()

    monkeypatch.setattr(shelf.catalog.jobs, "close_job", refusing)
    task = asyncio.create_task(work())
    while not (await shelf.catalog.jobs.recent(1)).items:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
