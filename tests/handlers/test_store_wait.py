"""A store that is away is waited for, and the jobs that wait tell so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers import store_wait
from handlers.store_wait import StoreWait
from store.errors import CatalogDamagedError, DiskSpaceError, StoreError, VectorStoreError

if TYPE_CHECKING:
    from tests.handlers.conftest import Shelf


class Store:
    """Raises what it was given, one fault a call, and then works; notes what was being waited for at each call."""

    def __init__(self, wait: StoreWait, *faults: StoreError) -> None:
        self.waited_for: list[str | None] = []
        self._wait = wait
        self._faults = list(faults)

    async def __call__(self) -> str:
        self.waited_for.append(self._wait.fault.code if self._wait.fault else None)
        if self._faults:
            raise self._faults.pop(0)
        return "stored"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_wait, "FIRST_BACKOFF", 0.001)


async def test_it_is_tried_until_it_works_and_the_job_tells(shelf: Shelf) -> None:
    wait, job = StoreWait(shelf.catalog.jobs), await shelf.job()
    store = Store(wait, DiskSpaceError("no room"), VectorStoreError("away"), DiskSpaceError("no room"))
    assert await wait.until_stored(store, {job}) == "stored"
    assert store.waited_for == [None, "DISK_SPACE", "QDRANT_CONNECTION", "DISK_SPACE"]
    assert wait.fault is None
    log = [(line.level, line.message) for line in await shelf.catalog.jobs.log_of(job)]
    assert log == [("warning", "waiting: DISK_SPACE: no room"), ("info", "going on after 0 s of DISK_SPACE")]


async def test_what_works_at_once_is_not_told(shelf: Shelf) -> None:
    wait, job = StoreWait(shelf.catalog.jobs), await shelf.job()
    assert await wait.until_stored(Store(wait), {job}) == "stored"
    assert await shelf.catalog.jobs.log_of(job) == []


async def test_a_disk_without_room_for_the_job_s_log_delays_the_telling(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, job = StoreWait(shelf.catalog.jobs), await shelf.job()
    write, refused = shelf.catalog.jobs.log, [DiskSpaceError("not even for this")]

    async def log(job_id: str, level: str, message: str) -> None:
        if refused:
            raise refused.pop()
        await write(job_id, level, message)

    monkeypatch.setattr(shelf.catalog.jobs, "log", log)
    await wait.until_stored(Store(wait, DiskSpaceError("no room"), DiskSpaceError("no room")), {job})
    assert [line.level for line in await shelf.catalog.jobs.log_of(job)] == ["warning", "info"]


async def test_what_no_waiting_cures_is_raised(shelf: Shelf) -> None:
    wait = StoreWait(shelf.catalog.jobs)
    store = Store(wait, VectorStoreError("away"), CatalogDamagedError("restore it"))
    with pytest.raises(CatalogDamagedError):
        await wait.until_stored(store)
