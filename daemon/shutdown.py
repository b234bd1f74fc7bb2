"""Staged shutdown: close the doors, drain, close; each stage under its own deadline.

A stage that overruns is told of, with everything that still runs, then cancelled, and the next one begins:
the stores are closed even if a drain hangs. systemd/photond.service gives more time than all stages together
may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

_log = structlog.stdlib.get_logger(__name__)

CANCEL_GRACE = 1.0  # seconds a stage has to end after it was cancelled


class Stage(NamedTuple):
    """One step of the shutdown; `deadline` is in seconds."""

    name: str
    deadline: float
    action: Callable[[], Awaitable[object]]


class Stages:
    """The stages in their order."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)

    @property
    def total(self) -> float:
        """The most seconds that `run` takes."""
        return sum(stage.deadline + CANCEL_GRACE for stage in self._stages)

    async def run(self) -> bool:
        """Go through all stages, whatever becomes of each; True when all ended well and in time."""
        return all([await _run(stage) for stage in self._stages])


async def _run(stage: Stage) -> bool:
    async def act() -> None:
        await stage.action()

    task = asyncio.create_task(act(), name=f"shutdown.{stage.name}")
    await asyncio.wait({task}, timeout=stage.deadline)
    if not task.done():
        _log.error("shutdown.overrun", stage=stage.name, deadline=stage.deadline, still_running=_running_tasks())
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_GRACE)
        return False
    if task.cancelled() or (error := task.exception()) is not None:
        _log.error("shutdown.failed", stage=stage.name, exc_info=None if task.cancelled() else error)
        return False
    return True


def _running_tasks() -> list[str]:
    own = asyncio.current_task()
    return sorted(task.get_name() for task in asyncio.all_tasks() if task is not own)
