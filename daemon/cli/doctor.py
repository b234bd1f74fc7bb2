"""`photond doctor`: do catalog, vectors, thumbnails and files agree? And if not, make them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_json, print_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from daemon.config import Config
    from daemon.maintenance import Examination

EXAMPLES = 5  # of what is wrong, of each kind


def doctor(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Compare catalog, vectors, thumbnails and the rows of files. No daemon may run; photos are never touched.

    Exit status 8 when something is wrong, or still wrong after --repair.
    """
    from daemon.logs import configure_logging

    config = context_of(context).load_config()
    configure_logging(config.daemon.log_format, "warning")
    examination = asyncio.run(_examine(config, repair))
    if as_json:
        print_json({"clean": examination.clean, "queued": examination.queued, "findings": _findings(examination)})
    else:
        _show(examination, repair)
    return ExitCode.OK if examination.clean else ExitCode.DAMAGED


async def _examine(config: Config, mend: bool) -> Examination:
    from daemon.maintenance import examine, open_stores

    async with open_stores(config) as stores:
        with _spinner():
            return await examine(stores, mend=mend)


def _findings(examination: Examination) -> list[dict[str, object]]:
    return [
        {
            "kind": kind,
            "count": len(what),
            "left": len(examination.left.get(kind, ())),
            "examples": sorted(what)[:EXAMPLES],
        }
        for kind, what in sorted(examination.found.items())
        if what
    ]


def _show(examination: Examination, mended: bool) -> None:
    findings = _findings(examination)
    if findings:
        print_table(
            ("wrong", "found", "left", "for example"),
            [
                (one["kind"], one["count"], one["left"], sorted(examination.found[str(one["kind"])])[0])
                for one in findings
            ],
        )
    if not findings:
        sys.stdout.write("catalog, vectors, thumbnails and files agree\n")
    elif not mended:
        sys.stdout.write("nothing was changed; `photond doctor --repair` mends it\n")
    elif examination.clean:
        sys.stdout.write("all of it is mended\n")
    if examination.queued:
        sys.stdout.write(f"{examination.queued} files are queued: they are looked at when the daemon runs\n")


def _spinner() -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("reading catalog, vectors and thumbnails")
