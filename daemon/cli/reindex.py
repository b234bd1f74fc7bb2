"""`photond reindex`: the vector index, made anew from the catalog."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_json

if TYPE_CHECKING:
    from rich.progress import Progress

    from daemon.config import Config


def reindex(context: typer.Context, as_json: AsJson = False) -> ExitCode:
    """Make the vector index anew from the results that the catalog keeps, without loading the model.

    Cures a damaged index. No daemon may run. An interrupted one is simply begun again.
    """
    from daemon.logs import configure_logging

    config = context_of(context).load_config()
    configure_logging(config.daemon.log_format, "warning")
    points, photos = asyncio.run(_reindex(config))
    if as_json:
        print_json({"vectors": points, "images": photos})
    else:
        lacking = f"; {photos - points} photos have no result yet: see `photond doctor`" if points < photos else ""
        sys.stdout.write(f"{points} vectors{lacking}\n")
    return ExitCode.OK


async def _reindex(config: Config) -> tuple[int, int]:
    from daemon.maintenance import open_stores, reindex

    async with open_stores(config) as stores:
        photos = (await stores.catalog.images.totals()).images
        with _bar() as bar:
            task = bar.add_task("vectors", total=photos)
            points = await reindex(stores, lambda done: bar.update(task, completed=done))
    return points, photos


def _bar() -> Progress:
    """A progress bar on stderr, shown when a person is there to see it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
