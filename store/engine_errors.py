"""SQLite's errors as this package's, by SQLite's own result codes (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from store.errors import CatalogDamagedError, CatalogUnavailableError, DiskSpaceError, StoreError

_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE,  # growing the shared-memory file of the WAL: a full disk shows here first
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


@contextmanager
def wrapped(path: Path) -> Iterator[None]:
    """Raise what is wrong with the file as a StoreError; a faulty statement stays what it is, a bug."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        stated = _stated(getattr(cause, "sqlite_errorcode", None), path, cause)
        if stated is None:
            raise
        raise stated from error


def damaged(path: Path, cause: str) -> CatalogDamagedError:
    """The error for a damaged catalog, with the ways out."""
    return CatalogDamagedError(
        f"{path} is damaged ({cause}). Put a backup in its place (`photond restore` will do so, but is not in this "
        "version yet: copy the state directory back by hand), or move it away and let photond index the photos again. "
        "The photos themselves are untouched"
    )


def _stated(code: int | None, path: Path, cause: BaseException | None) -> StoreError | None:
    if code is None:
        return None
    primary = code & 0xFF  # the rest of an extended code tells the circumstances
    if code in _FULL or primary in _FULL:
        return DiskSpaceError(f"no space left for the catalog {path}: free some, nothing is lost meanwhile")
    if primary in _DAMAGED:
        return damaged(path, str(cause))
    if primary in _UNAVAILABLE:
        return CatalogUnavailableError(f"{path} cannot be used: {cause}")
    return None
