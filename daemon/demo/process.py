"""`photond run` as a child process on a folder of its own: what the demo, the benchmarks and the e2e tests drive."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from daemon.endpoint import read_endpoint

START = 120.0  # seconds until it answers: a first start computes the bundled model's class texts
STOP = 60.0


class DaemonEndedError(Exception):
    """The child ended before it answered; the message ends with what it logged."""


@dataclass(slots=True)
class DaemonProcess:
    """A daemon with photos, state, configuration and log below one directory.

    `toml` is appended to the configuration; it may open further tables. `wrapper` is a command that ends by
    becoming the one that it is given.
    """

    home: Path
    model: str = "bundled"
    settle: str = "2s"
    toml: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None
    url: str = ""

    @property
    def photos(self) -> Path:
        """The watched folder."""
        return self.home / "photos"

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.home / "state"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "photond.toml"

    @property
    def log_file(self) -> Path:
        """What the daemon printed, over all its starts."""
        return self.home / "photond.log"

    def log(self) -> str:
        """All that it has logged so far."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def write_config(self) -> None:
        """Make the folder and the configuration."""
        self.photos.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f'[[watch]]\npath = "{self.photos}"\n\n'
            f'[daemon]\nstate_dir = "{self.state}"\nlog_format = "json"\n\n'
            f'[handlers]\nsettle = "{self.settle}"\n\n'
            f'[ml]\nmodel = "{self.model}"\n\n[api]\nport = 0\n{self.toml}'
        )

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start a process and wait for nothing."""
        if not self.config.exists():
            self.write_config()
        with self.log_file.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self.wrapper,
                sys.executable,
                *("-I", "-m", "daemon", "--config", str(self.config), "run"),
                stdout=log,
                stderr=log,
                env=os.environ | {"HF_HUB_OFFLINE": "1"} | self.environ,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the child in order
            )

    async def start(self) -> None:
        """Start, and return when it is ready. Raises DaemonEndedError, or TimeoutError after START."""
        self.process = await self.spawn()
        async with asyncio.timeout(START):
            while not await self._ready():  # noqa: ASYNC110 - another process tells us by a file
                await asyncio.sleep(0.05)

    async def _ready(self) -> bool:
        if self.process is None or self.process.returncode is not None:
            code = self.process.returncode if self.process else None
            raise DaemonEndedError(f"photond ended with {code}:\n{self.log()[-4000:]}")
        endpoint = read_endpoint(self.state)
        if endpoint is None or endpoint.pid != self.process.pid:
            return False  # none yet, or that of a killed predecessor
        self.url = endpoint.url
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait for its end; the exit code, negative for a signal."""
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(signum)
        async with asyncio.timeout(STOP):
            return await self.process.wait()
