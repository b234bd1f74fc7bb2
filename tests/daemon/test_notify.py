from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from daemon.notify import Notifier

PING = b"WATCHDOG=1"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield receiver


@pytest.fixture
def notifier(systemd: socket.socket) -> Iterator[Notifier]:
    notifier = Notifier(os.environ | {"WATCHDOG_USEC": "40000"})
    yield notifier
    notifier.close()


@asynccontextmanager
async def watchdog(notifier: Notifier, alive: list[bool]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(notifier.watchdog(lambda: alive[0]))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def receive(systemd: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(systemd, 4096), timeout=5)


def test_states_reach_systemd(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.ready()
    notifier.status("300 Fotos, übrig: 2 — gut")
    notifier.reloading()
    notifier.stopping()
    assert systemd.recv(4096) == b"READY=1"
    assert systemd.recv(4096).decode() == "STATUS=300 Fotos, übrig: 2 — gut"
    assert systemd.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert systemd.recv(4096) == b"STOPPING=1"


def test_a_status_is_one_line(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.status("a\nREADY=1")
    assert systemd.recv(4096) == b"STATUS=a READY=1"


async def test_pings_stop_when_liveness_fails_and_come_back(systemd: socket.socket, notifier: Notifier) -> None:
    alive = [True]
    async with watchdog(notifier, alive):
        assert await receive(systemd) == PING
        assert await receive(systemd) == PING
        alive[0] = False
        with suppress(BlockingIOError):
            while True:  # what was sent before
                systemd.recv(4096)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(systemd, 4096), timeout=0.2)
        alive[0] = True
        assert await receive(systemd) == PING


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}], ids=str
)
async def test_without_a_watchdog_for_us_the_task_waits_in_silence(
    systemd: socket.socket, environ: dict[str, str]
) -> None:
    notifier = Notifier(os.environ | environ)
    async with watchdog(notifier, [True]) as task:
        done, _ = await asyncio.wait({task}, timeout=0.05)
        assert not done
    notifier.close()
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.status("x")
    notifier.close()
