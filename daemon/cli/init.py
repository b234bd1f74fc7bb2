"""`photond init`: write a configuration to start from."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.context import context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import note, printable
from daemon.errors import FileExistsRefusedError, FileUnwritableError


def init(
    context: typer.Context,
    watch: Annotated[
        list[Path] | None,
        typer.Option(exists=True, file_okay=False, help="A folder to watch; may be given more than once."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> ExitCode:
    """Write a commented configuration file: every key, its meaning and its default.

    It goes to `--config FILE` (given before `init`), else to the user's own configuration file.
    """
    from daemon.config_file import user_file

    file = context_of(context).config_file or user_file(os.environ)
    if file.exists() and not force:
        raise FileExistsRefusedError(f"{file} exists")
    try:
        _write(file, [folder.absolute() for folder in watch or ()])
    except OSError as error:
        raise FileUnwritableError(f"{error.filename or file}: {error.strerror}") from error
    sys.stdout.write(f"{printable(str(file))}\n")
    note("next: `photond run`" if watch else f"next: name your folders in {file}, then `photond run`")
    return ExitCode.OK


def _write(file: Path, folders: Sequence[Path]) -> None:
    """Load it before it takes its place: a file of ours that does not load would be worse than none."""
    from daemon.config import load_config
    from daemon.config_template import template

    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".photond-init.") as directory:
        draft = Path(directory) / file.name
        draft.write_text(template(folders), "utf-8")
        load_config(draft, {"HOME": str(Path.home())})
        draft.replace(file)
