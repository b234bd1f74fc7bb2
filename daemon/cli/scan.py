"""`photond scan`: compare folders with the catalog now, and follow what comes of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_error, print_json, printable
from daemon.errors import RequestFailedError

if TYPE_CHECKING:
    from daemon.client import Client
    from daemon.config import Config


def scan(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="A folder or file; every root when left out.")] = None,
    collection: Annotated[str | None, typer.Option(help="Collection that its photos join.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Decode and embed again what is unchanged.")] = False,
    accept_empty: Annotated[
        bool,
        typer.Option("--accept-empty", help="The watch root PATH was emptied, or exchanged, on purpose."),
    ] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Index what changed in a folder, and wait until that is done. Ctrl-C stops the waiting, not the work.

    A watch root that looks emptied is offline, since an unmounted disk looks the same; its photos are kept until
    --accept-empty says that they are gone.

    Exit status 7 when files of it failed, 1 when a folder could not be scanned.
    """
    if accept_empty and path is None:
        raise typer.BadParameter("--accept-empty needs the PATH of the watch root that is meant")
    config = context_of(context).load_config()
    options: dict[str, object] = {"collection": collection, "force": force, "accept_empty": accept_empty}
    return asyncio.run(_scan(config, path.absolute() if path else None, options, as_json))


async def _scan(config: Config, path: Path | None, options: dict[str, object], as_json: bool) -> ExitCode:
    from daemon.cli.follow import exit_code_of, follow, summary
    from daemon.client import open_client

    async with open_client(config) as client:
        if path is not None:
            started, refused = (
                [(await client.post("/ingest", {"path": str(path), **options}))["job_id"]],
                False,
            )
        else:
            started, refused = await _start_all(client, options)
        jobs = await follow(client, started)
    if as_json:
        print_json({"items": jobs, "next_cursor": None})
    else:
        sys.stdout.writelines(f"{printable(summary(job))}\n" for job in jobs)
    return ExitCode.FAULT if refused else exit_code_of(jobs)


async def _start_all(client: Client, options: dict[str, object]) -> tuple[list[str], bool]:
    """A job for every root, and whether one was refused, which keeps no other waiting."""
    started: list[str] = []
    refused = False
    for root in (await client.get("/watch"))["items"]:
        try:
            started.append((await client.post("/ingest", {"path": root["path"], **options}))["job_id"])
        except RequestFailedError as error:
            print_error(error, error.code)
            refused = True
    return started, refused
