"""What has become of a path, told from its stat and the catalog alone.

A task only says that a path may differ from the catalog. Most differences need no look into the file: a rename keeps
(device, inode, size, mtime), a hard link shares them, a deletion has none. Only what remains is read.
"""

from __future__ import annotations

import asyncio
import os
import stat as stat_module
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handlers.filters import PathFilter
from handlers.offline import RootPresence
from store.catalog import Catalog
from store.records import (
    Attached,
    Deferred,
    Failed,
    FileRecord,
    FileStat,
    FileState,
    Moved,
    NewTask,
    Outcome,
    Root,
    Task,
    Unchanged,
    Vanished,
)

RETRY_STAT = 5.0  # seconds until a path that could not be examined is examined again


@dataclass(frozen=True, slots=True)
class ToRead:
    """The content must be read to know more."""

    task: Task
    stat: FileStat


@dataclass(slots=True)
class Verdicts:
    """What a batch of tasks comes to."""

    outcomes: list[Outcome] = field(default_factory=list)
    to_read: list[ToRead] = field(default_factory=list)
    also_changed: list[NewTask] = field(default_factory=list)  # other names of changed files, to be queued

    def add(self, verdict: Outcome | ToRead) -> None:
        """Put a verdict where it belongs."""
        if isinstance(verdict, ToRead):
            self.to_read.append(verdict)
        else:
            self.outcomes.append(verdict)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """The path could not be examined: nothing may be concluded."""

    reason: str


_Look = FileStat | _Unknown | None  # None: nothing there that could be indexed


class Classifier:
    """Sorts tasks by what the disk and the catalog say, in a handful of queries a batch."""

    def __init__(self, catalog: Catalog, presence: RootPresence, *, follow_symlinks: bool, max_attempts: int) -> None:
        self._catalog = catalog
        self._presence = presence
        self._follow_symlinks = follow_symlinks
        self._max_attempts = max_attempts

    async def classify(self, tasks: Sequence[Task]) -> Verdicts:
        """Verdicts on all tasks. Each task is in exactly one place of the answer."""
        roots = {root.id: root for root in await self._catalog.roots.all()}
        looks = await asyncio.to_thread(self._look_at, tasks, roots)
        rows = await self._catalog.files.by_paths([task.path for task in tasks])
        stats = [found for found in looks.values() if isinstance(found, FileStat)]
        twins = await self._catalog.files.by_identity(stats)
        gone = await asyncio.to_thread(self._gone, [row for same in twins.values() for row in same])
        batch = _Batch(rows, twins, gone)
        verdicts = Verdicts()
        vanished: list[Task] = []
        for task in tasks:
            found = looks[task.path]
            if isinstance(found, _Unknown):
                verdicts.add(self._unknown(task, found, rows.get(task.path)))
            elif found is None:
                vanished.append(task)
            else:
                verdicts.add(batch.arrival(task, found))
        verdicts.outcomes += await self._vanished(vanished, batch, roots)
        changed = {one.task: one.stat for one in verdicts.to_read}
        left = {task: row.stat for task in tasks if (row := rows.get(task.path)) and _is_left(row, looks[task.path])}
        verdicts.also_changed = [
            NewTask(row.path, row.root_id, task.job_id, task.priority)
            for task, row in await self._under_other_names([*changed.items(), *left.items()])
            if task in left or row.stat != changed[task]
        ]
        return verdicts

    async def _under_other_names(self, stats: Sequence[tuple[Task, FileStat]]) -> list[tuple[Task, FileRecord]]:
        """Hard links: an event names the path that a file was written through, and no other of its paths.

        That path may be gone since, or hold another file; then the row that was there tells which file it was.
        """
        told = {task.path for task, _ in stats}
        by_inode = {(stat.device, stat.inode): task for task, stat in stats}
        rows = await self._catalog.files.by_inode([stat for _, stat in stats])
        return [(by_inode[row.stat.device, row.stat.inode], row) for row in rows if row.path not in told]

    def _look_at(self, tasks: Sequence[Task], roots: Mapping[int, Root]) -> dict[str, _Look]:
        """What is at each path. A file that its root does not want (any more) is as good as gone."""
        filters = {
            root_id: PathFilter(root.path, recursive=root.recursive, exclude=root.exclude)
            for root_id, root in roots.items()
        }
        return {
            task.path: look(task.path, follow_symlinks=self._follow_symlinks)
            if task.root_id in filters and filters[task.root_id].wants_file(task.path)
            else None
            for task in tasks
        }

    def _gone(self, rows: Sequence[FileRecord]) -> set[int]:
        """Rows whose path is seen not to hold that very file any more: those can have moved."""
        looks = ((row, look(row.path, follow_symlinks=self._follow_symlinks)) for row in rows)
        return {row.id for row, found in looks if found != row.stat and not isinstance(found, _Unknown)}

    def _unknown(self, task: Task, found: _Unknown, row: FileRecord | None) -> Outcome:
        if task.attempts < self._max_attempts:
            return Deferred(task, RETRY_STAT * 2 ** (task.attempts - 1), "UNREADABLE", found.reason)
        if row is not None:
            return Unchanged(task)  # it cannot be seen, which does not mean that it is gone
        return Failed(task, FileStat(0, 0, 0, 0), "UNREADABLE", found.reason)

    async def _vanished(self, tasks: Sequence[Task], batch: _Batch, roots: Mapping[int, Root]) -> list[Outcome]:
        concerned = [roots[root_id] for root_id in {task.root_id for task in tasks} if root_id in roots]
        believed = await self._presence.believed(concerned)
        hidden: set[str] = set()
        for root in concerned:
            hidden |= await self._presence.hidden(root, [task.path for task in tasks if task.root_id == root.id])
        return [
            Vanished(task)
            if task.root_id in believed and task.path not in hidden and not batch.has_moved(task.path)
            else Unchanged(task)
            for task in tasks
        ]


