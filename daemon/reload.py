"""Reading the configuration again while the daemon runs: at SIGHUP, or when its file has changed.

Watch roots change without a restart; everything else is compared and, where it differs, told to need one. An invalid
file changes nothing: what is wrong with it is logged, and the daemon goes on as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from daemon.config import Config
from daemon.errors import ConfigError
from daemon.notify import Notifier
from handlers.settings import WatchSettings

FILE_CHECK = 2.0  # seconds between looks at the file: a stat

log = structlog.get_logger(__name__)


class Reload:
    """Applies changed watch roots. `hangup` is set by SIGHUP; `file` is None when there is no file to look at."""

    def __init__(
        self,
        config: Config,
        file: Path | None,
        load: Callable[[], Config],
        apply: Callable[[Sequence[WatchSettings]], Awaitable[None]],
        notifier: Notifier,
        hangup: asyncio.Event,
    ) -> None:
        self._config = config
        self._file = file
        self._load = load
        self._apply = apply
        self._notifier = notifier
        self._hangup = hangup

    async def run(self) -> None:
        """Look and listen until cancelled."""
        seen = self._look()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FILE_CHECK):
                    await self._hangup.wait()
            found = self._look()
            if self._hangup.is_set() or found != seen:
                seen = found
                self._hangup.clear()
                await self._reload()

    def _look(self) -> tuple[int, int, int] | None:
        """What tells that the file is another: an editor may write it anew or put another in its place."""
        if self._file is None:
            return None
        with suppress(OSError):
            stat = self._file.stat()
            return stat.st_ino, stat.st_size, stat.st_mtime_ns
        return None

    async def _reload(self) -> None:
        self._notifier.reloading()
        try:
            loaded = self._load()
        except ConfigError as error:
            log.error("configuration_refused", faults=[str(fault) for fault in error.faults])  # noqa: TRY400 - the user's
        else:
            if loaded.watch != self._config.watch:
                await self._apply(loaded.watch)
            log.info("configuration_reloaded", watching=[str(watch.path) for watch in loaded.watch])
            if others := sorted(
                name for name in Config.model_fields if name != "watch" and self._differs(name, loaded)
            ):
                log.warning("restart_needed", tables=others)
            self._config = self._config.model_copy(update={"watch": loaded.watch})
        self._notifier.ready()

    def _differs(self, table: str, loaded: Config) -> bool:
        return bool(getattr(loaded, table) != getattr(self._config, table))
