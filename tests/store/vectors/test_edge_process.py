"""The child that owns the embedded index: killed, stopped, cancelled, orphaned, and what then holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
import uuid
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from store.errors import DiskSpaceError, StoreError, VectorStoreError
from store.vectors import edge_child, edge_process
from store.vectors.edge import EdgeIndex
from store.vectors.edge_child import edge_filter, fault_of
from store.vectors.edge_process import Backoff
from store.vectors.errors import VectorsDamagedError
from store.vectors.protocol import Point

DIMENSIONS = 8
REPOSITORY = Path(__file__).parents[3]


def axis(number: int) -> NDArray[np.float32]:
    row: NDArray[np.float32] = np.eye(DIMENSIONS, dtype=np.float32)[number % DIMENSIONS]
    return row


def new_points(count: int) -> list[Point]:
    return [Point(str(uuid.uuid4()), axis(number), (1,)) for number in range(count)]


def pid_of(index: EdgeIndex) -> int:
    assert index.pid is not None
    return index.pid


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EdgeIndex]:
    made = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    await made.open()
    yield made
    await made.close()


async def test_sigkill_loses_no_acknowledged_point(index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "FIRST", 0.0)
    acknowledged: set[str] = set()
    failures = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal failures
        while not stop.is_set():
            batch = new_points(20)
            try:
                await index.upsert(batch)
            except VectorStoreError:
                failures += 1
            else:
                acknowledged.update(point.id for point in batch)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(write())
        for number in range(1, 6):
            before = len(acknowledged)
            await until(lambda: len(acknowledged) > before + 100)  # noqa: B023 - awaited in this round
            os.kill(pid_of(index), signal.SIGKILL)
            await until(lambda: index.restarts == number)  # noqa: B023
        stop.set()
    found = {one async for chunk in index.ids() for one in chunk}
    assert acknowledged <= found
    assert failures  # but a death between two calls costs none
    assert await index.count() == len(found)
    assert len(await index.vectors(acknowledged)) == len(acknowledged)


async def test_a_call_under_way_at_the_death_fails_and_the_next_one_works(index: EdgeIndex) -> None:
    await index.upsert(new_points(3))
    os.kill(pid_of(index), signal.SIGSTOP)
    under_way = [asyncio.create_task(index.count()) for _ in range(2)]
    await asyncio.sleep(0)
    os.kill(pid_of(index), signal.SIGKILL)
    outcomes = await asyncio.gather(*under_way, return_exceptions=True)
    assert isinstance(outcomes[0], VectorStoreError)
    assert "signal 9" in str(outcomes[0])
    assert outcomes[1] == 3  # it was only waiting for its turn
    assert index.restarts == 1


async def test_a_cancelled_call_does_not_shift_the_answers(index: EdgeIndex) -> None:
    points = new_points(DIMENSIONS)
    await index.upsert(points)
    for number, point in enumerate(points):
        os.kill(pid_of(index), signal.SIGSTOP)
        cancelled = asyncio.create_task(index.vectors([points[number - 1].id]))
        waiting = asyncio.create_task(index.count())
        await asyncio.sleep(0.005)
        cancelled.cancel()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        os.kill(pid_of(index), signal.SIGCONT)
        assert (await index.search(point.vector, limit=1))[0].id == point.id
        assert await index.count() == DIMENSIONS
    assert index.restarts == 0


async def test_a_cancelled_upsert_is_carried_out_whole_or_not_at_all(index: EdgeIndex) -> None:
    for turns in range(12):
        batch = new_points(50)
        task = asyncio.create_task(index.upsert(batch))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(await index.vectors([point.id for point in batch])) in {0, 50}


async def test_a_failed_call_whose_caller_left_is_not_reported_as_lost(
    index: EdgeIndex, caplog: pytest.LogCaptureFixture
) -> None:
    os.kill(pid_of(index), signal.SIGSTOP)
    task = asyncio.create_task(index.count())
    await asyncio.sleep(0.005)
    task.cancel()
    os.kill(pid_of(index), signal.SIGKILL)
    assert await index.count() == 0
    assert "never retrieved" not in caplog.text


async def test_an_exchange_that_the_loop_cancels_ends_the_child(index: EdgeIndex) -> None:
    pid = pid_of(index)
    os.kill(pid, signal.SIGSTOP)
    caller = asyncio.create_task(index.count())
    await asyncio.sleep(0.005)
    (exchange,) = [task for task in asyncio.all_tasks() if task.get_name() == "vector-index-count"]
    exchange.cancel()  # as asyncio.run does at its end
    with pytest.raises(asyncio.CancelledError):
        await caller
    await until(lambda: not is_alive(pid))
    assert await index.count() == 0


async def test_one_that_cannot_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text("raise SystemExit(3)")
    monkeypatch.setattr(edge_child, "__file__", str(program))
    index = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    with pytest.raises(VectorStoreError, match=r"exit status 3\) at opening the shard"):
        await index.open()
    await index.close()


async def test_close_does_not_wait_for_a_start_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text("import time\ntime.sleep(60)")
    monkeypatch.setattr(edge_child, "__file__", str(program))
    monkeypatch.setattr(edge_process, "CLOSE_DEADLINE", 0.1)
    index = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    opening = asyncio.create_task(index.open())
    await until(lambda: index.pid is not None)
    pid = pid_of(index)
    await index.close()
    with pytest.raises(VectorStoreError, match="opening the shard"):
        await opening
    assert not is_alive(pid)


async def test_ctrl_c_and_sigterm_do_not_end_it(index: EdgeIndex) -> None:
    pid = pid_of(index)
    assert os.getsid(pid) == pid  # a terminal's Ctrl-C goes to the daemon's session alone
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    await index.upsert(new_points(2))
    assert (await index.count(), index.pid, index.restarts) == (2, pid, 0)


async def test_close_ends_the_child_and_nothing_is_started_again(index: EdgeIndex) -> None:
    pid = pid_of(index)
    await index.close()
    assert not is_alive(pid)
    with pytest.raises(VectorStoreError, match="not open"):
        await index.count()
    assert index.pid is None


async def test_close_kills_a_child_that_hangs(index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_process, "CLOSE_DEADLINE", 0.1)
    pid = pid_of(index)
    os.kill(pid, signal.SIGSTOP)
    under_way = asyncio.create_task(index.count())
    await asyncio.sleep(0)
    await index.close()
    with pytest.raises(VectorStoreError):
        await under_way
    assert not is_alive(pid)


async def test_a_child_that_does_not_answer_is_replaced(index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_process, "READ_DEADLINE", 0.1)
    os.kill(pid_of(index), signal.SIGSTOP)
    with pytest.raises(VectorStoreError):
        await index.count()
    monkeypatch.undo()
    assert await index.count() == 0
    assert index.restarts == 1


async def test_a_write_is_given_more_time_and_done_again_after(
    index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_process, "READ_DEADLINE", 0.1)
    monkeypatch.setattr(edge_process, "WRITE_DEADLINE", 0.5)
    os.kill(pid_of(index), signal.SIGSTOP)
    with pytest.raises(VectorStoreError, match=r"no answer to 'upsert' within 0\.5 s"):
        await index.upsert(points := new_points(3))
    monkeypatch.undo()
    await index.upsert(points)
    assert await index.count() == 3


async def test_a_death_that_nobody_asked_through_costs_no_call(index: EdgeIndex) -> None:
    await index.upsert(new_points(3))
    os.kill(pid_of(index), signal.SIGKILL)
    await until(lambda: index.pid is None)
    assert await index.count() == 3
    assert index.restarts == 1


async def test_time_in_which_the_daemon_itself_was_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_process, "SLICE", 0.05)

    async def answers() -> int:
        time.sleep(0.5)  # noqa: ASYNC251 - nothing of this process runs meanwhile, as after a SIGSTOP
        await asyncio.sleep(0.05)
        return 7

    async def never() -> None:
        await asyncio.Event().wait()

    assert await edge_process._within(answers(), 0.3) == 7
    with pytest.raises(TimeoutError):
        await edge_process._within(never(), 0.1)


async def test_one_that_keeps_dying_is_not_started_at_once(index: EdgeIndex) -> None:
    for _ in range(2):
        os.kill(pid_of(index), signal.SIGKILL)
        with pytest.raises(VectorStoreError):
            await index.count()
        if index.restarts == 0:
            await index.count()
    with pytest.raises(VectorStoreError, match=r"died 2 times in a row; it is started again in 0\.\d s"):
        await index.count()


def test_backoff_grows_to_its_ceiling_and_forgets() -> None:
    backoff = Backoff()
    assert backoff.remaining(1000.0) == 0.0
    waits = []
    for _ in range(10):
        backoff.died(1000.0)
        waits.append(backoff.remaining(1000.0))
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert backoff.remaining(1029.0) == 1.0
    assert backoff.remaining(1031.0) == 0.0
    backoff.died(1061.0)
    assert backoff.remaining(1061.0) == 0.0


async def test_a_second_opener_is_refused(index: EdgeIndex, tmp_path: Path) -> None:
    second = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    with pytest.raises(VectorStoreError, match="in use by another process"):
        await second.open()
    await second.close()
    assert await index.count() == 0


async def test_the_child_ends_with_its_daemon_and_lets_the_next_one_in(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from store.vectors.edge import EdgeIndex\n"
        "async def main():\n"
        "    index = EdgeIndex(Path(sys.argv[1]), 8); await index.open()\n"
        "    print(index.pid, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "shard"), stdout=PIPE, cwd=REPOSITORY
    )
    assert daemon.stdout is not None
    child = int(await daemon.stdout.readline())
    assert is_alive(child)
    daemon.kill()
    await daemon.wait()
    index = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    await index.open()
    await until(lambda: not is_alive(child))
    assert await index.count() == 0
    await index.close()


async def test_the_child_carries_no_heavy_library(index: EdgeIndex) -> None:
    mapped = Path(f"/proc/{pid_of(index)}/maps").read_text()
    assert "qdrant_edge" in mapped
    assert not [name for name in ("torch", "numpy", "sqlalchemy", "qdrant_client") if name in mapped]


@pytest.mark.parametrize("damage", ["edge_config.json", "segment.json", "wal"])
async def test_a_damaged_shard_names_the_way_out(index: EdgeIndex, tmp_path: Path, damage: str) -> None:
    await index.upsert(new_points(20))
    await index.close()
    files = [path for path in (tmp_path / "shard").rglob("*") if damage in path.parts or path.name == damage]
    for path in (path for path in files if path.is_file()):
        path.write_bytes(b"\x00damaged" * 100)
    with pytest.raises(VectorsDamagedError, match="photond reindex") as caught:
        await index.open()
    assert (caught.value.code, caught.value.retryable) == ("VECTORS_DAMAGED", False)
    await index.close()


@pytest.mark.parametrize("panics", ["vector_storage/vectors/status.dat", "vector_storage/deleted/status.dat"])
async def test_a_shard_that_makes_the_engine_panic_is_damaged(index: EdgeIndex, tmp_path: Path, panics: str) -> None:
    await index.upsert(new_points(20))
    await index.close()
    (file,) = (tmp_path / "shard").rglob(panics)
    os.truncate(file, 0)
    with pytest.raises(VectorsDamagedError, match="photond reindex"):
        await index.open()
    await index.close()


async def test_points_whose_vectors_are_lost_are_damage(index: EdgeIndex, tmp_path: Path) -> None:
    points = new_points(20)
    await index.upsert(points)
    await index.flush()
    await index.close()
    await index.open()  # by now all is in the segment, and the write-ahead log has nothing to put back
    await index.close()
    for storage in (tmp_path / "shard").rglob("vector_storage"):
        shutil.rmtree(storage)
    shutil.rmtree(tmp_path / "shard" / "wal")
    await index.open()
    assert await index.count() == 20  # as if nothing had happened
    with pytest.raises(VectorsDamagedError, match="vectors are lost"):
        await index.points([point.id for point in points])


async def test_a_damaged_shard_is_made_anew(index: EdgeIndex, tmp_path: Path) -> None:
    await index.upsert(new_points(20))
    await index.close()
    (tmp_path / "shard" / "edge_config.json").write_text("{")
    (tmp_path / "shard.old").mkdir()  # of a run that was interrupted
    with pytest.raises(VectorsDamagedError):
        await index.open()
    await index.recreate()
    assert await index.count() == 0
    await index.upsert(new_points(2))
    assert await index.count() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard"]


async def test_half_a_creation_is_begun_again(tmp_path: Path) -> None:
    left = tmp_path / "shard.new" / "segments"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"")
    (tmp_path / "shard").mkdir()
    index = EdgeIndex(tmp_path / "shard", DIMENSIONS)
    await index.open()
    await index.upsert(new_points(1))
    assert await index.count() == 1
    await index.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard"]


async def test_a_nearly_full_disk_is_refused_before_writing(index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_process, "SPACE_RESERVE", 1 << 60)
    with pytest.raises(DiskSpaceError, match="MiB are free"):
        await index.upsert(new_points(1))
    with pytest.raises(DiskSpaceError, match="MiB are free"):
        await index.delete([str(uuid.uuid4())])
    assert await index.count() == 0
    os.kill(pid_of(index), signal.SIGBUS)  # how Edge dies when a memory map finds no room
    with pytest.raises(DiskSpaceError, match="filled up"):
        await index.count()


async def test_a_fault_of_the_engine_is_told_and_it_goes_on(index: EdgeIndex) -> None:
    with pytest.raises(VectorStoreError, match="UUID"):
        await index.delete(["no uuid"])
    assert await index.count() == 0
    assert index.restarts == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("failed to open WAL /x/wal: Can't init WAL: Kind(WouldBlock)", "locked"),
        ("No space left on device (os error 28)", "full"),
        ("vector 0 is not readable from /x/vectors", "damaged"),
        ("elements range 6400..6656 is out of bounds, file contains 0 elements", "damaged"),
        ("something else", "failed"),
    ],
)
def test_faults_are_told_apart_by_words(words: str, fault: str) -> None:
    assert fault_of(Exception(words), "failed") == fault


def test_no_filter_is_no_filter() -> None:
    assert edge_filter(None) is None


async def test_a_state_directory_that_cannot_be_made_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    index = EdgeIndex(tmp_path / "file" / "shard", DIMENSIONS)
    with pytest.raises(StoreError) as caught:
        await index.open()
    assert not isinstance(caught.value, VectorsDamagedError)
    await index.close()
