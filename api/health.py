"""Is everything there that is needed to answer? All parts are asked at once, for a moment at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

PATIENCE = 2.0  # seconds; a part that does not answer by then is not well


@dataclass(frozen=True, slots=True)
class PartState:
    """How a part is. One that is not needed may be ill without making the daemon unready."""

    ok: bool
    detail: str
    needed: bool = True


class Health:
    """Asks each named part for its state. A check that fails or hangs is a state, not an error."""

    def __init__(self, parts: Mapping[str, Callable[[], Awaitable[PartState]]], patience: float = PATIENCE) -> None:
        self._parts = dict(parts)
        self._patience = patience

    async def check(self) -> dict[str, PartState]:
        """All parts' states, in the order given."""
        states = await asyncio.gather(*(self._ask(check) for check in self._parts.values()))
        return dict(zip(self._parts, states, strict=True))

    async def _ask(self, check: Callable[[], Awaitable[PartState]]) -> PartState:
        try:
            async with asyncio.timeout(self._patience):
                return await check()
        except TimeoutError:
            return PartState(False, f"no answer within {self._patience:g} s")
        except Exception as error:  # noqa: BLE001 - any fault of a part is its state
            return PartState(False, f"{type(error).__name__}: {error}")


def ready(parts: Mapping[str, PartState]) -> bool:
    """Whether every needed part is well."""
    return all(part.ok for part in parts.values() if part.needed)
