"""The photographs below a folder as they are on the disk, with their stats, in the order of the catalog.

Blocking: a scan pulls chunk after chunk in a thread. One folder's entries are in memory at a time.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from handlers.filters import PathFilter
from handlers.roots import is_below
from store.records import FileStat


class DiskFile(NamedTuple):
    """A photograph on the disk."""

    path: str
    stat: FileStat


class Walk:
    """One walk from `start` down. Yields in the order of `os.fsencode(path)`, each path once.

    `foreign` folders, which are roots of their own, are not entered. Symbolic links are passed over unless
    `follow_symlinks`; then a folder is entered once at most, so that no loop of links is endless, and a link
    to a folder that the walk meets anyway is not followed. What cannot be examined is listed in `unreadable`,
    where nothing may be concluded from its absence.
    """

    def __init__(
        self, start: str, wanted: PathFilter, *, foreign: Collection[str] = (), follow_symlinks: bool = False
    ) -> None:
        self.unreadable: list[str] = []
        self._start = start
        self._wanted = wanted
        self._foreign = frozenset(foreign)
        self._follow = follow_symlinks
        self._entered: set[tuple[int, int]] = set()

    def chunks(self, size: int) -> Iterator[list[DiskFile]]:
        """All files, `size` at a time."""
        files = self._files()
        while chunk := list(islice(files, size)):
            yield chunk

    def _files(self) -> Iterator[DiskFile]:
        self._real_start = os.path.realpath(self._start)
        self._enter(self._start)
        pending = [iter(self._entries(self._start))]
        while pending:
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
            elif isinstance(entry, DiskFile):
                yield entry
            else:
                pending.append(iter(self._entries(entry)))

    def _entries(self, directory: str) -> list[DiskFile | str]:
        """Files, and folders as bare paths, sorted so that a folder's files come where its path does."""
        found: list[tuple[bytes, DiskFile | str]] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if (item := self._examine(entry)) is not None:
                        slash = "/" if isinstance(item, str) else ""
                        found.append((os.fsencode(entry.name + slash), item))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError:
            self.unreadable.append(directory)
            return []
        found.sort(key=lambda pair: pair[0])
        return [item for _, item in found]

    def _examine(self, entry: os.DirEntry[str]) -> DiskFile | str | None:
        try:
            if entry.is_symlink() and not self._follow:
                return None
            if entry.is_dir():
                return entry.path if self._wants_folder(entry) else None
            if not self._wanted.wants_file(entry.path) or not entry.is_file():
                return None
            return DiskFile(entry.path, _file_stat(entry.stat()))
        except FileNotFoundError:  # gone since it was listed
            return None
        except OSError:
            self.unreadable.append(entry.path)
            return None

    def _wants_folder(self, entry: os.DirEntry[str]) -> bool:
        if not self._wanted.wants_directory(entry.path) or entry.path in self._foreign:
            return False
        if not self._follow:
            return True
        if entry.is_symlink() and is_below(os.path.realpath(entry.path), self._real_start):
            return False
        return self._enter(entry.path)

    def _enter(self, directory: str) -> bool:
        """Note that a folder is entered; False if it was before, under this or another name."""
        if not self._follow:
            return True
        try:
            stat = os.stat(directory)  # noqa: PTH116 - the path is text of any bytes
        except OSError:
            return True  # listing it will tell why
        identity = (stat.st_dev, stat.st_ino)
        new = identity not in self._entered
        self._entered.add(identity)
        return new


def _file_stat(stat: os.stat_result) -> FileStat:
    return FileStat(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev)
