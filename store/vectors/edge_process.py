"""The child process that owns a Qdrant Edge shard: started, asked, and started again when it dies.

One request is under way at a time. The one under way when the child dies fails with VectorStoreError; the
next starts a new child, once the old one is certainly gone.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from store.errors import DiskSpaceError, StoreError, VectorStoreError
from store.vectors import edge_child
from store.vectors.errors import VectorsDamagedError, VectorsMismatchError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

READ_DEADLINE = 10.0  # seconds for one question: the slowest, a scan of a million points, takes 0.14
WRITE_DEADLINE = 30.0  # seconds for one write: a flush waits for the disk, and a busy one may stall it
START_DEADLINE = 300.0  # seconds to open a shard: a long write-ahead log is replayed here
CLOSE_DEADLINE = 10.0  # seconds for the last request and the last flush
SLICE = 1.0  # seconds between looks at a deadline: see `_within`
WRITES = frozenset({"upsert", "delete", "flush"})
SPACE_RESERVE = 128 * 1024**2  # bytes that must be free before a write: see `require_space`


class Backoff:
    """When a process that keeps dying may be started again: the first time at once, then later and later."""

    FIRST = 0.5  # seconds after the second death in a row; doubled with each further one
    CEILING = 30.0
    HEALTHY = 60.0  # seconds between deaths after which they no longer count as in a row

    def __init__(self) -> None:
        self.deaths = 0
        self._last = 0.0

    def died(self, now: float) -> None:
        """Note a death."""
        self.deaths = 1 if now - self._last > self.HEALTHY else self.deaths + 1
        self._last = now

    def remaining(self, now: float) -> float:
        """Seconds from now until the next start; 0 when it may be at once."""
        if self.deaths < 2:
            return 0.0
        delay = min(self.FIRST * 2.0 ** (self.deaths - 2), self.CEILING)
        return max(0.0, self._last + delay - now)


class EdgeProcess:
    """The supervised child for one shard. `open` first; after `close` nothing is started any more."""

    def __init__(self, directory: Path, dimensions: int, integer_fields: tuple[str, ...]) -> None:
        self.restarts = 0  # starts after a death
        self._directory = directory
        self._arguments = (str(directory), str(dimensions), *integer_fields)
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._backoff = Backoff()
        self._opened = False

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def open(self) -> None:
        """Start the child and wait until it has the shard."""
        self._opened = True
        await self.call("count")

    async def call(self, operation: str, **arguments: object) -> Any:
        """The child's answer. Raises a StoreError for a fault of the engine or the loss of the child.

        A caller that is cancelled leaves at once; the exchange itself goes on to its end, so that the next
        request never reads this one's answer.
        """
        await self._turn.acquire()
        exchange = asyncio.create_task(self._exchange(operation, arguments), name=f"vector-index-{operation}")
        exchange.add_done_callback(self._exchanged)
        return await asyncio.shield(exchange)

    async def close(self) -> None:
        """End the child by the end of its stdin, which lets it flush; kill it when that takes too long."""
        self._opened = False
        try:
            async with asyncio.timeout(CLOSE_DEADLINE), self._turn:
                if self._process is not None:
                    _stdin(self._process).close()
                    await self._process.wait()
        except TimeoutError:
            if self._process is not None:
                _kill(self._process)
                await self._process.wait()
        self._process = None

    def require_space(self) -> None:
        """Raise DiskSpaceError when the disk is nearly full.

        Edge writes through memory maps of sparse files: on a full disk it is not refused, it dies of SIGBUS.
        """
        if not self._opened:
            raise VectorStoreError("the vector index is not open")
        free = shutil.disk_usage(self._directory).free
        if free < SPACE_RESERVE:
            raise DiskSpaceError(
                f"only {free // 1024**2} MiB are free for the vector index in {self._directory}; "
                f"{SPACE_RESERVE // 1024**2} MiB are needed to write to it"
            )

    def _exchanged(self, exchange: asyncio.Task[Any]) -> None:
        self._turn.release()
        if not exchange.cancelled():
            exchange.exception()  # seen, even when the caller has left

    async def _exchange(self, operation: str, arguments: dict[str, object]) -> Any:
        if not self._opened:
            raise VectorStoreError("the vector index is not open")
        if self._process is not None and self._process.returncode is not None:
            _log.warning("%s", await self._lost(self._process, "rest"))  # nobody has asked it anything: none need fail
        process = self._process or await self._start()
        deadline = WRITE_DEADLINE if operation in WRITES else READ_DEADLINE
        exchange = _converse(process, (operation, arguments))
        return self._value_of(await self._guarded(exchange, process, deadline, repr(operation)))

    async def _start(self) -> Process:
        if wait := self._backoff.remaining(asyncio.get_running_loop().time()):
            deaths = self._backoff.deaths
            raise VectorStoreError(
                f"the vector engine died {deaths} times in a row; it is started again in {wait:.1f} s"
            )
        if self._backoff.deaths:
            self.restarts += 1
            _log.warning("the vector engine is started again; restarts so far: %d", self.restarts)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", edge_child.__file__, *self._arguments,
            stdin=PIPE, stdout=PIPE, start_new_session=True,
        )  # fmt: skip
        self._process = process
        answer = await self._guarded(_receive(process), process, START_DEADLINE, "opening the shard")
        if answer[0] != "ok":
            _stdin(process).close()
            await process.wait()
            self._process = None
        self._value_of(answer)
        return process

    async def _guarded(self, step: Coroutine[Any, Any, _T], process: Process, deadline: float, doing: str) -> _T:
        """One step of a conversation. However it fails, the child is gone afterwards: no pipe is left half read."""
        try:
            return await _within(step, deadline)
        except TimeoutError as error:
            _kill(process)
            await self._lost(process, doing)
            raise VectorStoreError(
                f"the vector engine gave no answer to {doing} within {deadline:g} s and was ended; "
                "the next call starts it again"
            ) from error
        except (OSError, EOFError) as error:
            raise await self._lost(process, doing) from error
        except asyncio.CancelledError:  # not by a caller, see `call`: the loop itself is being shut down
            _kill(process)
            self._process = None
            raise

    async def _lost(self, process: Process, doing: str) -> StoreError:
        code = await _ended(process)
        self._process = None
        self._backoff.died(asyncio.get_running_loop().time())
        if code == -signal.SIGBUS and shutil.disk_usage(self._directory).free < SPACE_RESERVE:
            return DiskSpaceError(f"the disk filled up under the vector index in {self._directory}")
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        return VectorStoreError(f"the vector engine ended ({how}) at {doing}; the next call starts it again")

    def _value_of(self, answer: tuple[str, Any]) -> Any:
        outcome, value = answer
        match outcome:
            case "ok":
                return value
            case "damaged":
                raise VectorsDamagedError(
                    f"the vector index in {self._directory} is damaged ({value}); "
                    "`photond reindex` builds it again from the catalog, without the model"
                )
            case "mismatch":
                raise VectorsMismatchError(
                    f"the vector index in {self._directory} holds other vectors than this model's ({value}); "
                    "`photond reindex` builds it again from the catalog"
                )
            case "full":
                raise DiskSpaceError(f"no space left for the vector index in {self._directory}")
            case "locked":
                raise VectorStoreError(f"the vector index in {self._directory} is in use by another process")
            case _:
                raise VectorStoreError(f"the vector engine failed: {value}")


async def _within(step: Coroutine[Any, Any, _T], deadline: float) -> _T:
    """The result of a step, or TimeoutError after so many seconds in which this process itself was running.

    A daemon that was stopped for a while (SIGSTOP, a laptop's lid) finds every timer due on waking, before it has
    read the answer that came in the meantime. So the time is counted in slices, and such a pause costs one of them.
    """
    task = asyncio.ensure_future(step)
    waited = 0.0
    try:
        while not task.done():
            if waited >= deadline:
                raise TimeoutError
            await asyncio.wait([task], timeout=min(SLICE, deadline))
            waited += SLICE
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _converse(process: Process, request: tuple[str, dict[str, object]]) -> tuple[str, Any]:
    await _send(process, request)
    return await _receive(process)


async def _send(process: Process, message: object) -> None:
    body = pickle.dumps(message, protocol=5)
    stdin = _stdin(process)
    stdin.write(edge_child.HEADER.pack(len(body)))
    stdin.write(body)
    await stdin.drain()


async def _receive(process: Process) -> tuple[str, Any]:
    assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
    (length,) = edge_child.HEADER.unpack(await process.stdout.readexactly(edge_child.HEADER.size))
    # Pickle is safe between these two ends of one pipe: both are photond, and nobody else holds it.
    answer: tuple[str, Any] = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301
    return answer


def _stdin(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None  # noqa: S101 - it was asked for as a pipe
    return process.stdin


async def _ended(process: Process) -> int:
    """The exit status of a child whose pipe broke.

    It is dead or about to be, and is not killed at once: to kill one that has just died would reap it, and
    asyncio would report status 255 in place of the signal.
    """
    try:
        async with asyncio.timeout(1.0):
            return await process.wait()
    except TimeoutError:
        _kill(process)
        return await process.wait()


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()
