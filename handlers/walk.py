"""The photographs below a folder as they are on the disk, with their stats, in the order of the catalog.

Blocking: a scan pulls chunk after chunk in a thread. One folder's entries are in memory at a time.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import chain, islice
from operator import itemgetter

from handlers.filters import PathFilter
from handlers.roots import is_below
from store.entries import FileEntry, entry_of


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

    def chunks(self, size: int) -> Iterator[list[FileEntry]]:
        """All files, `size` at a time."""
        files = chain.from_iterable(self._runs())
        while chunk := list(islice(files, size)):
            yield chunk

    def _runs(self) -> Iterator[list[FileEntry]]:
        """All files, in lists of which none reaches past a folder."""
        self._real_start = os.path.realpath(self._start)
        self._enter(self._start)
        pending = [iter(self._list(self._start))]
        while pending:
            step = next(pending[-1], None)
            if step is None:
                pending.pop()
            elif isinstance(step, str):
                pending.append(iter(self._list(step)))
            else:
                yield step

    def _list(self, directory: str) -> list[list[FileEntry] | str]:
        """A folder's files, and between them its folders, each where its path with a slash comes."""
        files, folders = self._examined(directory)
        files.sort()
        steps: list[list[FileEntry] | str] = []
        start = 0
        for place, folder in sorted((os.fsencode(path) + b"/", path) for path in folders):
            end = bisect_left(files, place, key=itemgetter(0))
            steps += files[start:end], folder
            start = end
        return [*steps, files[start:]]

    def _examined(self, directory: str) -> tuple[list[FileEntry], list[str]]:
        """The wanted files and folders in a folder, in no order."""
        files: list[FileEntry] = []
        folders: list[str] = []
        if not self._wanted.wants_directory(directory):
            return files, folders
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    self._examine(entry, files, folders)
        except (FileNotFoundError, NotADirectoryError):
            return [], []
        except OSError:
            self.unreadable.append(directory)
            return [], []
        return files, folders

    def _examine(self, entry: os.DirEntry[str], files: list[FileEntry], folders: list[str]) -> None:
        try:
            if entry.is_symlink() and not self._follow:
                return
            if entry.is_dir():
                if self._wants_folder(entry):
                    folders.append(entry.path)
            elif self._wanted.wants_name(entry.name, entry.path) and entry.is_file():
                files.append(entry_of(entry.path, entry.stat()))
        except FileNotFoundError:  # gone since it was listed
            pass
        except OSError:
            self.unreadable.append(entry.path)

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
