"""`photond demo`: see it work on real photos."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from daemon.cli.exit_codes import ExitCode


def demo(
    leave: Annotated[
        bool,
        typer.Option("--exit", help="End after the answers instead of leaving the page up; or DEMO_EXIT=1."),
    ] = False,
) -> ExitCode:
    """Start a daemon on an empty folder, drop twelve real photos into it, and find them by words.

    Needs the `demo` extra (scikit-image, scikit-learn, pillow-heif, pidng). Exits with 1 when a photo that the
    bundled model must put first is not.
    """
    from rich.console import Console

    from daemon.demo.show import run_demo

    stay = not leave and os.environ.get("DEMO_EXIT", "") in ("", "0")
    try:
        return ExitCode(asyncio.run(run_demo(Console(), stay=stay)))
    except KeyboardInterrupt:
        return ExitCode.OK
