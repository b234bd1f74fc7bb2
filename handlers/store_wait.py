"""Waiting for a store that is away or full: what is to be stored is kept, and tried again until it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import structlog

from store.errors import StoreError
from store.jobs import JobStore

FIRST_BACKOFF = 0.5  # seconds between tries; doubled up to the last
LAST_BACKOFF = 30.0

log = structlog.get_logger()

_T = TypeVar("_T")


class StoreWait:
    """Tries things again. `fault` is what is waited for at the moment, for whoever tells how the daemon is."""

    def __init__(self, jobs: JobStore) -> None:
        self.fault: StoreError | None = None
        self._jobs = jobs

    async def until_stored(self, store: Callable[[], Awaitable[_T]], jobs: Collection[str] = ()) -> _T:
        """The result of `store`, called again and again until it works; the jobs' logs tell of the wait.

        Raises the errors that no waiting cures.
        """
        since, backoff, told = time.monotonic(), FIRST_BACKOFF, False
        fault: StoreError | None = None
        while True:
            try:
                result = await store()
            except StoreError as error:
                if not error.retryable:
                    raise
                if fault is None:
                    log.warning("store_waits", code=error.code, reason=str(error))
                self.fault = fault = error
                told = told or await self._tell(jobs, "warning", f"waiting: {error.code}: {error}")
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF)
            else:
                if fault is not None:
                    self.fault = None
                    log.info("store_resumes", after=fault.code)
                    waited = time.monotonic() - since
                    await self._tell(jobs, "info", f"going on after {waited:.0f} s of {fault.code}")
                return result

    async def _tell(self, jobs: Collection[str], level: str, message: str) -> bool:
        """Write to the jobs' logs; on a full disk there may be no room even for that."""
        try:
            for job_id in jobs:
                await self._jobs.log(job_id, level, message)
        except StoreError:
            return False
        return True
