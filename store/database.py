"""One SQLite file: many readers beside one writer.

The driver is told to leave transactions alone (`isolation_level=None`) and SQLAlchemy's begin event opens
them: `BEGIN` for readers, who see one snapshot; `BEGIN IMMEDIATE` for the writer, so that the lock is taken
before the first read and no transaction fails half way because another wrote meanwhile
(https://docs.sqlalchemy.org/en/20/dialects/sqlite.html, "Enabling Non-Legacy SQLite Transactional Modes").
`synchronous=FULL`: a commit that returned survives a power cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from store.engine_errors import wrapped

READERS = 4  # connections, each a thread; more readers wait for one
BUSY_SECONDS = 10.0  # how long to wait for a lock of another process (a backup, a command beside the daemon)


class Database:
    """The catalog's file, once `store.migrate` has brought it to this version's schema.

    `read()` and `write()` raise DiskSpaceError, CatalogDamagedError or CatalogUnavailableError for what goes
    wrong with the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write_lock = asyncio.Lock()
        self._writer = _engine(path, "BEGIN IMMEDIATE", connections=1)
        self._readers = _engine(path, "BEGIN", connections=READERS, query_only=True)

    async def open(self) -> None:
        """Open the file, to fail now rather than at the first use."""
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")

    async def close(self) -> None:
        """Close all connections. May be called twice; the next use opens new ones."""
        await self._readers.dispose()
        await (
            self._writer.dispose()
        )  # last: only a connection that may write moves the WAL into the file on its way out

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees the catalog as it is now, whatever is written meanwhile. It cannot write."""
        with wrapped(self.path):
            async with self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """The one writing transaction: committed when the block ends, rolled back when it raises."""
        async with self._write_lock:
            with wrapped(self.path):
                async with self._writer.begin() as connection:
                    yield connection


def _engine(path: Path, begin: str, *, connections: int, query_only: bool = False) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=connections,
        max_overflow=0,
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
    )

    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA query_only = {int(query_only)}")
        cursor.close()

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", configure)
    event.listen(engine.sync_engine, "begin", begin_transaction)
    return engine
