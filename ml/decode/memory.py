"""The memory of a decoding process: its limit, and the photos that would not fit in it.

The limit is the kernel's RLIMIT_DATA: what a process may write to and shares with nobody. Unlike RLIMIT_AS it
leaves out mapped libraries and the address space that glibc only reserves (64 MiB an arena); both make the same
decoders fail at the same photos.
"""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import Literal

from ml.errors import TooLargeError

LEAST_WORKER_MEMORY = 256 * 1024**2
"""Bytes: the 60 MB that a worker's libraries take, and what most photos of 24 megapixels do."""
_MOST_AUTO_MEMORY = 4 * 1024**3  # bytes; 512 megapixels, the default limit, take 2 GiB as a PNG
_LEAST_AUTO_MEMORY = 512 * 1024**2

# Bytes a pixel at the highest point of a decode, measured at 49 megapixels, of the decoders that take "no memory"
# for damage: AVIF says "decoding of color planes failed", HEIF "did not give a decompressed image", WebP "could not
# create decoder object", libjpeg "broken data stream". The others raise MemoryError, or name memory in their message.
_PEAK = {"AVIF": 9, "HEIF": 9, "WEBP": 16}

_OOM_SCORE = "300"  # of 1000, added to the share of the machine's memory that a process has


def worker_memory(setting: Literal["auto"] | int, workers: int) -> int:
    """Bytes that `ml.decode_memory` means: `auto` is an equal share of half the machine's memory, within limits."""
    if setting != "auto":
        return setting
    return max(_LEAST_AUTO_MEMORY, min(_MOST_AUTO_MEMORY, _machine_memory() // (2 * workers)))


def limit_memory(limit: int) -> None:
    """Let this process take no more than `limit` bytes of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def volunteer_for_oom_killer() -> None:
    """When the whole machine runs out, let the kernel end this process rather than the daemon: it costs a retry."""
    with contextlib.suppress(OSError):  # not Linux, or already more willing than that
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def memory_left() -> int | None:
    """Bytes until the limit of this process; None when it has none."""
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        return None
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return limit - pages * resource.getpagesize()


def check_memory(width: int, height: int, format_name: str, *, coefficients: float = 0.0) -> None:
    """Raise TooLargeError for a picture whose decoder would run out of memory and call it damage.

    `coefficients` are those a pixel that a progressive JPEG keeps, 16 bits each, until its last scan.
    """
    needed = int(width * height * (_PEAK.get(format_name, 0) + 2 * coefficients))
    left = memory_left() if needed else None
    if left is not None and needed > left:
        raise TooLargeError(
            f"{width:,} x {height:,} pixels take {needed >> 20:,} MiB as {format_name}; ml.decode_memory leaves "
            f"{max(0, left) >> 20:,} MiB"
        )


def is_about_memory(error: BaseException) -> bool:
    """Whether a library's error means that it got no memory."""
    text = str(error).lower()
    if "security limit" in text:  # libheif's own, and it calls that a memory error, too
        return False
    return isinstance(error, MemoryError) or "memory" in text or "mempool" in text


def _machine_memory() -> int:
    """Bytes of RAM, or of the container that this process runs in."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no control groups (v2), or "max"
        return installed
