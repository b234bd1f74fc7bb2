"""Files that are waited for until they are at rest. The rule is `handlers.stability`; here are the looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from handlers.classify import look
from handlers.stability import at_rest, next_look
from store.records import FileStat


@dataclass(slots=True)
class Looks:
    """What one round of looks came to; each path is in one place."""

    at_rest: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    restless: dict[str, float] = field(default_factory=dict)  # seconds until the next look is worth while


class Settling:
    """Remembers what restless files were like at earlier looks. `clock_ns` is the wall clock."""

    def __init__(self, settle: float, *, follow_symlinks: bool, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._settle = settle
        self._follow_symlinks = follow_symlinks
        self._clock_ns = clock_ns
        self._earlier: dict[str, tuple[FileStat, float]] = {}

    async def look_at(self, paths: Sequence[str], now: float) -> Looks:
        """Look at files; `now` is the time on the clock by which the caller comes back for the restless."""
        found = await asyncio.to_thread(
            lambda: {path: look(path, follow_symlinks=self._follow_symlinks) for path in paths}
        )
        wall_now_ns = self._clock_ns()
        looks = Looks()
        for path, stat in found.items():
            if stat is None:
                looks.gone.append(path)
            elif not isinstance(stat, FileStat) or self._is_at_rest(path, stat, wall_now_ns, now):
                looks.at_rest.append(path)  # what cannot be examined is for the queue to try again
            else:
                looks.restless[path] = next_look(stat, wall_now_ns, self._settle)
        self.forget((*looks.at_rest, *looks.gone))
        return looks

    def forget(self, paths: Iterable[str]) -> None:
        """Drop earlier looks at files that are not waited for any more."""
        for path in paths:
            self._earlier.pop(path, None)

    def _is_at_rest(self, path: str, stat: FileStat, wall_now_ns: int, now: float) -> bool:
        before, at = self._earlier.get(path, (None, now))
        long_ago = now - at >= self._settle
        if at_rest(before if long_ago else None, stat, wall_now_ns, self._settle):
            return True
        if before != stat:  # an equal look from earlier counts for more
            self._earlier[path] = (stat, now)
        return False
