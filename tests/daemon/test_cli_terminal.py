"""Commands as processes, on a terminal and under Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from api.routes.ingest import JobStarted
from api.schemas.job import FailedFile
from api.schemas.page import Page
from daemon.cli.exit_codes import ExitCode
from store.records import JobState

if TYPE_CHECKING:
    from tests.daemon.conftest import JobMaker, StubDaemon

ROOT = Path(__file__).parents[2]


async def on_a_terminal(config_file: Path, *arguments: str) -> tuple[int | None, str]:
    terminal, inside = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "daemon",
            f"--config={config_file}",
            *arguments,
            stdout=inside,
            stderr=inside,
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "120", "TERM": "xterm"},
        )
        os.close(inside)
        code = await asyncio.wait_for(process.wait(), timeout=30)
        return code, os.read(terminal, 65536).decode()
    finally:
        os.close(terminal)


async def test_a_table_is_drawn_and_names_are_no_markup(config_file: Path, daemon: StubDaemon) -> None:
    failed = FailedFile.model_validate(
        {
            "path": "/p/[bold]x\x1b[2J.jpg",
            "code": "DECODE_FAILED",
            "message": "truncated",
            "attempts": 1,
            "at": "2026-01-02T03:04:05Z",
        }
    )
    daemon.answers = {"GET /ingest/failures": Page[FailedFile](items=[failed])}
    code, text = await on_a_terminal(config_file, "failures")
    assert code == ExitCode.OK
    assert "/p/[bold]x\\x1b[2J.jpg" in text
    assert "─" in text


async def test_progress_is_drawn(config_file: Path, daemon: StubDaemon, make_job: JobMaker) -> None:
    running = make_job(state=JobState.RUNNING, finished_at=None, total=40)
    daemon.answers = {
        "POST /ingest": (202, JobStarted(job_id="j1")),
        "GET /ingest/status/j1": [running, make_job()],
    }
    code, text = await on_a_terminal(config_file, "scan", "/photos")
    assert code == ExitCode.OK
    assert "5/40" in text
    assert "/photos: 3 done" in text


async def test_ctrl_c_ends_the_waiting(config_file: Path, daemon: StubDaemon, make_job: JobMaker) -> None:
    running = make_job(state=JobState.RUNNING, finished_at=None)
    daemon.answers = {"POST /ingest": (202, JobStarted(job_id="j1")), "GET /ingest/status/j1": running}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon",
        f"--config={config_file}",
        "scan",
        "/photos",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(30):
        while len(daemon.requests) < 3:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert (out, err) == (b"", b"")
