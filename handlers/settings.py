"""Settings of watching and intake: the `[handlers]` table and each `[[watch]]`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, field_validator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", value)
        if not match:
            raise ValueError('a duration is a number and a unit, like "500ms", "2s", "1m", "1h" or "30d"')
        return float(match[1]) * _UNITS[match[2]]
    return value.total_seconds() if isinstance(value, timedelta) else value


# Seconds as a float; written "2s" in the configuration.
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=0)]


class WatchSettings(BaseModel):
    """One watch root: a folder, and the collection that its photos join."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="Absolute path of the folder; `~` is expanded.")
    collection: str = Field("default", min_length=1, max_length=100, description="Collection its photos join.")
    recursive: bool = Field(True, description="Whether folders below it are watched too.")
    method: Literal["auto", "inotify", "polling"] = Field(
        "auto", description="How changes are noticed; `auto` polls network mounts and uses inotify elsewhere."
    )
    exclude: tuple[str, ...] = Field(
        (), description="Globs, relative to the folder, of files and folders to leave out (gitignore style `**`)."
    )

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        expanded = value.expanduser()
        if not expanded.is_absolute():
            raise ValueError("must be an absolute path")
        return expanded


class HandlerSettings(BaseModel):
    """When a changed file is taken, and how often the disk is compared with the catalog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settle: Duration = Field(2.0, description="Quiet time after a file's last event before it is taken.")
    patience: Duration = Field(60.0, description="A file that never comes to rest is taken after this all the same.")
    rescan: Duration = Field(3600.0, description="How often every root is compared with the catalog; `0s`: never.")
    forget_after: Duration = Field(
        2_592_000.0,
        description="How long a file must be gone from disk before its image, with all that is known of it, is"
        " forgotten; `0s`: never.",
    )
    max_file_size: ByteSize = Field(
        ByteSize(2 * 1024**3), gt=0, description='Larger files are quarantined unread; a size like "500MB" or "2GiB".'
    )
    follow_symlinks: bool = Field(False, description="Whether symbolic links below a root are followed.")
    max_attempts: int = Field(5, ge=1, le=100, description="Tries before a file with a passing fault is quarantined.")
