"""`photond status`: is it running, is it well, what does it hold."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_json, print_pairs, print_table, size

if TYPE_CHECKING:
    from daemon.client import Json
    from daemon.config import Config


def status(context: typer.Context, as_json: AsJson = False) -> ExitCode:
    """Tell whether the daemon is ready, how its parts are, and what the library holds.

    Exit status 1 while a needed part is not well, 4 when no daemon runs.
    """
    return asyncio.run(_status(context_of(context).load_config(), as_json))


async def _status(config: Config, as_json: bool) -> ExitCode:
    from daemon.client import open_client

    async with open_client(config) as client:
        readiness = await client.get("/readyz")
        stats = await client.get("/stats")
    if as_json:
        print_json({"url": client.url, **readiness, "stats": stats})
    else:
        _show(client.url, readiness, stats)
    return ExitCode.OK if readiness["ready"] else ExitCode.FAULT


def _show(url: str, readiness: Json, stats: Json) -> None:
    print_pairs({"photond": stats["version"], "url": url, "ready": "yes" if readiness["ready"] else "no"})
    sys.stdout.write("\n")
    print_table(
        ("part", "state", "detail"),
        [(name, _state(part), part["detail"]) for name, part in readiness["parts"].items()],
    )
    sys.stdout.write("\n")
    queue = stats["queue"]
    print_pairs(
        {
            "images": stats["images"],
            "files": f"{stats['files']} ({size(stats['bytes'])})",
            "missing": stats["missing"],
            "failed": stats["failed"],
            "collections": stats["collections"],
            "queue": f"{queue['ready']} waiting, {queue['leased']} in work, {queue['delayed']} delayed",
            "paused": "until `photond resume`" if stats["paused"] else None,
        }
    )


def _state(part: Json) -> str:
    if part["ok"]:
        return "ok"
    return "down" if part["needed"] else "degraded"
