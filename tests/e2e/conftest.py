"""The real daemon as a process of its own, on a real folder, spoken to over HTTP and signals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from daemon.demo.process import DaemonProcess

DEADLINE = 60.0  # seconds that anything may take before the test gives up


class PhotondProcess(DaemonProcess):
    """The daemon, with requests that must succeed and waits that must end."""

    async def request(self, method: str, path: str, **kwargs: Any) -> Any:
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.request(method, "/api/v1" + path, **kwargs) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def get(self, path: str) -> Any:
        return await self.request("GET", path)

    async def post(self, path: str, body: object) -> Any:
        return await self.request("POST", path, json=body)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str, deadline: float = DEADLINE) -> None:
        """Look until it is so; fail with the daemon's log when it never is."""
        try:
            async with asyncio.timeout(deadline):
                while not await condition():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"never {what}:\n{self.log()[-5000:]}")

    async def until_indexed(self, files: int, *, failed: int = 0, deadline: float = DEADLINE) -> dict[str, Any]:
        """Wait until so many files are present and failed, nothing is queued, and the index agrees.

        Gives the statistics then.
        """
        stats: dict[str, Any] = {}

        async def reached() -> bool:
            stats.update(await self.get("/stats"))
            queued = sum(stats["queue"].values())
            agree = stats["vectors"] == stats["images"]  # points of known images follow right after their commit
            return agree and (stats["files"], stats["failed"], queued) == (files, failed, 0)

        await self.until(reached, f"{files} files indexed and {failed} failed", deadline)
        return stats


@pytest.fixture
async def photond(tmp_path: Path) -> AsyncIterator[PhotondProcess]:
    """A daemon with the fake model that is not started yet; ended whatever the test does."""
    photond = PhotondProcess(tmp_path, model="fake", settle="200ms")
    photond.write_config()
    yield photond
    if photond.process is not None and photond.process.returncode is None:
        photond.process.kill()
        await photond.process.wait()


@pytest.fixture
def draw() -> Callable[[Path, int], None]:
    """Writes a small PNG whose content is its number's alone."""

    def write(target: Path, number: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(target)

    return write
