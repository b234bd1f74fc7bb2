"""The files of a root as a scan compares them with the disk, by the hundred thousand: bare, and in order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TypeAlias

from store.columns import signed
from store.database import Database
from store.unbroken import to_the_end

# One range of the index, less the names that only begin alike (`a-b` sorts between `a` and `a/`).
_QUERY = """
    SELECT path, size, mtime_ns, inode, device, state = 'missing' FROM file
    WHERE root_id = :root AND path {after} :bound AND path < :end AND (path = :own OR path >= :inside)
    ORDER BY path LIMIT :chunk
"""
_FIRST, _NEXT = _QUERY.format(after=">="), _QUERY.format(after=">")

# (path, size, mtime_ns, inode, device, missing): a path with its stat as the catalog keeps them, the path as bytes,
# inode and device as signed numbers; `missing` is 1 if the file is known to be gone. Where the disk gives an equal
# entry, nothing has happened. Plain tuples, because the garbage collector lets go of them at first sight: named ones,
# by the hundred thousand, make it walk the whole heap again and again, which took a quarter of a scan.
FileEntry: TypeAlias = tuple[bytes, int, int, int, int, int]


def entry_of(path: str, stat: os.stat_result) -> FileEntry:
    """The entry of a file on the disk."""
    return os.fsencode(path), stat.st_size, stat.st_mtime_ns, signed(stat.st_ino), signed(stat.st_dev), 0


class EntryStore:
    """Look-ups of file rows as entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under(
        self, root_id: int, directory: str | None = None, *, chunk: int = 1000
    ) -> AsyncIterator[list[FileEntry]]:
        """The files of a root, or of one folder in it and all below, in the order of `os.fsencode(path)`.

        A row at the folder's own path (a file that became a folder, or the reverse) belongs to it. Each chunk
        is read on its own, so writers are never held up; rows that change meanwhile may be seen either way.
        """
        own = os.fsencode(directory or "").rstrip(b"/")
        bounds = {"own": own, "inside": own + b"/", "end": own + b"0"}  # "0" is the byte after "/"
        query, bound = _FIRST, own
        while True:
            entries = await self._read(query, {**bounds, "root": root_id, "bound": bound, "chunk": chunk})
            if entries:
                yield entries
            if len(entries) < chunk:
                return
            query, bound = _NEXT, entries[-1][0]

    async def _read(self, query: str, parameters: dict[str, object]) -> list[FileEntry]:
        """Past SQLAlchemy's own results: converting rows to them takes twice as long as reading them."""
        async with self._database.read() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101 - only a connection that was given back has none
            return list(await to_the_end(driver.execute_fetchall(query, parameters)))
