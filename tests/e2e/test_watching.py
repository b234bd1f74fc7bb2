"""What inotify cannot give: events lost, watches used up. The real daemon, and the kernel's real limits."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

Draw = Callable[[Path, int], None]
EVENTS = 20_000
WATCHES = 8


async def test_nothing_is_missed_when_the_kernel_loses_events(photond: PhotondProcess, draw: Draw) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit >= EVENTS:
        pytest.skip(f"this kernel keeps {limit} events")
    await photond.start()
    draw(photond.photos / "before.png", 0)
    await photond.until_indexed(1)
    assert photond.process is not None
    photond.process.send_signal(signal.SIGSTOP)
    for number in range(1, 6):
        draw(photond.photos / f"early{number}.png", number)
    await asyncio.to_thread(_stir, photond.photos / "note.txt")
    for number in range(6, 11):
        draw(photond.photos / f"late{number}.png", number)  # no event of these is kept
    (photond.photos / "before.png").unlink()
    photond.process.send_signal(signal.SIGCONT)
    stats = await photond.until_indexed(10)
    assert stats["missing"] == 1
    assert stats["counters"]["overflows"] == 1
    assert '"event": "events_lost"' in photond.log()


def _stir(path: Path) -> None:
    for _ in range(EVENTS // 2):
        path.touch()
        path.unlink()


@pytest.fixture
def few_watches() -> tuple[str, ...]:
    """What to run a command with, so that it gets WATCHES inotify watches and no more."""
    script = f'echo {WATCHES} > /proc/sys/user/max_inotify_watches && exec "$0" "$@"'
    wrapper = ("unshare", "--user", "--map-root-user", "sh", "-c", script)
    tried = subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"user namespaces are not allowed here: {tried.stderr.strip()}")
    return wrapper


async def test_a_root_is_polled_when_the_watches_are_used_up(
    photond: PhotondProcess, draw: Draw, few_watches: tuple[str, ...]
) -> None:
    for number in range(2 * WATCHES):
        draw(photond.photos / f"folder {number}" / "a.png", number)
    photond.wrapper = few_watches
    await photond.start()
    await photond.until_indexed(2 * WATCHES)
    (root,) = (await photond.get("/watch"))["items"]
    assert root["watched_by"] == "polling"
    draw(photond.photos / "new folder" / "b.png", 100)
    stats = await photond.until_indexed(2 * WATCHES + 1)
    assert stats["counters"]["watch_limits"] == 1
    assert "sysctl -w user.max_inotify_watches=" in photond.log()
