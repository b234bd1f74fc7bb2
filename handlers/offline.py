"""Is a watch root really there? The one place that decides it.

A disk that is not mounted looks like an empty folder, and an empty folder looks like a hundred thousand deletions. So
before a file is called gone, its root is looked at. A root is offline, and says nothing about its files, when

- it does not exist, or cannot be listed;
- it is empty, although photos are known in it, until the user says that it is meant (`accept`);
- it lies on another device than before (a mount came or went), and of the photos known in it none is found there.

Device numbers change at a reboot or a remount; hence the photos as witnesses. Which directory a root was is kept in
the catalog, so that all of this also holds across a restart.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from handlers.absent_mounts import on_absent_mounts
from handlers.filters import PathFilter
from store.catalog import Catalog
from store.records import DirectoryIdentity, FileRecord, FileState, Root, RootState

WITNESSES = 200  # photos looked for on another device: enough that a library with gaps is recognised

ACCEPTING = "if it is meant to be so, `photond scan --accept-empty PATH` says that"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is at a root's path."""

    identity: DirectoryIdentity
    empty: bool  # of photographs, and of folders that could hold some


class RootPresence:
    """Looks at roots, and keeps in the catalog what it finds; it goes by what the catalog has of a root then."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._reasons: dict[int, str] = {}

    def reason(self, root_id: int) -> str | None:
        """Why the root was offline when it was last looked at, or None."""
        return self._reasons.get(root_id)

    async def look(self, root: Root) -> str | None:
        """Why the root is offline, or None if it is not; its state in the catalog is set by it."""
        root = await self._catalog.roots.get(root.id) or root
        sight = await asyncio.to_thread(see, root)
        reason = sight if isinstance(sight, str) else await self._doubt(root, sight)
        state = RootState.ONLINE if reason is None else RootState.OFFLINE
        if reason is None:
            self._reasons.pop(root.id, None)
        else:
            self._reasons[root.id] = reason
        if state is not root.state:
            advice = ACCEPTING if reason is not None and isinstance(sight, Sight) else None
            log.warning("root_state", root=root.path, state=state.value, reason=reason, advice=advice)
            await self._catalog.roots.set_state(root.id, state)
        return reason

    async def believed(self, roots: Sequence[Root]) -> set[int]:
        """Ids of those roots of which a file that is not found is gone, the last one included.

        An empty root is believed only as the very directory that was seen full before: then its last photo was
        deleted live.
        """
        sights = await asyncio.to_thread(lambda: [(root, see(root)) for root in roots])
        return {root.id for root, sight in sights if isinstance(sight, Sight) and _is_same(root, sight)}

    async def hidden(self, root: Root, paths: Sequence[str]) -> set[str]:
        """Those of a root's known paths, at which nothing is found, that lie on a mount in it that is away."""
        root = await self._catalog.roots.get(root.id) or root
        if root.identity is None or not paths:
            return set()
        rows = (await self._catalog.files.by_paths(paths)).values()
        return await asyncio.to_thread(on_absent_mounts, rows, root.path, root.identity.device)

    async def accept(self, root: Root) -> None:
        """The user means it: what the root's folder holds now is all that it holds, even if that is nothing.

        That goes for disks that were mounted in it, too. Nothing is forgotten by this; the next scan finds out which
        photos are missing. A folder that does not exist or cannot be listed is not accepted.
        """
        sight = await asyncio.to_thread(see, root)
        if isinstance(sight, Sight):
            await self._catalog.roots.accept(root.id, sight.identity)

    async def _doubt(self, root: Root, sight: Sight) -> str | None:
        """Why what is seen may not be the root; it is remembered if there is no doubt."""
        present = await self._catalog.files.count(root.id, FileState.PRESENT) if _is_suspect(root, sight) else 0
        if present and sight.empty:
            return f"is empty, but {present} photos are known in it"
        if present and not await self._has_witness(root):
            return f"lies on another device than before, and none of the {present} photos known in it is found there"
        if root.identity != sight.identity:
            await self._catalog.roots.seen(root.id, sight.identity)
        if root.accept_empty and not (sight.empty and await self._catalog.files.count(root.id, FileState.PRESENT)):
            await self._catalog.roots.forget_acceptance(root.id)
        return None

    async def _has_witness(self, root: Root) -> bool:
        known = await self._catalog.files.sample(root.id, WITNESSES)
        return await asyncio.to_thread(lambda: any(_is_found(record) for record in known))


def see(root: Root) -> Sight | str:
    """What there is at a root's path, or why nothing can be seen. Blocking."""
    try:
        stat = os.stat(root.path)  # noqa: PTH116 - the path is text of any bytes
        with os.scandir(root.path) as entries:
            empty = not _any_wanted(root, entries)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return Sight(DirectoryIdentity(stat.st_dev, stat.st_ino), empty)


def _any_wanted(root: Root, entries: Iterable[os.DirEntry[str]]) -> bool:
    wanted = PathFilter(root.path, recursive=root.recursive, exclude=root.exclude)
    return any(
        wanted.wants_directory(entry.path) if entry.is_dir() else wanted.wants_file(entry.path) for entry in entries
    )


def _is_elsewhere(root: Root, sight: Sight) -> bool:
    return root.identity is not None and root.identity.device != sight.identity.device


def _is_suspect(root: Root, sight: Sight) -> bool:
    if root.accept_empty and root.identity == sight.identity:
        return False
    return sight.empty or _is_elsewhere(root, sight)


def _is_same(root: Root, sight: Sight) -> bool:
    return root.identity == sight.identity or not (sight.empty or _is_elsewhere(root, sight))


def _is_found(record: FileRecord) -> bool:
    """Whether a file of its size is at its path; a copy of the library has other inodes and times."""
    try:
        return os.stat(record.path).st_size == record.stat.size  # noqa: PTH116 - the path is text of any bytes
    except OSError:
        return False
