"""The catalog's file: migrations, versions, damage, a full disk, crashes."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine

from store.catalog import FILE_NAME, Catalog
from store.database import Database
from store.errors import CatalogDamagedError, CatalogUnavailableError, DiskSpaceError, SchemaTooNewError
from store.migrate import upgrade
from store.records import JobKind, NewTask
from store.schema import metadata

if TYPE_CHECKING:
    from tests.store.conftest import Library


def test_migrations_make_the_schema_that_the_code_declares(tmp_path: Path) -> None:
    upgrade(tmp_path / "new.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = set(connection.scalars(text("SELECT sql FROM sqlite_master WHERE sql NOT LIKE '%alembic%'")))
    engine.dispose()
    declared_engine = create_engine("sqlite://")
    metadata.create_all(declared_engine)
    with declared_engine.connect() as connection:
        declared = set(connection.scalars(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")))
    declared_engine.dispose()

    def shape(statements: set[str]) -> set[str]:  # column types apart: migrations name SQLite's, not ours
        return {" ".join(s.replace("VARCHAR(16)", "TEXT").split()) for s in statements}

    assert {s for s in shape(declared) if s.startswith("CREATE INDEX")} == {
        s for s in shape(migrated) if s.startswith("CREATE INDEX")
    }
    for constraint in ("CHECK", "AUTOINCREMENT", "WITHOUT ROWID", "CASCADE"):
        assert sum(s.count(constraint) for s in migrated) == sum(s.count(constraint) for s in declared), constraint


async def test_opening_again_finds_what_was_written(tmp_path: Path) -> None:
    first = Catalog(tmp_path / "state")
    await first.open()
    await first.collections.create("holidays", "by the sea")
    await first.close()
    await first.close()
    assert {path.name for path in (tmp_path / "state").iterdir()} == {FILE_NAME}  # the WAL went into the file
    second = Catalog(tmp_path / "state")
    await second.open()
    assert (await second.collections.get("holidays")).description == "by the sea"
    await second.close()


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    catalog = Catalog(tmp_path)
    with pytest.raises(SchemaTooNewError, match="9999"):
        await catalog.open()
    await catalog.close()
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this was a catalog once" * 500)
    catalog = Catalog(tmp_path)
    with pytest.raises(CatalogDamagedError, match="photond restore"):
        await catalog.open()
    await catalog.close()


async def test_damage_inside_the_file_is_told_when_it_is_met(library: Library, tmp_path: Path) -> None:
    tasks = await library.lease(*(f"/a/{n}.jpg" for n in range(200)))
    await library.catalog.commit([library.indexed(task, task.path) for task in tasks])
    await library.catalog.close()
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(CatalogDamagedError):
        await library.catalog.images.page(100)


async def test_a_folder_in_its_place_makes_the_catalog_unavailable(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    catalog = Catalog(tmp_path)
    with pytest.raises(CatalogUnavailableError):
        await catalog.open()
    await catalog.close()


async def test_a_full_disk_is_told_and_nothing_is_lost(library: Library) -> None:
    catalog = library.catalog
    tasks = await library.lease(*(f"/a/{n:04}.jpg" for n in range(1000)))
    outcomes = [library.indexed(task, task.path) for task in tasks]

    def no_more_pages(connection: sqlite3.Connection, *_rest: object) -> None:
        connection.execute("PRAGMA max_page_count = 100")

    event.listen(Engine, "checkout", no_more_pages)
    try:
        with pytest.raises(DiskSpaceError) as raised:
            await catalog.commit(outcomes)
    finally:
        event.remove(Engine, "checkout", no_more_pages)
    assert raised.value.retryable
    assert (await catalog.images.totals()).images == 0
    assert (await catalog.queue.depth()).leased == 1000

    await catalog.close()  # the next connection has no such limit
    await catalog.commit(outcomes)
    assert (await catalog.images.totals()).images == 1000


async def test_a_lock_of_another_process_makes_the_catalog_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.BUSY_SECONDS", 0.05)
    catalog = Catalog(tmp_path)
    await catalog.open()
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.undo()
    with pytest.raises(CatalogUnavailableError, match="locked"):
        await catalog.collections.ensure("x")
    other.execute("ROLLBACK")
    other.close()
    await catalog.collections.ensure("x")
    await catalog.close()


async def test_readers_see_one_moment_and_do_not_wait(catalog: Catalog, tmp_path: Path) -> None:
    database = Database(tmp_path / FILE_NAME)
    count = text("SELECT count(*) FROM collection")
    async with database.read() as reader:
        assert await reader.scalar(count) == 0
        await catalog.collections.create("new")
        assert await reader.scalar(count) == 0
    async with database.read() as reader:
        assert await reader.scalar(count) == 1
    await database.close()


async def test_a_reading_connection_cannot_write(catalog: Catalog, tmp_path: Path) -> None:
    database = Database(tmp_path / FILE_NAME)
    with pytest.raises(CatalogUnavailableError, match="readonly"):
        async with database.read() as reader:
            await reader.execute(text("DELETE FROM collection"))
    await database.close()


async def test_a_cancelled_write_is_rolled_back_and_frees_the_writer(catalog: Catalog, tmp_path: Path) -> None:
    database = Database(tmp_path / FILE_NAME)
    written = asyncio.Event()

    async def write_and_hang() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO collection VALUES (1, 'half', '', 0)"))
            written.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(write_and_hang())
    await written.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with database.write() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM collection")) == 0
    await database.close()


CRASH = """
import asyncio, os, sys
from pathlib import Path
import store.commit
from store.catalog import Catalog
from store.records import Failed, FileStat, JobKind, NewTask
from store.roots import RootSpec

