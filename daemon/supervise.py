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

_log = structlog.stdlib.get_logger(__name__)

Start = Callable[[], Coroutine[Any, Any, object]]


async def supervise(tasks: Mapping[str, Start], stop: asyncio.Event) -> ExitCode:
    """Run the tasks until `stop` is set, then cancel them and wait for their end.

    Returns OK, or FAULT when a task ended by itself (which sets `stop`) or raised while it was cancelled.
    When this is cancelled from outside, so are the tasks, and the cancellation goes on.
    """
    faulty: set[str] = set()

    async def guard(name: str, start: Start) -> None:
        try:
            await start()
        except asyncio.CancelledError:
            if _cancelled_from_outside():
                raise
            _log.error("task.cancelled_itself", task=name)
        except Exception:  # noqa: BLE001 -- whatever it is, it is told by name and stops the daemon
            _log.exception("task.failed", task=name)
        else:
            if stop.is_set():
                return
            _log.error("task.ended", task=name)
        faulty.add(name)
        stop.set()

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(guard(name, start), name=name) for name, start in tasks.items()]
        await stop.wait()
        for task in running:
            task.cancel()
    return ExitCode.FAULT if faulty else ExitCode.OK


def _cancelled_from_outside() -> bool:
    """Whether this task was asked to end; the cancellation of an inner future may leak out as well."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
