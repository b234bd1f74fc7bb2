"""`photond run`: the daemon itself, in the foreground, as systemd wants it."""

from __future__ import annotations

import asyncio

import typer

from daemon.cli.context import context_of
from daemon.cli.exit_codes import ExitCode


def run(context: typer.Context) -> ExitCode:
    """Watch the configured folders and serve, until SIGTERM or Ctrl-C."""
    from daemon.logs import configure_logging

    given = context_of(context)
    config = given.load_config()
    configure_logging(config.daemon.log_format, config.daemon.log_level)
    from daemon.run import run_daemon

    return asyncio.run(run_daemon(config, given.find_config_file(), given.load_config))
