from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import structlog

from daemon.config import Config, load_config
from daemon.notify import Notifier
from daemon.reload import Reload
from handlers.settings import WatchSettings


class Watched:
    """What was applied, and a running Reload on a real file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.hangup = asyncio.Event()
        self.applied: asyncio.Queue[list[str]] = asyncio.Queue()

    def load(self) -> Config:
        return load_config(self.file, {})

    async def apply(self, watch: Sequence[WatchSettings]) -> None:
        self.applied.put_nowait([str(one.path) for one in watch])

    def write(self, text: str) -> None:
        self.file.write_text(text)

    async def next(self) -> list[str]:
        async with asyncio.timeout(10):
            return await self.applied.get()


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr("daemon.reload.FILE_CHECK", 0.02)
    watched = Watched(tmp_path / "photond.toml")
    watched.write('[[watch]]\npath = "/a"\n')
    reload = Reload(watched.load(), watched.file, watched.load, watched.apply, Notifier({}), watched.hangup)
    task = asyncio.create_task(reload.run())
    await asyncio.sleep(0)
    yield watched
    task.cancel()
    await asyncio.wait([task])


async def test_a_changed_file_changes_the_roots(watched: Watched) -> None:
    watched.write('[[watch]]\npath = "/a"\n[[watch]]\npath = "/b"\n')
    assert await watched.next() == ["/a", "/b"]
    watched.write("")
    assert await watched.next() == []


async def test_a_bad_file_changes_nothing_and_its_correction_is_taken(watched: Watched) -> None:
    with structlog.testing.capture_logs() as logs:
        watched.write('[[watch]]\npath = "relative"\n')
        async with asyncio.timeout(10):
            while not any(entry["event"] == "configuration_refused" for entry in logs):
                await asyncio.sleep(0.01)
    assert "must be an absolute path" in str(logs)
    assert watched.applied.empty()
    watched.write('[[watch]]\npath = "/absolute"\n')
    assert await watched.next() == ["/absolute"]


async def test_a_hangup_reads_the_file_and_names_what_needs_a_restart(watched: Watched) -> None:
    with structlog.testing.capture_logs() as logs:
        watched.write('[[watch]]\npath = "/c"\n[api]\nport = 1234\n')
        watched.hangup.set()
        assert await watched.next() == ["/c"]
        await asyncio.sleep(0)
    assert [entry["tables"] for entry in logs if entry["event"] == "restart_needed"] == [["api"]]
