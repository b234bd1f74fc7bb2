"""Doing something to its end, even when whoever waits for it is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def to_the_end(action: Coroutine[Any, Any, _T]) -> _T:
    """Await the action. A cancellation of the caller is held back until the action is over, and then raised.

    So the caller knows that nothing goes on behind its back. The action must end by itself, and soon: it holds up
    the cancellation.
    """
    task = asyncio.create_task(action)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # seen: the cancellation is the news
    raise cancellation
