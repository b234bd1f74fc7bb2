"""The life of the daemon: lock, open, serve, drain, close."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from daemon.cli.exit_codes import ExitCode
from daemon.config import Config
from daemon.endpoint import Endpoint, remove_endpoint, write_endpoint
from daemon.lock import InstanceLock
from daemon.notify import Notifier
from daemon.reload import Reload
from daemon.supervise import supervise
from daemon.wiring import Daemon, open_engines
from store.errors import StoreError

STATUS_EVERY = 10.0  # seconds between lines for `systemctl status`

log = structlog.get_logger(__name__)


async def run_daemon(config: Config, file: Path | None, load: Callable[[], Config]) -> ExitCode:
    """Run until SIGTERM or SIGINT, or until a part fails. `load` reads the configuration again, from `file` if any.

    Raises AlreadyRunningError when the state directory is in use, and the errors of parts that cannot open.
    """
    state = config.daemon.state_dir
    notifier = Notifier()
    with InstanceLock(state), contextlib.closing(notifier), _signals() as signals:
        stack = AsyncExitStack()
        async with stack:
            engines = await open_engines(stack, config)
            daemon = Daemon(config, engines, stack)
            url = await daemon.start()
            write_endpoint(state, Endpoint(url, os.getpid()))
            stack.callback(remove_endpoint, state)
            reload = Reload(config, file, load, daemon.watch, notifier, signals.hangup)
            return await _serve(daemon, reload, notifier, signals.stop)


async def _serve(daemon: Daemon, reload: Reload, notifier: Notifier, signalled: asyncio.Event) -> ExitCode:
    over = asyncio.Event()  # set when the tasks may end, or when one of them has

    async def until_signalled() -> None:
        await signalled.wait()
        log.info("stopping")
        notifier.stopping()
        await daemon.farewell().run()
        over.set()

    notifier.ready()
    log.info("ready")
    code = await supervise(
        {
            **daemon.tasks(),
            "signal": until_signalled,
            "reload": reload.run,
            "watchdog": lambda: notifier.watchdog(lambda: True),
            "status": lambda: _tell_status(daemon, notifier),
        },
        over,
    )
    if not signalled.is_set():  # a task failed: the doors are still open
        notifier.stopping()
        await daemon.close_doors()
    await daemon.close().run()
    log.info("stopped")
    return code


async def _tell_status(daemon: Daemon, notifier: Notifier) -> None:
    if not notifier.is_heard:  # the totals are not free in a large library
        await asyncio.Event().wait()
    while True:
        try:
            notifier.status(await daemon.status_line())
        except StoreError as error:
            if not error.retryable:
                raise
            notifier.status(f"{error.code}: {error}")
        await asyncio.sleep(STATUS_EVERY)


@dataclass(frozen=True, slots=True)
class _Signals:
    stop: asyncio.Event  # SIGTERM or SIGINT
    hangup: asyncio.Event  # SIGHUP


@contextlib.contextmanager
def _signals() -> Iterator[_Signals]:
    """Events that signals set; the second SIGINT ends the process at once, as users expect."""
    loop, signals = asyncio.get_running_loop(), _Signals(asyncio.Event(), asyncio.Event())

    def interrupted() -> None:
        signals.stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, signals.stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGHUP, signals.hangup.set)
    try:
        yield signals
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
