from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.errors import AlreadyRunningError, StateDirError
from daemon.lock import InstanceLock

# Holds the lock, and has a child of its own that outlives it: what a killed daemon's decoders may do for a moment.
HOLDER = """
import subprocess, sys
from pathlib import Path
from daemon.lock import InstanceLock
InstanceLock(Path(sys.argv[1])).acquire()
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=0, stdout=2)
print(child.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(state_dir: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline()
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def test_a_second_process_is_refused_and_told_the_owner(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(AlreadyRunningError, match=f"process {process.pid} already runs photond") as caught:
            InstanceLock(tmp_path).acquire()
        assert caught.value.pid == process.pid
    with InstanceLock(tmp_path):
        pass


def test_sigkill_frees_the_lock_even_while_children_live(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with InstanceLock(tmp_path):
            assert (tmp_path / "photond.lock").read_text() == str(os.getpid())


def test_a_shorter_pid_leaves_no_digits_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "photond.lock").write_text("1" * 30)
    with InstanceLock(tmp_path):
        assert (tmp_path / "photond.lock").read_text() == str(os.getpid())


def test_an_owner_that_has_not_written_its_pid_yet(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        os.truncate(tmp_path / "photond.lock", 0)
        with pytest.raises(AlreadyRunningError, match="another process") as caught:
            InstanceLock(tmp_path).acquire()
        assert caught.value.pid is None


def test_the_state_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    state_dir = tmp_path / "a/b"
    with InstanceLock(state_dir):
        assert state_dir.stat().st_mode & 0o777 == 0o700


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match="file"):
        InstanceLock(tmp_path / "file/state").acquire()


def test_releasing_twice_is_fine(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.acquire()
    lock.release()
    lock.release()