async def die(*_):
    os._exit(9)

async def main(folder, when):
    catalog = Catalog(Path(folder))
    await catalog.open()
    (root,) = await catalog.roots.sync_config([RootSpec("/a", "one")])
    job = await catalog.jobs.create(JobKind.SCAN)
    await catalog.queue.put([NewTask(f"/a/{n}.jpg", root.id, job.id) for n in range(10)])
    tasks = await catalog.queue.lease(4)
    if when == "before":
        store.commit.count_jobs = die  # all rows are written by then, and the transaction is open
    await catalog.commit([Failed(task, FileStat(1, 1, 1, 1), "DECODE_FAILED", "no image") for task in tasks])
    await die()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_leaves_a_commit_whole_or_undone(tmp_path: Path, when: str) -> None:
    crashed = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASH, str(tmp_path), when)
    assert await crashed.wait() == 9
    catalog = Catalog(tmp_path)
    await catalog.open()
    assert await catalog.queue.recover() == (4 if when == "before" else 0)
    await catalog.jobs.recover()
    attempts = [task.attempts for task in await catalog.queue.lease(20)]
    assert attempts == ([2] * 4 + [1] * 6 if when == "before" else [1] * 6)
    failures = await catalog.files.failures(20)
    (job,) = await catalog.jobs.running()
    assert (job.total, job.closed) == (10, True)
    assert job.failed == len(failures.items) == (0 if when == "before" else 4)
    await catalog.close()


async def test_names_of_any_bytes_survive(library: Library) -> None:
    names = ["/a/caf\udce9.jpg", "/a/\U0001f600.jpg", "/a/new\nline.jpg", "/a/'; DROP TABLE file; --.jpg"]
    for name in names:
        await library.index(name, name.encode("utf-8", "surrogateescape").hex())
    assert set(await library.catalog.files.by_paths(names)) == set(names)
    job = await library.catalog.jobs.create(JobKind.INGEST, names[0])
    assert job.path == names[0]
    root = library.roots["/a"]
    assert await library.catalog.queue.put([NewTask(names[0], root.id, job.id)]) == 1
    (task,) = await library.catalog.queue.lease(1)
    assert task.path == names[0]
