"""What an earlier version wrote is still there, and means the same, after the schema has changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

import store.migrations
from store.catalog import FILE_NAME, Catalog
from store.records import FileState

LIBRARY_OF_0001 = """
INSERT INTO collection VALUES (1, 'default', '', 0);
INSERT INTO watch_root VALUES (1, '/a', 1, 'config', 1, 'auto', '[]', 'online', NULL);
INSERT INTO image (id, sha256, size, width, height, format, decode_source, orientation, indexed_at, sorts_at)
    VALUES ('i1', 's1', 1, 1, 1, 'PNG', 'full', 1, 5, 5), ('i2', 's2', 1, 1, 1, 'PNG', 'full', 1, 6, 6);
INSERT INTO file VALUES
    (1, 1, CAST('/a/present' AS BLOB), 1, 1, 1, 1, 'present', 'i1', NULL, NULL, NULL, NULL),
    (2, 1, CAST('/a/missing' AS BLOB), 1, 1, 2, 1, 'missing', 'i1', NULL, NULL, NULL, NULL);
INSERT INTO job VALUES (1, 'j', 'scan', 'running', NULL, NULL, 2, 0, 0, 0, 1, 0, NULL, NULL, NULL);
INSERT INTO task VALUES
    (1, CAST('/a/leased' AS BLOB), 1, 'j', 2, 0, 1, 1, 1, 0.0),
    (2, CAST('/a/delayed' AS BLOB), 1, 'j', 1, 1, 3, 2, 0, 99.5);
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory whose catalog the first version wrote."""
    engine = create_engine(f"sqlite:///{tmp_path / FILE_NAME}", poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.executescript(LIBRARY_OF_0001)
    database.close()
    return tmp_path


async def test_a_library_of_the_first_version_is_taken_over(state: Path) -> None:
    catalog = Catalog(state)
    await catalog.open()
    files = await catalog.files.by_paths(["/a/present", "/a/missing"])
    assert files["/a/present"].missing_since is None
    assert files["/a/missing"].state is FileState.MISSING
    assert files["/a/missing"].missing_since is not None  # its time begins now: when it went, nobody wrote down

    assert not await catalog.switches.paused()
    await catalog.queue.recover()
    tasks = await catalog.queue.lease(10)
    assert [(task.path, task.priority, task.attempts, task.force, task.abandoned) for task in tasks] == [
        ("/a/delayed", 1, 4, True, 0),
        ("/a/leased", 2, 2, False, 0),
    ]
    await catalog.close()
    with sqlite3.connect(state / FILE_NAME) as database:
        orphans = database.execute("SELECT id FROM image WHERE orphaned_since IS NOT NULL").fetchall()
    database.close()
    assert orphans == [("i2",)]


async def test_a_switch_is_kept(state: Path) -> None:
    for paused in (True, True, False, False):
        catalog = Catalog(state)
        await catalog.open()
        await catalog.switches.set_paused(paused)
        await catalog.close()
        again = Catalog(state)
        await again.open()
        assert await again.switches.paused() is paused
        await again.close()
