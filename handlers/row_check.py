"""Do the catalog's rows of files still say what is on the disk? For a check without a running daemon.

A scan finds the same and more (photos without a row); this asks row by row, and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from handlers.classify import look
from store.catalog import Catalog
from store.records import FileRecord, FileStat, FileState, Root

CHUNK = 1000  # rows a visit to a thread


async def outdated_rows(catalog: Catalog, root: Root, *, follow_symlinks: bool) -> AsyncIterator[list[FileRecord]]:
    """The rows of a root, which must be there, that disagree with the disk.

    That is a file that is gone or has another stat, and a missing one that is back. What cannot be examined is passed
    over: it says nothing.
    """

    def outdated(rows: Sequence[FileRecord]) -> list[FileRecord]:
        return [row for row in rows if _is_outdated(row, follow_symlinks)]

    async for rows in catalog.files.under(root.id, chunk=CHUNK):
        yield await asyncio.to_thread(outdated, rows)


def _is_outdated(row: FileRecord, follow_symlinks: bool) -> bool:
    found = look(row.path, follow_symlinks=follow_symlinks)
    if row.state is FileState.MISSING:
        return isinstance(found, FileStat)
    return found is None or (isinstance(found, FileStat) and found != row.stat)
