"""News for the service manager by the sd_notify(3) protocol. Without systemd every call does nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping

import structlog
from sdnotify import SystemdNotifier

_log = structlog.stdlib.get_logger(__name__)


class Notifier:
    """Tells systemd that the daemon is ready, reloads, stops, what it does, and that it is alive."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        # Without the variable SystemdNotifier would open a socket only to drop it unclosed.
        self._systemd = SystemdNotifier() if environ.get("NOTIFY_SOCKET") else None
        self._watchdog_interval = _watchdog_interval(environ)

    @property
    def is_heard(self) -> bool:
        """Whether there is a service manager to tell."""
        return self._systemd is not None

    def ready(self) -> None:
        """Start or reload is complete."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The shutdown has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.splitlines())}")

    async def watchdog(self, is_alive: Callable[[], bool]) -> None:
        """Ping at half of `$WATCHDOG_USEC` while `is_alive()` says so; runs until it is cancelled.

        It runs on the event loop, so that a blocked loop stops the pings too.
        """
        if self._watchdog_interval is None:
            await asyncio.Event().wait()
            return
        was_alive = True
        while True:
            alive = is_alive()
            if alive:
                self._send("WATCHDOG=1")
            elif was_alive:
                _log.error("watchdog.withheld", reason="the daemon does not consider itself alive")
            was_alive = alive
            await asyncio.sleep(self._watchdog_interval)

    def close(self) -> None:
        """Close the socket."""
        if self._systemd is not None and self._systemd.socket is not None:
            self._systemd.socket.close()

    def _send(self, message: str) -> None:
        if self._systemd is not None:
            # systemd wants UTF-8, and the package encodes as Latin-1, which maps each of these characters to
            # its byte.
            self._systemd.notify(message.encode().decode("latin-1"))


def _watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Seconds between pings (sd_watchdog_enabled(3) asks for half the limit); None: no pings are wanted."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    addressed_to = environ.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdigit() or addressed_to != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 / 2
