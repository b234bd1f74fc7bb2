"""What the watcher tells: one change of one path, in terms that no library owns."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class EventKind(enum.StrEnum):
    """What happened. Kinds are hints about how soon the path comes to rest; what is true is on the disk."""

    CREATED = "created"
    MODIFIED = "modified"
    CLOSED = "closed"  # complete as its writer sees it: closed after writing, or renamed into place
    MOVED = "moved"
    DELETED = "deleted"
    OVERFLOW = "overflow"  # events below `path` were lost


@dataclass(frozen=True, slots=True)
class FileEvent:
    """A change at `path`; `dest` is where it went, for MOVED alone."""

    kind: EventKind
    path: str
    is_directory: bool = False
    dest: str | None = None
