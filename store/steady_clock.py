"""A clock for delays and leases, which nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable


def steady_clock(
    wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Seconds since 1970 as `wall` has them now, going on evenly however it is set from now on.

    So a machine's clock that is set back delays nothing, and one that is set forward ends no lease. Two such clocks,
    made by different processes, need not agree.
    """
    offset = wall() - monotonic()
    return lambda: offset + monotonic()
