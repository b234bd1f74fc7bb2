"""Is a file complete? Two looks a while apart tell, or one look at a file that has long been left alone."""

from __future__ import annotations

from store.records import FileStat

_NS = 1_000_000_000


def at_rest(before: FileStat | None, now_stat: FileStat, wall_now_ns: int, settle: float) -> bool:
    """Whether the file has come to rest.

    Either nothing was written for `settle` seconds by its own mtime, or it is as it was at the look `before`,
    which the caller took at least `settle` seconds ago. An mtime in the future (a camera's clock, a file
    server's) says nothing about now, and needs the second look.
    """
    age_ns = wall_now_ns - now_stat.mtime_ns
    if age_ns >= settle * _NS:
        return True
    return before is not None and (before.size, before.mtime_ns) == (now_stat.size, now_stat.mtime_ns)


def next_look(now_stat: FileStat, wall_now_ns: int, settle: float) -> float:
    """Seconds until the next look at a file that is not at rest is worth while; at most `settle`."""
    age = (wall_now_ns - now_stat.mtime_ns) / _NS
    return settle - age if 0 <= age < settle else settle
