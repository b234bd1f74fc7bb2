"""The pool of decoding processes: one photo a process at a time; a bad one costs a process, not the pool."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from typing import Literal

from ml.decode import wire
from ml.decode.process import WorkerProcess
from ml.decode.types import DecodedPhoto, ReadResult
from ml.errors import MlServiceDownError

MAX_AUTO_WORKERS = 8
"""Beyond this, disks and the model are the limit, and every process costs 50 MB and the photo in it."""
PHOTOS_PER_WORKER = 2_000
"""Photos after which a worker is exchanged: native decoders fragment and leak."""

logger = logging.getLogger(__name__)


def worker_count(setting: Literal["auto"] | int) -> int:
    """How many processes `ml.decode_workers` means on this machine."""
    if setting == "auto":
        return min(MAX_AUTO_WORKERS, len(os.sched_getaffinity(0)))
    return max(1, setting)


class DecodePool:
    """An `ml.service.Decoder` over `workers` processes.

    Each process is taken by one caller at a time. One that dies, hangs past `ml.decode_timeout`, or is left
    in the middle of a request by a cancelled caller, is replaced at once. A replacement that cannot start is
    logged and tried again when a caller next needs it: that caller gets the reason as MlServiceDownError.
    """

    def __init__(self, workers: int, options: wire.DecodeOptions) -> None:
        self._size = workers
        self._options = options
        self._workers: set[WorkerProcess] = set()
        self._free: asyncio.Queue[WorkerProcess | None] = asyncio.Queue()  # None: a place without a process
        self._replacements: set[asyncio.Task[None]] = set()
        self._restarts = 0
        self._closed = False

    @property
    def alive(self) -> int:
        """Processes that can take a photo or have one."""
        return sum(worker.alive for worker in self._workers)

    @property
    def restarts(self) -> int:
        """Processes that had to be replaced since the start; planned exchanges do not count."""
        return self._restarts

    async def start(self) -> None:
        """Start all processes. Raises MlServiceDownError, leaving none behind, when one cannot start."""
        starts = [asyncio.create_task(self._start_worker(), name="decode-start") for _ in range(self._size)]
        try:
            for worker in await asyncio.gather(*starts):
                self._free.put_nowait(worker)
        except BaseException:
            for task in starts:
                task.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.close()
            raise

    async def close(self) -> None:
        """End all processes. Callers at a photo, or waiting for a process, get MlServiceDownError."""
        self._closed = True
        for task in self._replacements:
            task.cancel()
        await asyncio.gather(*self._replacements, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self._workers))
        self._workers.clear()
        self._free.put_nowait(None)  # wakes one waiter, who wakes the next

    @contextlib.asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[OpenPhoto]:
        """See `ml.service.Decoder.open`. Also raises MlServiceDownError when no process can be had."""
        worker = await self._take()
        try:
            yield OpenPhoto(worker, await worker.read(path))
        finally:
            self._give_back(worker, path)

    async def _take(self) -> WorkerProcess:
        worker = await self._free.get()
        if self._closed:
            self._free.put_nowait(None)  # for the next waiter
            raise MlServiceDownError("the decode pool is closed")
        if worker is not None and worker.alive:
            return worker
        try:
            if worker is not None:  # it died while idle: no photo is to blame
                self._restarts += 1
                await self._bury(worker)
            return await self._start_worker()
        except BaseException:
            self._free.put_nowait(None)
            raise

    def _give_back(self, worker: WorkerProcess, path: str) -> None:
        if self._closed:
            return
        if worker.alive and worker.photos < PHOTOS_PER_WORKER:
            worker.release()
            self._free.put_nowait(worker)
            return
        if not worker.alive:
            logger.warning("decode worker %d lost with %s\n%s", worker.pid, path, worker.last_words)
            self._restarts += 1
        task = asyncio.create_task(self._replace(worker), name="decode-replace")
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)

    async def _replace(self, worker: WorkerProcess) -> None:
        successor: WorkerProcess | None = None
        try:
            await self._bury(worker)
            successor = await self._start_worker()
        except MlServiceDownError as error:
            logger.error("a decode worker could not be replaced: %s", error)  # noqa: TRY400  no fault of this code
        finally:
            self._free.put_nowait(successor)

    async def _start_worker(self) -> WorkerProcess:
        worker = await WorkerProcess.start(self._options)
        if self._closed:
            await worker.close()
            raise MlServiceDownError("the decode pool was closed")
        self._workers.add(worker)
        return worker

    async def _bury(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        await worker.close()


class OpenPhoto:
    """An `ml.service.OpenPhoto`: a file that one worker holds in memory."""

    def __init__(self, worker: WorkerProcess, read: ReadResult) -> None:
        self._worker = worker
        self._read = read

    @property
    def read(self) -> ReadResult:
        """Hash and identity of what was read."""
        return self._read

    async def decode(self) -> DecodedPhoto:
        """See `ml.service.OpenPhoto.decode`."""
        return await self._worker.decode()
