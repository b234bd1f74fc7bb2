"""The `photond` command.

Commands import what they need when they run: `photond --help` and shell completion load no model, database or
server code (a test asserts it).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.context import CommandContext
from daemon.cli.demo import demo
from daemon.cli.doctor import doctor
from daemon.cli.exit_codes import ExitCode
from daemon.cli.failures import failures
from daemon.cli.init import init
from daemon.cli.jobs import jobs
from daemon.cli.openapi import openapi
from daemon.cli.output import print_error
from daemon.cli.pause import pause, resume
from daemon.cli.reindex import reindex
from daemon.cli.run import run as run_command
from daemon.cli.scan import scan
from daemon.cli.search import search
from daemon.cli.status import status
from daemon.errors import DaemonError

COMMANDS = (init, run_command, status, search, scan, jobs, pause, resume, failures, doctor, reindex, openapi, demo)

EXIT_CODES = {
    "NOT_FOUND": ExitCode.NOT_FOUND,
    "CATALOG_DAMAGED": ExitCode.DAMAGED,
    "VECTORS_DAMAGED": ExitCode.DAMAGED,
    "VECTORS_MISMATCH": ExitCode.DAMAGED,
}

app = typer.Typer(
    name="photond",
    help="A daemon for photographs: every photo dropped into a watched folder is searchable seconds later.",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"photond {version('photond')}\n")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Configuration file; see docs/configuration.md."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    context.obj = CommandContext(config)


for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line of this process and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # names of files go out as the bytes they are
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> ExitCode:
    """Run one command line. Every foreseen error is told on stderr with its code and what to try."""
    try:
        return ExitCode(app(arguments or ["--help"], prog_name="photond", standalone_mode=False) or ExitCode.OK)
    except typer.TyperException as error:
        print_error(_UsageError(error.format_message()), "USAGE")
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except DaemonError as error:
        print_error(error, error.code)
        return error.exit_code
    except OSError as error:
        print_error(error, "SYSTEM_ERROR")
        return ExitCode.FAULT
    except Exception as error:
        if (code := _code_of(error)) is None:
            raise
        print_error(error, code)
        return EXIT_CODES.get(code, ExitCode.FAULT)


class _UsageError(DaemonError):
    code = "USAGE"
    exit_code = ExitCode.USAGE
    hint = "`photond --help`, or `--help` after the command"


def _code_of(error: Exception) -> str | None:
    """The code of an error of the packages below; they meet the command line where no daemon is between."""
    from handlers.errors import HandlerError
    from ml.errors import MlError
    from store.errors import StoreError

    return error.code if isinstance(error, HandlerError | MlError | StoreError) else None
