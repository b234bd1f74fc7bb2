"""Following jobs to their end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import printable
from daemon.client import Client, Json

INTERVAL = 0.25  # seconds between looks


async def follow(client: Client, job_ids: Sequence[str]) -> list[Json]:
    """Wait until all jobs have ended, with progress bars on a terminal; their last states, in order."""
    bars = _Bars() if sys.stderr.isatty() else None
    with bars.progress if bars else nullcontext():
        states: dict[str, Json] = {}
        waiting = list(job_ids)
        while waiting:
            for job_id in waiting:
                states[job_id] = await client.get(f"/ingest/status/{job_id}")
                if bars:
                    bars.show(states[job_id])
            waiting = [job_id for job_id in waiting if states[job_id]["state"] == "running"]
            if waiting:
                await asyncio.sleep(INTERVAL)
    return [states[job_id] for job_id in job_ids]


def exit_code_of(jobs: Sequence[Json]) -> ExitCode:
    """FAULT when a job could not be carried out, INCOMPLETE when files failed or it was cancelled, else OK."""
    if any(job["state"] == "failed" for job in jobs):
        return ExitCode.FAULT
    incomplete = any(job["failed"] or job["state"] == "cancelled" for job in jobs)
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK


def summary(job: Json) -> str:
    """One line on how a job ended."""
    name = job["path"] or job["kind"]
    if job["error"]:
        return f"{name}: {job['error']['code']}: {job['error']['message']}"
    counts = f"{job['done']} done, {job['skipped']} unchanged, {job['failed']} failed"
    if job["state"] == "cancelled":
        return f"{name}: cancelled; {counts}"
    return f"{name}: {counts}" + ("; see `photond failures`" if job["failed"] else "")


class _Bars:
    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def show(self, job: dict[str, Any]) -> None:
        if job["job_id"] not in self._tasks:
            description = printable(job["path"] or job["kind"])
            self._tasks[job["job_id"]] = self.progress.add_task(description, total=None)
        completed = job["done"] + job["skipped"] + job["failed"]
        # The total grows while the job still looks for files; a bar that runs backwards tells nothing.
        total = job["total"] if job["total"] else None
        self.progress.update(self._tasks[job["job_id"]], completed=completed, total=total)
