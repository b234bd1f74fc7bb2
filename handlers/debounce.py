"""When is a changed path worth looking at? Two clocks tell: a quiet time after its last event, and a
patience.

The idea is syncthing's (lib/watchaggregator): events only mark paths as dirty; a path comes out once it has
been quiet, or after `patience` if it never is. A folder with too many dirty paths, and a whole root with too
many, becomes one *tree*, which is to be scanned and swallows what is dirty below it, so that memory stays
bounded in any flood.

Pure: time is an argument, nothing is looked up on the disk. What it promises: every path that went in comes
out, as itself or under a tree, no later than `patience` after it first went in; nothing comes out that did
not go in; nothing comes out twice unless it went in again.
"""

from __future__ import annotations

import math
import os.path
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from handlers.events import EventKind, FileEvent
from handlers.roots import deepest, is_below

# Quiet time, in seconds, after an event that says a path is complete (closed after writing, renamed into
# place, deleted). Not zero: programs save in several steps, and a rename is told as two events when it
# crosses roots.
HINTED_QUIET = 0.5

_HINTS = {EventKind.CLOSED, EventKind.MOVED, EventKind.DELETED}


@dataclass(frozen=True, slots=True)
class DuePath:
    """A path that came out: when it first went in, and whether patience, not quiet, brought it out."""

    path: str
    first: float
    overdue: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be looked at now: single files, and folders to be scanned."""

    paths: list[DuePath] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Dirty:
    first: float
    quiet_at: float

    def due_at(self, patience: float) -> float:
        return min(self.quiet_at, self.first + patience)

    def absorb(self, other: _Dirty) -> None:
        self.first = min(self.first, other.first)
        self.quiet_at = max(self.quiet_at, other.quiet_at)


class Debouncer:
    """Collects dirty paths. Times are seconds of any one clock.

    `roots` are the folders that a flood in all collapses to: each to the deepest folder that holds its dirty
    paths.
    """

    def __init__(
        self,
        quiet: float,
        patience: float,
        *,
        roots: Sequence[str] = (),
        flood_directory: int = 128,
        flood_total: int = 512,
    ) -> None:
        self.roots = roots
        self._quiet = quiet
        self._hinted_quiet = min(HINTED_QUIET, quiet)
        self._patience = patience
        self._flood_directory = flood_directory
        self._flood_total = flood_total
        self._paths: dict[str, _Dirty] = {}
        self._trees: dict[str, _Dirty] = {}
        self._in_folder: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._paths) + len(self._trees)

    def add(self, event: FileEvent, now: float) -> None:
        """Mark what the event is about."""
        quiet = self._hinted_quiet if event.kind in _HINTS else self._quiet
        for path in (event.path, event.dest):
            if path is None:
                continue
            if event.kind is EventKind.OVERFLOW or event.is_directory:
                self._mark_tree(path, _Dirty(now, now + quiet))
            else:
                self._mark_path(path, _Dirty(now, now + quiet))

    def add_tree(self, path: str, now: float) -> None:
        """Mark a folder with all below it."""
        self._mark_tree(path, _Dirty(now, now + self._quiet))

    def postpone(self, path: str, *, first: float, until: float) -> None:
        """Mark a path that was not at rest for another look; its patience runs since `first`."""
        postponed = _Dirty(first, until)
        if (known := self._paths.get(path)) is not None:
            postponed.absorb(known)
        self._mark_path(path, postponed)

    def due(self, now: float) -> Due:
        """Take out what has been quiet, and what patience has run out for."""
        due = Due()
        for path, dirty in list(self._paths.items()):
            if dirty.due_at(self._patience) <= now:
                due.paths.append(DuePath(path, dirty.first, overdue=dirty.quiet_at > now))
                self._drop(path)
        for tree, dirty in list(self._trees.items()):
            if dirty.due_at(self._patience) <= now:
                due.trees.append(tree)
                del self._trees[tree]
        return due

    def next_due(self) -> float | None:
        """When `due` has something to give, if nothing more happens; None while nothing is dirty."""
        dirty = [*self._paths.values(), *self._trees.values()]
        return min((entry.due_at(self._patience) for entry in dirty), default=None)

    def _mark_path(self, path: str, dirty: _Dirty) -> None:
        if (tree := self._tree_over(path)) is not None:
            # Under a tree no single hint counts: the folder is quiet when all in it is.
            tree.absorb(_Dirty(dirty.first, max(dirty.quiet_at, dirty.first + self._quiet)))
            return
        if (known := self._paths.get(path)) is not None:
            # The latest event decides: closing shortens the wait, another write prolongs it.
            known.first, known.quiet_at = min(known.first, dirty.first), dirty.quiet_at
            return
        self._paths[path] = dirty
        folder = os.path.dirname(path)  # noqa: PTH120 - pure text, and hot
        self._in_folder[folder] += 1
        if self._in_folder[folder] > self._flood_directory:
            self._mark_tree(folder, dirty)
        elif len(self) > self._flood_total:
            self._collapse()

    def _mark_tree(self, path: str, dirty: _Dirty) -> None:
        self._set_tree(path, dirty)
        if len(self) > self._flood_total:
            self._collapse()

    def _set_tree(self, path: str, dirty: _Dirty) -> None:
        if (tree := self._tree_over(path)) is not None:
            tree.absorb(dirty)
            return
        tree = _Dirty(dirty.first, dirty.quiet_at)
        for below in [known for known in self._paths if is_below(known, path)]:
            tree.absorb(self._paths[below])
            self._drop(below)
        for below in [known for known in self._trees if is_below(known, path)]:
            tree.absorb(self._trees.pop(below))
        self._trees[path] = tree

    def _tree_over(self, path: str) -> _Dirty | None:
        if not self._trees:
            return None
        while (tree := self._trees.get(path)) is None:
            parent = os.path.dirname(path)  # noqa: PTH120
            if parent == path:
                return None
            path = parent
        return tree

    def _drop(self, path: str) -> None:
        del self._paths[path]
        folder = os.path.dirname(path)  # noqa: PTH120
        self._in_folder[folder] -= 1
        if not self._in_folder[folder]:
            del self._in_folder[folder]

    def _collapse(self) -> None:
        """Make one tree of all that is dirty in a root; what lies in no root collapses folder by folder."""
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for folder in (*self._in_folder, *self._trees):
            groups[deepest(folder, self.roots) or folder].add(folder)
        for folders in groups.values():
            # Its times are those of what it swallows.
            self._set_tree(os.path.commonpath(folders), _Dirty(math.inf, -math.inf))
