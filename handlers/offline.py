"""Is a watch root really there? The one place that decides it.

A disk that is not mounted looks like an empty folder, and an empty folder looks like a hundred thousand deletions. So
before a file is called gone, its root is looked at. A root that does not exist, cannot be listed, lies on another
device than before (a mount came or went), or is empty although photos are known in it, is offline: it says nothing
about its files.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from handlers.filters import PathFilter
from store.catalog import Catalog
from store.records import FileState, Root, RootState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is at a root's path."""

    absence: str | None = None  # why nothing can be seen
    identity: tuple[int, int] | None = None  # device and inode
    empty: bool = True  # of photographs, and of folders that could hold some


class RootPresence:
    """Looks at roots, and keeps their state in the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seen: dict[int, tuple[int, int]] = {}

    async def look(self, root: Root) -> str | None:
        """Why the root is offline, or None if it is not; its state in the catalog is set by it."""
        sight = await asyncio.to_thread(see, root)
        reason = sight.absence
        if reason is None and sight.empty:
            present = await self._catalog.files.count(root.id, FileState.PRESENT)
            reason = f"is empty, but {present} photos are known in it" if present else None
        if reason is None and sight.identity is not None:
            self._seen[root.id] = sight.identity
        state = RootState.ONLINE if reason is None else RootState.OFFLINE
        if state is not root.state:
            log.warning("root_state", root=root.path, state=state.value, reason=reason)
            await self._catalog.roots.set_state(root.id, state)
        return reason

    async def believed(self, roots: Sequence[Root]) -> set[int]:
        """Ids of those roots whose files are gone when they are not found: the last photo of a root included."""
        sights = await asyncio.to_thread(lambda: [(root, see(root)) for root in roots])
        return {root.id for root, sight in sights if self._is_believed(root, sight)}

    def _is_believed(self, root: Root, sight: Sight) -> bool:
        if sight.identity is None:
            return False
        seen = self._seen.get(root.id)
        if sight.empty:
            return sight.identity == seen
        return seen is None or seen[0] == sight.identity[0]


def see(root: Root) -> Sight:
    """Look at the root's folder. Blocking."""
    try:
        stat = os.stat(root.path)  # noqa: PTH116 - the path is text of any bytes
        with os.scandir(root.path) as entries:
            empty = not _any_wanted(root, entries)
    except FileNotFoundError:
        return Sight("does not exist")
    except OSError as error:
        return Sight(f"cannot be read: {error.strerror}")
    return Sight(identity=(stat.st_dev, stat.st_ino), empty=empty)


def _any_wanted(root: Root, entries: Iterable[os.DirEntry[str]]) -> bool:
    wanted = PathFilter(root.path, recursive=root.recursive, exclude=root.exclude)
    return any(
        wanted.wants_directory(entry.path) if entry.is_dir() else wanted.wants_file(entry.path) for entry in entries
    )
