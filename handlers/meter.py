"""How fast a job goes, and when it will be through: pure, with the time as an argument.

The rate is that of the latter half of what is done, and of RATE_WINDOW seconds at least: quick enough to follow a
change, long enough that some slow photos are none. Commits come in lumps, so time counts from lump to lump: the silence
after the last one is no slowness before it is longer than any silence has been.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

RATE_WINDOW = 5.0  # seconds
SAMPLES = 32  # kept of one window, however many commits there are


class Meter:
    """Counts of one job as they were observed, the oldest of the window first.

    What passes until the first items are through is no work of this job: it looks through a folder, a model wakes up,
    other jobs are worked off.
    """

    def __init__(self) -> None:
        self._before: int | None = None  # the count at the first look
        self._begun: float | None = None
        self._samples: deque[tuple[float, int]] = deque()

    def observe(self, count: int, now: float) -> None:
        """So many items are through now; `now` never goes back."""
        if self._before is None:
            self._before = count
        if self._begun is None:
            if count == self._before:
                return
            self._begun = now
        window = max(RATE_WINDOW, (now - self._begun) / 2)
        samples = self._samples
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < window / SAMPLES:
            samples.pop()
        samples.append((now, count))
        while len(samples) > 2 and samples[1][0] <= now - window:
            samples.popleft()

    def rate(self, now: float) -> float | None:
        """Items a second; None before it can be told."""
        if len(self._samples) < 2:
            return None
        (since, before), (until, count) = self._samples[0], self._samples[-1]
        elapsed = max(until, now - self._longest_silence()) - since
        return (count - before) / elapsed if elapsed > 0 and count > before else None

    def eta(self, left: int, now: float) -> float | None:
        """Seconds until `left` more items are through; None before it can be told."""
        rate = self.rate(now)
        if rate is None or left < 0:
            return None
        unseen = min(now - self._samples[-1][0], self._longest_silence())  # work that is done and not yet committed
        return max(0.0, left / rate - unseen)

    def _longest_silence(self) -> float:
        return max(later - earlier for (earlier, _), (later, _) in pairwise(self._samples))
