"""The life of the daemon: lock, open, serve, drain, close."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack

import structlog

from daemon.cli.exit_codes import ExitCode
from daemon.config import Config
from daemon.endpoint import Endpoint, remove_endpoint, write_endpoint
from daemon.lock import InstanceLock
from daemon.notify import Notifier
from daemon.supervise import supervise
from daemon.wiring import Daemon, open_engines

STATUS_EVERY = 10.0  # seconds between lines for `systemctl status`

log = structlog.get_logger(__name__)


async def run_daemon(config: Config) -> ExitCode:
    """Run until SIGTERM or SIGINT, or until a part fails.

    Raises AlreadyRunningError when the state directory is in use, and the errors of parts that cannot open.
    """
    state = config.daemon.state_dir
    notifier = Notifier()
    with InstanceLock(state), contextlib.closing(notifier), _signals() as signalled:
        stack = AsyncExitStack()
        async with stack:
            engines = await open_engines(stack, config)
            daemon = Daemon(config, engines, stack)
            url = await daemon.start()
            write_endpoint(state, Endpoint(url, os.getpid()))
            stack.callback(remove_endpoint, state)
            return await _serve(daemon, notifier, signalled)


async def _serve(daemon: Daemon, notifier: Notifier, signalled: asyncio.Event) -> ExitCode:
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
    while True:
        notifier.status(await daemon.status_line())
        await asyncio.sleep(STATUS_EVERY)


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; the second SIGINT ends the process at once, as users expect."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
