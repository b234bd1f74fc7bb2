"""What there is to tell of a watch root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.records import FileState, Root


@dataclass(frozen=True, slots=True)
class RootReport:
    """A root, how it is, and how many files are known in it."""

    root: Root
    reason: str | None  # why it is offline, None if it is not
    watched_by: str | None  # "inotify", "polling", or None while nobody watches it
    files: Mapping[FileState, int]
