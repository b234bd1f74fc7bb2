"""`photond doctor` and `photond reindex` on a real state directory, without a daemon and without a model."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.cli.exit_codes import ExitCode
from daemon.lock import InstanceLock
from store.catalog import FILE_NAME, Catalog
from store.records import FileStat, ImageFacts, Indexed, JobKind, NewTask, image_id_of
from store.roots import RootSpec
from store.thumbnails import ThumbnailStore
from store.vectors.edge import EdgeIndex
from store.vectors.protocol import Point

if TYPE_CHECKING:
    from tests.daemon.conftest import Photond

PHOTOS = 6
SPACE = "space"


@dataclass(frozen=True, slots=True)
class State:
    """A state directory in which some photos are indexed, and the folder of the photos."""

    directory: Path
    folder: Path

    @property
    def shard(self) -> Path:
        return self.directory / "vectors" / SPACE

    def hash(self, number: int) -> str:
        return hashlib.sha256(self.photo(number).read_bytes()).hexdigest()

    def photo(self, number: int) -> Path:
        return self.folder / f"{number}.jpg"

    def damage_index(self) -> None:
        (self.shard / "edge_config.json").write_text("{")

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.directory / FILE_NAME)
        with connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows


@pytest.fixture
async def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state", tmp_path / "photos")
    state.folder.mkdir()
    catalog, thumbnails = Catalog(state.directory), ThumbnailStore(state.directory / "thumbnails")
    await catalog.open()
    await catalog.spaces.activate(SPACE, "fake", 4, "{}")
    index = EdgeIndex(state.shard, 4)
    await index.open()
    (root,) = await catalog.roots.sync_config([RootSpec(str(state.folder), "default")])
    job = await catalog.jobs.create(JobKind.SCAN)
    for number in range(PHOTOS):
        state.photo(number).write_bytes(b"photo %d" % number)
    await catalog.queue.put([NewTask(str(state.photo(number)), root.id, job.id) for number in range(PHOTOS)])
    outcomes = []
    for number, task in enumerate(await catalog.queue.lease(PHOTOS)):
        stat = state.photo(number).stat()
        facts = ImageFacts(state.hash(number), stat.st_size, 4, 3, "JPEG", "full")
        vector = np.eye(4, dtype=np.float32)[number % 4]
        thumbnails.write(facts.sha256, b"thumbnail %d" % number)
        await index.upsert([Point(facts.id, vector, (root.collection_id,))])
        identity = FileStat(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev)
        outcomes.append(Indexed(task, identity, facts, vector))
    await catalog.commit(outcomes)
    await catalog.jobs.close_job(job.id)
    await index.close()
    await catalog.close()
    return state


async def test_all_agrees(photond: Photond, state: State) -> None:
    result = await photond("doctor")
    assert (result.code, result.out, result.err) == (ExitCode.OK, "catalog, vectors, thumbnails and files agree\n", "")
    assert (await photond("doctor", "--json")).json == {"clean": True, "queued": 0, "findings": []}


async def test_what_disagrees_is_named_and_mended_only_on_request(photond: Photond, state: State) -> None:
    thumbnails = ThumbnailStore(state.directory / "thumbnails")
    thumbnails.delete([state.hash(0)])
    thumbnails.path(state.hash(1)).write_bytes(b"grey")
    (state.directory / ".photond.endpoint.x1").write_text("{")
    (state.directory / "vectors" / f"{SPACE}.old").mkdir()
    state.sql("DELETE FROM collection_image WHERE image_id = (SELECT image_id FROM file ORDER BY path LIMIT 1)")

    examined = await photond("doctor", "--json")
    assert examined.code == ExitCode.DAMAGED
    assert {one["kind"]: (one["count"], one["left"]) for one in examined.json["findings"]} == {
        "thumbnails_missing": (1, 1),
        "thumbnails_damaged": (1, 1),
        "state_leftovers": (2, 2),
        "memberships_missing": (1, 1),
        "points_altered": (1, 1),
    }
    assert (await photond("doctor", "--json")).json == examined.json

    mended = await photond("doctor", "--repair")
    assert mended.code == ExitCode.OK
    assert mended.out.splitlines()[-2:] == [
        "all of it is mended",
        "2 files are queued: they are looked at when the daemon runs",
    ]
    assert (await photond("doctor", "--json")).json == {"clean": True, "queued": 0, "findings": []}
    assert state.sql("SELECT count(*) FROM task WHERE force") == [(2,)]
    assert not list(state.directory.glob(".photond.endpoint.*"))


async def test_rows_that_disagree_with_the_disk_are_queued_as_a_scan_would(photond: Photond, state: State) -> None:
    state.photo(0).unlink()
    state.photo(1).write_bytes(b"another photo")
    state.sql("UPDATE file SET inode = 1 WHERE path = (SELECT path FROM file ORDER BY path DESC LIMIT 1)")
    result = await photond("doctor", "--repair", "--json")
    assert result.code == ExitCode.OK
    assert [(one["kind"], one["count"]) for one in result.json["findings"]] == [("files_outdated", 3)]
    queued = {os.fsdecode(path) for (path,) in state.sql("SELECT path FROM task WHERE NOT force")}  # type: ignore[arg-type]
    assert queued == {str(state.photo(number)) for number in (0, 1, PHOTOS - 1)}
    assert (await photond("doctor")).code == ExitCode.OK


async def test_a_folder_that_is_away_says_nothing_about_its_files(photond: Photond, state: State) -> None:
    shutil.rmtree(state.folder)
    assert (await photond("doctor", "--json")).json["findings"] == []


async def test_a_damaged_index_is_told_and_made_anew(photond: Photond, state: State) -> None:
    state.damage_index()
    told = await photond("doctor")
    assert told.code == ExitCode.DAMAGED
    assert "photond reindex" in told.out
    mended = await photond("doctor", "--repair", "--json")
    assert (mended.code, mended.json["clean"]) == (ExitCode.OK, True)
    assert {one["kind"] for one in mended.json["findings"]} == {"vectors_damaged", "points_missing"}
    assert (await photond("doctor")).code == ExitCode.OK


async def test_a_damaged_catalog_names_what_puts_it_back(photond: Photond, state: State) -> None:
    file = state.directory / FILE_NAME
    whole = file.read_bytes()
    for damaged in (b"no database" * 1000, whole[:8192] + b"\xff" * 8192 + whole[16384:]):
        file.write_bytes(damaged)
        for command in (["doctor"], ["doctor", "--repair"]):
            result = await photond(*command)
            assert result.code == ExitCode.DAMAGED
            assert result.err.startswith("photond: CATALOG_DAMAGED: ")
            assert "photond restore" in result.err
            assert len(result.err.splitlines()) == 1


async def test_reindex_makes_the_index_anew_without_a_model(state: State, config_file: Path) -> None:
    state.damage_index()
    command = ["-I", "-X", "importtime", "-m", "daemon", "--config", str(config_file), "reindex"]
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run, [sys.executable, *command])
    assert (done.returncode, done.stdout) == (0, f"{PHOTOS} vectors\n"), done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "qdrant_client" not in imported
    assert not imported & {"torch", "transformers", "open_clip", "PIL"}
    index = EdgeIndex(state.shard, 4)
    await index.open()
    points = await index.points([image_id_of(state.hash(number)) for number in range(PHOTOS)])
    await index.close()
    assert len(points) == PHOTOS
    assert all(point.collections for point in points.values())


async def test_reindex_tells_what_has_no_result(photond: Photond, state: State) -> None:
    state.sql("DELETE FROM ml_cache WHERE id = 1")
    assert (await photond("reindex", "--json")).json == {"vectors": PHOTOS - 1, "images": PHOTOS}
    assert "1 photos have no result yet: see `photond doctor`" in (await photond("reindex")).out


@pytest.mark.parametrize("command", ["doctor", "reindex"])
async def test_a_running_daemon_is_named_with_advice(photond: Photond, state: State, command: str) -> None:
    with InstanceLock(state.directory):
        result = await photond(command)
    assert result.code == ExitCode.ALREADY_RUNNING
    assert f"ALREADY_RUNNING: process {os.getpid()} already runs photond on {state.directory}" in result.err
    assert "try: stop it first" in result.err


@pytest.mark.parametrize("command", ["doctor", "reindex"])
async def test_where_nothing_was_indexed_there_is_nothing_to_mend(
    photond: Photond, command: str, tmp_path: Path
) -> None:
    result = await photond(command)
    assert result.code == ExitCode.NOT_FOUND
    assert result.err.startswith("photond: NOTHING_INDEXED: ")
    assert not (tmp_path / "state").exists()
    catalog = Catalog(tmp_path / "state")
    await catalog.open()
    await catalog.close()
    assert (await photond(command)).code == ExitCode.NOT_FOUND
