"""`photond jobs`: what is being done, what was done, how one job went, and enough of it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import duration, local_time, print_json, print_pairs, print_table, printable

if TYPE_CHECKING:
    from daemon.client import Json
    from daemon.config import Config


def jobs(
    context: typer.Context,
    job_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One job, with its log.")] = None,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="End this job; what is in work is finished.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most jobs to list.")] = 20,
    as_json: AsJson = False,
) -> ExitCode:
    """List the latest jobs, show one with its log, or cancel one. Exit status 6 when there is no job of that id.

    Cancelling drops what the job has queued. The next scan of the folder finds what is still to be done.
    """
    if cancel is not None and job_id is not None:
        raise typer.BadParameter("name one job: to show it, or to --cancel it")
    config = context_of(context).load_config()
    if cancel is not None:
        asyncio.run(_cancel(config, cancel))
        job_id = cancel
    if job_id is not None:
        asyncio.run(_one(config, job_id, as_json))
    else:
        asyncio.run(_latest(config, limit, as_json))
    return ExitCode.OK


async def _cancel(config: Config, job_id: str) -> None:
    from urllib.parse import quote

    from daemon.client import open_client

    async with open_client(config) as client:
        await client.delete(f"/ingest/jobs/{quote(job_id, safe='')}")


async def _one(config: Config, job_id: str, as_json: bool) -> None:
    from urllib.parse import quote

    from daemon.client import open_client

    async with open_client(config) as client:
        job = await client.get(f"/ingest/status/{quote(job_id, safe='')}")
    if as_json:
        print_json(job)
        return
    fault = job["error"]
    print_pairs(
        {
            "job": job["job_id"],
            "kind": job["kind"],
            "state": job["state"],
            "path": job["path"],
            "collection": job["collection"],
            "files": f"{_done(job)} of {job['total']} ({job['skipped']} unchanged, {job['failed']} failed)",
            "rate": f"{job['rate']:.1f} files/s" if job["rate"] else None,
            "time left": duration(job["eta_seconds"]),
            "started": local_time(job["created_at"]),
            "ended": local_time(job["finished_at"]),
            "error": f"{fault['code']}: {fault['message']}" if fault else None,
        }
    )
    sys.stdout.writelines(
        f"{local_time(line['at'])} {line['level']} {printable(line['message'])}\n" for line in job["log"]
    )


async def _latest(config: Config, limit: int, as_json: bool) -> None:
    from daemon.client import open_client

    async with open_client(config) as client:
        found = [job async for job in client.items("/ingest/jobs", limit)]
    if as_json:
        print_json({"items": found, "next_cursor": None})
        return
    print_table(
        ("job", "kind", "state", "files", "failed", "left", "started", "path"),
        [
            (
                job["job_id"],
                job["kind"],
                job["state"],
                f"{_done(job)}/{job['total']}",
                job["failed"],
                duration(job["eta_seconds"]),
                local_time(job["created_at"]),
                job["path"],
            )
            for job in found
        ],
    )


def _done(job: Json) -> int:
    return int(job["done"] + job["skipped"] + job["failed"])
