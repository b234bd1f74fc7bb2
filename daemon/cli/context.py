"""What every command is given: where the configuration is, and the options that many commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daemon.config import Config

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, in the shapes of the HTTP API.")]


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The options before the command's name."""

    config_file: Path | None

    def load_config(self) -> Config:
        """The configuration; raises ConfigError."""
        from daemon.config import load_config

        return load_config(self.config_file, os.environ)

    def find_config_file(self) -> Path | None:
        """The file that the configuration is read from, if there is one."""
        from daemon.config_file import find_config_file

        return find_config_file(self.config_file, os.environ)


def context_of(context: typer.Context) -> CommandContext:
    """The command's context, as `daemon.cli.main` made it."""
    found = context.obj
    if not isinstance(found, CommandContext):
        raise TypeError("commands are run through daemon.cli.main")
    return found
