"""`photond failures`: the files in quarantine, why, and another try for them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import local_time, print_json, print_table, printable

if TYPE_CHECKING:
    from daemon.config import Config


def failures(
    context: typer.Context,
    retry: Annotated[bool, typer.Option("--retry", help="Try all of them again, and wait for it.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="The most files to list; all by default.")] = None,
    as_json: AsJson = False,
) -> ExitCode:
    """List the files that could not be indexed, each with its reason.

    With --retry: exit status 7 when some of them failed again.
    """
    config = context_of(context).load_config()
    if retry:
        return asyncio.run(_retry(config, as_json))
    asyncio.run(_list(config, limit, as_json))
    return ExitCode.OK


async def _list(config: Config, limit: int | None, as_json: bool) -> None:
    from daemon.client import open_client

    async with open_client(config) as client:
        found = [failure async for failure in client.items("/ingest/failures", limit)]
    if as_json:
        print_json({"items": found, "next_cursor": None})
        return
    print_table(
        ("code", "tries", "last", "path", "reason"),
        [(item["code"], item["attempts"], local_time(item["at"]), item["path"], item["message"]) for item in found],
    )


async def _retry(config: Config, as_json: bool) -> ExitCode:
    from daemon.cli.follow import exit_code_of, follow, summary
    from daemon.client import open_client

    async with open_client(config) as client:
        job_id = (await client.post("/ingest/failures/retry", {}))["job_id"]
        (job,) = await follow(client, [job_id])
    if as_json:
        print_json(job)
    else:
        sys.stdout.write(f"{printable(summary(job))}\n")
    return exit_code_of([job])
