"""The daemon's long-running tasks: each has a name, and none ends unnoticed.

A task that returns or raises while the daemon should run is logged with its name and stops the whole daemon:
systemd restarts it, which is sounder than going on without a part. Cancellation is how tasks are told to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from daemon.cli.exit_codes import ExitCode
from store.errors import CatalogDamagedError, StoreError
from store.vectors.errors import VectorsDamagedError

_log = structlog.stdlib.get_logger(__name__)

Start = Callable[[], Coroutine[Any, Any, object]]


async def supervise(tasks: Mapping[str, Start], stop: asyncio.Event) -> ExitCode:
    """Run the tasks until `stop` is set, then cancel them and wait for their end.

    Returns OK; FAULT when a task ended by itself (which sets `stop`) or raised while it was cancelled; DAMAGED when it
    did so over a store that is damaged, which is told by its code and not as a failure of the program.
    When this is cancelled from outside, so are the tasks, and the cancellation goes on.
    """
    codes = {ExitCode.OK}

    async def guard(name: str, start: Start) -> None:
        try:
            await start()
        except asyncio.CancelledError:
            if _cancelled_from_outside():
                raise
            _log.error("task.cancelled_itself", task=name)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is told by name and stops the daemon
            if (damage := _damage_in(error)) is not None:
                _log.error("task.failed", task=name, code=damage.code, reason=str(damage))
                codes.add(ExitCode.DAMAGED)
            else:
                _log.exception("task.failed", task=name)
        else:
            if stop.is_set():
                return
            _log.error("task.ended", task=name)
        codes.add(ExitCode.FAULT)
        stop.set()

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(guard(name, start), name=name) for name, start in tasks.items()]
        await stop.wait()
        for task in running:
            task.cancel()
    return max(codes)


def _damage_in(error: BaseException) -> StoreError | None:
    """The damaged store that an error, or one of a group of errors, is about."""
    if isinstance(error, BaseExceptionGroup):
        return next((damage for one in error.exceptions if (damage := _damage_in(one)) is not None), None)
    return error if isinstance(error, CatalogDamagedError | VectorsDamagedError) else None


def _cancelled_from_outside() -> bool:
    """Whether this task was asked to end; the cancellation of an inner future may leak out as well."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