class _Batch:
    """The catalog's view of one batch, with the rows that moves of this batch have taken."""

    def __init__(self, rows: dict[str, FileRecord], twins: dict[FileStat, list[FileRecord]], gone: set[int]) -> None:
        self._rows = rows
        self._twins = twins
        self._gone = gone
        self._taken: set[int] = set()

    def arrival(self, task: Task, found: FileStat) -> Outcome | ToRead:
        """What a file on disk is to the catalog."""
        row = self._rows.get(task.path)
        if task.force:
            return ToRead(task, found)
        if row is not None and row.stat == found and row.image_id is not None:
            as_known = row.state is FileState.PRESENT and row.root_id == task.root_id
            return Unchanged(task) if as_known else Attached(task, found, row.image_id)
        for twin in self._twins.get(found, ()):
            if twin.image_id is None or twin.path == task.path or twin.id in self._taken:
                continue
            if twin.id not in self._gone:
                return Attached(task, found, twin.image_id)  # a hard link
            if row is None:
                self._taken.add(twin.id)
                return Moved(task, found, twin.id)
            # Renamed over a path that has a row: reading settles it, since rows of two files may have swapped.
        return ToRead(task, found)

    def has_moved(self, path: str) -> bool:
        """Whether a move of this batch took the row at this path, so that its vanishing is already told."""
        row = self._rows.get(path)
        return row is not None and row.id in self._taken


def _is_left(row: FileRecord, found: _Look) -> bool:
    """Whether the file of the row is seen not to be at its path any more."""
    if isinstance(found, FileStat):
        return (found.device, found.inode) != (row.stat.device, row.stat.inode)
    return found is None


def look(path: str, *, follow_symlinks: bool) -> _Look:
    """Stat of the regular file at a path, None if there is none, or why it cannot be told. Blocking."""
    try:
        found = os.stat(path, follow_symlinks=follow_symlinks)  # noqa: PTH116 - any bytes are a path
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _Unknown(f"cannot be examined: {error.strerror}")
    if not stat_module.S_ISREG(found.st_mode):
        return None
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)
