"""Settings of the process itself: the `[daemon]` table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where the state lives when no key says so.

    systemd's `$STATE_DIRECTORY` (its first entry), else `$XDG_STATE_HOME/photond`, else
    `~/.local/state/photond`.
    """
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / "photond"
    return home(environ) / ".local/state/photond"


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


class DaemonSettings(BaseModel):
    """Where the state is kept and how the daemon logs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state_dir: Path = Field(
        default_factory=lambda: default_state_dir(os.environ),
        description="Folder of catalog, vectors and thumbnails. Default: systemd's `$STATE_DIRECTORY`, else "
        "`$XDG_STATE_HOME/photond`, else `~/.local/state/photond`.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` is `console` on a terminal and `json`, one object a line, elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe messages that are logged."
    )

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        expanded = value.expanduser()
        if not expanded.is_absolute():
            raise ValueError("must be an absolute path")
        return expanded
