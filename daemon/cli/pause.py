"""`photond pause` and `photond resume`: leave the queue alone for a while, and go on."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_json

if TYPE_CHECKING:
    from daemon.client import Json
    from daemon.config import Config


def pause(context: typer.Context, as_json: AsJson = False) -> ExitCode:
    """Begin no work on photos until `photond resume`, also after a restart. Search answers all the same."""
    answer = asyncio.run(_post(context_of(context).load_config(), "/ingest/pause"))
    return _tell(answer, as_json)


def resume(context: typer.Context, as_json: AsJson = False) -> ExitCode:
    """Go on with what is queued."""
    answer = asyncio.run(_post(context_of(context).load_config(), "/ingest/resume"))
    return _tell(answer, as_json)


async def _post(config: Config, path: str) -> Json:
    from daemon.client import open_client

    async with open_client(config) as client:
        return await client.post(path)


def _tell(answer: Json, as_json: bool) -> ExitCode:
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write("paused\n" if answer["paused"] else "working\n")
    return ExitCode.OK
