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
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from store.engine_errors import wrapped
from store.unbroken import to_the_end

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
        # Last: only a connection that may write moves the WAL into the file on its way out.
        await self._writer.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees the catalog as it is now, whatever is written meanwhile. It cannot write."""
        with wrapped(self.path):
            async with _opened(self._readers) as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """The one writing transaction: committed when the block ends, rolled back when it raises."""
        async with self._write_lock:
            with wrapped(self.path):
                async with _opened(self._writer) as connection:
                    yield connection
                    await to_the_end(connection.commit())


@asynccontextmanager
async def _opened(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool; what is not committed when it goes back is rolled back."""
    connection = _Connection(engine)
    try:
        await to_the_end(connection.start())
        yield connection
    finally:
        if connection.sync_connection is not None:  # it was started, even if the caller was cancelled meanwhile
            await to_the_end(connection.close())


class _Connection(AsyncConnection):
    """Runs each statement to its end, and lets a cancellation of the caller take effect only then.

    A cancelled statement would go on in the driver's thread while SQLAlchemy, which cannot know how it ends, drops
    the connection: a `BEGIN IMMEDIATE` that goes through after that holds the write lock for ever.
    """

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """See AsyncConnection."""
        return await to_the_end(super().execute(*args, **kwargs))

    async def exec_driver_sql(self, *args: Any, **kwargs: Any) -> Any:
        """See AsyncConnection."""
        return await to_the_end(super().exec_driver_sql(*args, **kwargs))


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
