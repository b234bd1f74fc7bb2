"""Files: the paths that the catalog knows, and those in quarantine."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Row, Select, func, literal, select, tuple_, type_coerce

from store import schema
from store.columns import signed, to_microseconds
from store.database import Database
from store.paging import Page, decode_cursor, encode_cursor
from store.records import Failure, FileRecord, FileStat, FileState
from store.sql import chunks

_file = schema.file
_path_bytes = type_coerce(_file.c.path, LargeBinary)


class FileStore:
    """Look-ups of file rows. They change in `Catalog.commit` only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_paths(self, paths: Iterable[str]) -> dict[str, FileRecord]:
        """The rows at those of the paths that are known."""
        found: dict[str, FileRecord] = {}
        async with self._database.read() as connection:
            for some in chunks(list(paths)):
                rows = await connection.execute(select(_file).where(_file.c.path.in_(some)))
                found.update({row.path: file_record(row) for row in rows})
        return found

    async def by_identity(self, stats: Sequence[FileStat]) -> dict[FileStat, list[FileRecord]]:
        """Rows of images with exactly these stats: the same file, maybe under a new name.

        Missing files count too, failed ones do not. Stats that no row has are left out.
        """
        wanted = [(signed(s.inode), signed(s.device), s.size, s.mtime_ns) for s in dict.fromkeys(stats)]
        each = func.json_each(json.dumps(wanted)).table_valued("value")
        parts = [func.json_extract(each.c.value, f"$[{n}]") for n in range(4)]
        columns = [_file.c.inode, _file.c.device, _file.c.size, _file.c.mtime_ns]
        query = (
            select(_file)
            .select_from(each.join(_file, _all(columns, parts)))
            .where(_file.c.image_id.is_not(None))
            .order_by(_file.c.id)
        )
        found: dict[FileStat, list[FileRecord]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                record = file_record(row)
                found.setdefault(record.stat, []).append(record)
        return found

    async def by_inode(self, stats: Iterable[FileStat]) -> list[FileRecord]:
        """Rows of the same files as these by device and inode, whatever their size and mtime; missing ones left out."""
        wanted = list({(signed(stat.inode), signed(stat.device)) for stat in stats})
        each = func.json_each(json.dumps(wanted)).table_valued("value")
        parts = [func.json_extract(each.c.value, f"$[{n}]") for n in range(2)]
        query = (
            select(_file)
            .select_from(each.join(_file, _all([_file.c.inode, _file.c.device], parts)))
            .where(_file.c.state != FileState.MISSING)
        )
        async with self._database.read() as connection:
            return [file_record(row) for row in await connection.execute(query)]

    async def under(
        self, root_id: int, directory: str | None = None, *, chunk: int = 5000
    ) -> AsyncIterator[list[FileRecord]]:
        """The rows of a root, or of one folder in it and all below, in the order of `os.fsencode(path)`.

        A row at the folder's own path (a file that became a folder, or the reverse) belongs to it. Each chunk
        is read on its own, so writers are never held up; rows that change meanwhile may be seen either way.
        """
        after: bytes | None = None
        while True:
            query = select(_file).where(_file.c.root_id == root_id).order_by(_file.c.path).limit(chunk)
            if directory is not None:
                query = query.where(*_within(directory))
            if after is not None:
                query = query.where(_path_bytes > after)
            async with self._database.read() as connection:
                records = [file_record(row) for row in await connection.execute(query)]
            if records:
                yield records
            if len(records) < chunk:
                return
            after = os.fsencode(records[-1].path)

    async def count(self, root_id: int | None = None, state: FileState | None = None) -> int:
        """How many rows, of one root or all, in one state or any."""
        query = select(func.count()).select_from(_file)
        if root_id is not None:
            query = query.where(_file.c.root_id == root_id)
        if state is not None:
            query = query.where(_file.c.state == state)
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def count_by_root(self) -> dict[int, dict[FileState, int]]:
        """How many rows each root has in each state; states and roots without any are left out."""
        query = select(_file.c.root_id, _file.c.state, func.count().label("files"))
        found: dict[int, dict[FileState, int]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query.group_by(_file.c.root_id, _file.c.state)):
                found.setdefault(row.root_id, {})[row.state] = row.files
        return found

    async def sample(self, root_id: int, limit: int) -> list[FileRecord]:
        """Present files of a root, drawn anew each time."""
        mine = (_file.c.root_id == root_id) & (_file.c.state == FileState.PRESENT)
        async with self._database.read() as connection:
            rows = await connection.execute(select(_file).where(mine).order_by(func.random()).limit(limit))
            return [file_record(row) for row in rows]

    async def failures(self, limit: int, cursor: str | None = None) -> Page[Failure]:
        """What is in quarantine, the newest first. Raises InvalidCursorError."""
        query = _failed(select(_file)).order_by(_file.c.failed_at.desc(), _file.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            at, file_id = decode_cursor("failures", cursor, int, int)
            query = query.where(tuple_(_file.c.failed_at, _file.c.id) < tuple_(literal(at), file_id))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        shown = rows[:limit]
        following = None
        if len(rows) > limit:
            following = encode_cursor("failures", [to_microseconds(shown[-1].failed_at), shown[-1].id])
        return Page([failure for row in shown if (failure := file_record(row).failure)], following)

    async def failed_paths(self, paths: Iterable[str] | None = None) -> list[tuple[str, int]]:
        """Path and root id of what is in quarantine: all of it, the oldest first, or those of the paths."""
        query = _failed(select(_file.c.path, _file.c.root_id)).order_by(_file.c.failed_at, _file.c.id)
        async with self._database.read() as connection:
            if paths is None:
                return [(row.path, row.root_id) for row in await connection.execute(query)]
            return [
                (row.path, row.root_id)
                for some in chunks(list(paths))
                for row in await connection.execute(query.where(_file.c.path.in_(some)))
            ]


def file_record(row: Row[Any]) -> FileRecord:
    """The record of a whole row of `file`."""
    failure = None
    if row.failed_at is not None:
        failure = Failure(
            path=row.path,
            code=row.failure_code,
            message=row.failure_message,
            attempts=row.failure_attempts,
            at=row.failed_at,
        )
    return FileRecord(
        id=row.id,
        root_id=row.root_id,
        path=row.path,
        stat=FileStat(size=row.size, mtime_ns=row.mtime_ns, inode=row.inode, device=row.device),
        state=row.state,
        image_id=row.image_id,
        failure=failure,
        missing_since=row.missing_since,
    )


def _failed(query: Select[Any]) -> Select[Any]:
    # By `failed_at`, not by `state`: SQLite uses a partial index only for its own condition, word for word.
    return query.where(_file.c.failed_at.is_not(None))


def _within(directory: str) -> list[ColumnElement[bool]]:
    """One range of the index, less the names that only begin alike (`a-b` sorts between `a` and `a/`)."""
    own = os.fsencode(directory).rstrip(b"/")
    return [
        _path_bytes >= own,
        _path_bytes < own + b"0",  # the byte after "/"
        (_path_bytes == own) | (_path_bytes >= own + b"/"),
    ]


def _all(columns: Sequence[ColumnElement[Any]], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    return tuple_(*columns) == tuple_(*values)
