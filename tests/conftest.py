"""What every test is held to: it leaves no task, thread, child process or descriptor behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see ml.device: idle threads of torch must not spin
pytest.register_assert_rewrite("tests.truth.whole")  # no test module, but its asserts are those of tests
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for a hub of models; set before transformers is imported


# Machines that run these tests are slow and shared: time is no fault of a test. In CI the examples are the same each
# time, so that a run tells of the change and not of luck; every run elsewhere looks at new ones.
settings.register_profile(
    "photond", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("photond")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--truth-sequences 5000`: what CI's time does not allow."""
    parser.addoption(
        "--truth-sequences",
        type=int,
        metavar="N",
        help="play N new random sequences of file operations, instead of the same 300 at every run",
    )


def _descriptors() -> dict[str, str]:
    """Open descriptors and what they are, without the one that lists them."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = os.readlink(entry)  # noqa: PTH115 - sockets and pipes are not paths
        except FileNotFoundError:
            continue
    return {number: target for number, target in found.items() if not target.startswith("/proc/")}


def _shared(target: str) -> bool:
    """Descriptors that libraries open once and keep for the life of the process."""
    return target.startswith(("/dev/", "/sys/", "/usr/", "anon_inode:[eventpoll]")) or target.endswith(
        (".so", ".pyc", ".py", ".pth", ".safetensors")
    )


def _own_threads() -> set[threading.Thread]:
    # Executor and torch threads live as long as the process; ours carry their own names.
    return {t for t in threading.enumerate() if not t.name.startswith(("ThreadPoolExecutor", "asyncio_", "pydevd"))}


@pytest.fixture(autouse=True)
def no_leftovers() -> Iterator[None]:
    """Fails the test that leaks. Waits shortly for what is just ending."""
    threads, descriptors = _own_threads(), _descriptors()
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + 5
    while True:
        left: list[object] = [f"thread {t.name}" for t in _own_threads() - threads if t.is_alive()]
        left += [
            f"process {child.pid} {child.name()}"
            for child in psutil.Process().children(recursive=True)
            if child.pid not in children and child.status() != psutil.STATUS_ZOMBIE
        ]
        left += [
            f"descriptor {number} {target}"
            for number, target in _descriptors().items()
            if number not in descriptors and not _shared(target)
        ]
        if not left:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"the test left behind: {', '.join(map(str, left))}")
        threading.Event().wait(0.02)


@pytest.fixture
def unprivileged_path() -> Iterator[Path]:
    """An empty folder, and the rights of nobody while the test runs: root may read everything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


@pytest.fixture(autouse=True)
async def no_leftover_tasks() -> AsyncIterator[None]:
    """Fails the test that leaves a task running on the loop."""
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before if not task.done()} - {asyncio.current_task()}
    if left:
        pytest.fail(f"the test left tasks behind: {sorted(task.get_name() for task in left)}")
