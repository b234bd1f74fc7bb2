"""Real observers on real folders."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from watchdog.observers import inotify_c

from handlers.events import EventKind, FileEvent
from handlers.inotify_limits import advice, limiting_sysctl
from handlers.watcher import Watcher
from store.records import Root, RootOrigin

if TYPE_CHECKING:
    from tests.handlers.conftest import Mounts

DEADLINE = 10.0


class Seen:
    """The watcher's events, and waiting for conditions on them."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    async def until(self, condition: Callable[[list[FileEvent]], bool]) -> list[FileEvent]:
        """The events since the last call, once the condition holds."""
        events: list[FileEvent] = []
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition(events):
                    events.append(await self._watcher.events.get())
        except TimeoutError:
            pytest.fail(f"not seen; events were {events}")
        return events

    def nothing(self) -> bool:
        return self._watcher.events.empty()

    async def until_told(self, path: Path | str, *kinds: EventKind) -> list[FileEvent]:
        return await self.until(
            lambda events: any(str(path) in (e.path, e.dest) and (not kinds or e.kind in kinds) for e in events)
        )


def root_of(path: Path, number: int = 1, *, method: str = "inotify", recursive: bool = True) -> Root:
    return Root(number, str(path), 1, "default", RootOrigin.CONFIG, recursive, method)


@pytest.fixture
async def watcher() -> AsyncIterator[Watcher]:
    watcher = Watcher(poll_interval=0.1)
    yield watcher
    await watcher.stop()


@pytest.fixture
def seen(watcher: Watcher) -> Seen:
    return Seen(watcher)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture(params=["inotify", "polling"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_created_changed_and_deleted_files_are_told(
    watcher: Watcher, seen: Seen, folder: Path, method: str
) -> None:
    root = root_of(folder, method=method)
    assert await watcher.sync([root]) == [root]
    assert watcher.method(root.id) == method
    photo = folder / "a.jpg"
    photo.write_bytes(b"1")
    await seen.until_told(photo)
    photo.write_bytes(b"22")
    await seen.until_told(photo, EventKind.MODIFIED)
    photo.unlink()
    await seen.until_told(photo, EventKind.DELETED)


async def test_closing_a_written_file_is_told_and_reading_it_is_not(watcher: Watcher, seen: Seen, folder: Path) -> None:
    await watcher.sync([root_of(folder)])
    photo = folder / "slow.jpg"
    with photo.open("wb") as file:
        file.write(b"1")
        file.flush()
        assert not [e for e in await seen.until_told(photo, EventKind.MODIFIED) if e.kind is EventKind.CLOSED]
    await seen.until_told(photo, EventKind.CLOSED)
    photo.read_bytes()
    (folder / "after.jpg").touch()
    assert {event.path for event in await seen.until_told(folder / "after.jpg")} == {str(folder / "after.jpg")}


async def test_rename_from_a_temporary_name_is_a_complete_file(watcher: Watcher, seen: Seen, folder: Path) -> None:
    await watcher.sync([root_of(folder)])
    (folder / ".a.jpg.part").write_bytes(b"1")
    (folder / ".a.jpg.part").rename(folder / "a.jpg")
    assert await seen.until_told(folder / "a.jpg") == [FileEvent(EventKind.CLOSED, str(folder / "a.jpg"))]


async def test_files_moved_in_and_out_are_told(watcher: Watcher, seen: Seen, folder: Path, method: str) -> None:
    outside = folder.parent / "a.jpg"
    outside.write_bytes(b"1")
    await watcher.sync([root_of(folder, method=method)])
    inside = outside.rename(folder / "a.jpg")
    await seen.until_told(inside)
    inside.rename(outside)
    await seen.until_told(inside, EventKind.DELETED)


async def test_renamed_folder_is_told_once_and_watched_on(watcher: Watcher, seen: Seen, folder: Path) -> None:
    (folder / "old").mkdir()
    for number in range(20):
        (folder / "old" / f"{number}.jpg").touch()
    await watcher.sync([root_of(folder)])
    (folder / "old").rename(folder / "new")
    told = await seen.until_told(folder / "new")
    assert told == [FileEvent(EventKind.MOVED, str(folder / "old"), True, str(folder / "new"))]
    (folder / "new" / "later.jpg").touch()
    await seen.until_told(folder / "new" / "later.jpg")


async def test_new_folders_are_watched_and_unwanted_ones_take_no_watch(
    watcher: Watcher, seen: Seen, folder: Path
) -> None:
    (folder / "@eaDir" / "deep").mkdir(parents=True)
    await watcher.sync([root_of(folder)])
    before = _watches()
    (folder / "new").mkdir()
    await seen.until_told(folder / "new")
    (folder / "new" / "a.jpg").touch()
    await seen.until_told(folder / "new" / "a.jpg")
    (folder / "#recycle").mkdir()
    (folder / "b.jpg").touch()
    await seen.until_told(folder / "b.jpg")
    assert (before, _watches()) == (1, 2)


def _watches() -> int:
    """inotify watches of this process, by the kernel's own word (proc_pid_fdinfo(5))."""
    watches = 0
    for descriptor in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # the descriptor that lists them
            watches += descriptor.read_text().count("inotify wd:")
    return watches


async def test_root_behind_a_symbolic_link_is_watched(watcher: Watcher, seen: Seen, folder: Path, method: str) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    await watcher.sync([root_of(link, method=method)])
    (folder / "a.jpg").touch()
    await seen.until_told(link / "a.jpg")


async def test_loop_of_links_does_not_hang_polling(watcher: Watcher, seen: Seen, folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "d" / "loop").symlink_to(folder)
    (folder / "d" / "loop2").symlink_to(folder)
    await watcher.sync([root_of(folder, method="polling")])
    (folder / "d" / "a.jpg").touch()
    told = await seen.until_told(folder / "d" / "a.jpg")
    assert {event.path for event in told} == {str(folder / "d" / "a.jpg")}


async def test_undecodable_names_arrive_as_the_file_system_api_writes_them(
    watcher: Watcher, seen: Seen, folder: Path, method: str
) -> None:
    await watcher.sync([root_of(folder, method=method)])
    name = os.fsencode(folder) + b"/\xff.jpg"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    await seen.until_told(os.fsdecode(name))


async def test_inner_root_owns_its_files(watcher: Watcher, seen: Seen, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    await watcher.sync([root_of(folder, 1), root_of(inner, 2)])
    (inner / "a.jpg").touch()
    (folder / "b.jpg").touch()
    both = {str(inner / "a.jpg"), str(folder / "b.jpg")}
    told = await seen.until(lambda events: both <= {e.path for e in events if e.kind is EventKind.CLOSED})
    assert len([e for e in told if e.kind is EventKind.CREATED and e.path == str(inner / "a.jpg")]) == 1


async def test_flat_root_tells_nothing_from_below(watcher: Watcher, seen: Seen, folder: Path, method: str) -> None:
    (folder / "deep").mkdir()
    await watcher.sync([root_of(folder, recursive=False, method=method)])
    (folder / "deep" / "a.jpg").touch()
    (folder / "b.jpg").touch()
    told = await seen.until_told(folder / "b.jpg")
    assert {event.path for event in told} == {str(folder / "b.jpg")}


async def test_sync_names_what_is_watched_anew(watcher: Watcher, seen: Seen, folder: Path) -> None:
    root, absent = root_of(folder, 1), root_of(folder.parent / "absent", 2)
    assert await watcher.sync([root, absent]) == [root]
    assert await watcher.sync([root, absent]) == []
    Path(absent.path).mkdir()
    assert await watcher.sync([root, absent]) == [absent]
    narrowed = replace(root, exclude=("private/",))
    assert await watcher.sync([narrowed]) == [narrowed]
    assert watcher.method(absent.id) is None
    assert await watcher.sync([]) == []
    (folder / "a.jpg").touch()
    assert seen.nothing()


async def test_replaced_folder_is_watched_anew(watcher: Watcher, seen: Seen, folder: Path, method: str) -> None:
    root = root_of(folder, method=method)
    await watcher.sync([root])
    folder.rename(folder.parent / "away")
    folder.mkdir()
    assert await watcher.sync([root]) == [root]
    (folder / "a.jpg").touch()
    await seen.until_told(folder / "a.jpg")


async def test_deleted_root_is_told_and_watched_again_when_it_is_back(
    watcher: Watcher, seen: Seen, folder: Path, method: str
) -> None:
    root = root_of(folder, method=method)
    await watcher.sync([root])
    folder.rmdir()
    await seen.until_told(folder, EventKind.DELETED)
    assert await watcher.sync([root]) == []
    folder.mkdir()
    assert await watcher.sync([root]) == [root]
    (folder / "a.jpg").touch()
    await seen.until_told(folder / "a.jpg")


def _limits_told(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [line["sysctl"].removeprefix("fs.inotify.") for line in logs if line["event"] == "inotify_limit"]


@pytest.fixture
def watches_left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many more watches the kernel gives before it says that the user's are used up."""
    left = [1_000_000]
    add_watch = inotify_c.inotify_add_watch

    def limited(fd: int, path: bytes, mask: int) -> int:
        if left[0] <= 0:
            ctypes.set_errno(errno.ENOSPC)
            return -1
        left[0] -= 1
        return add_watch(fd, path, mask)

    monkeypatch.setattr(inotify_c, "inotify_add_watch", limited)
    return left


@pytest.mark.parametrize("left", [0, 1])
async def test_root_that_no_watch_is_left_for_is_polled(
    watcher: Watcher, seen: Seen, folder: Path, watches_left: list[int], left: int
) -> None:
    (folder / "sub").mkdir()
    watches_left[0] = left
    root = root_of(folder)
    with capture_logs() as logs:
        assert await watcher.sync([root]) == [root]
    assert watcher.method(root.id) == "polling"
    assert _limits_told(logs) == ["max_user_watches"]
    (folder / "sub" / "a.jpg").touch()
    await seen.until_told(folder / "sub" / "a.jpg")


async def test_root_that_runs_out_of_watches_later_is_polled_from_the_next_sync(
    watcher: Watcher, seen: Seen, folder: Path, watches_left: list[int]
) -> None:
    root = root_of(folder)
    await watcher.sync([root])
    watches_left[0] = 0
    (folder / "sub").mkdir()
    await seen.until_told(folder / "sub")
    assert await watcher.sync([root]) == [root]
    assert watcher.method(root.id) == "polling"


async def test_root_is_polled_when_the_user_has_too_many_instances(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> int:
        ctypes.set_errno(errno.EMFILE)
        return -1

    monkeypatch.setattr(inotify_c, "inotify_init", refused)
    with capture_logs() as logs:
        await watcher.sync([root_of(folder)])
    assert watcher.method(1) == "polling"
    assert _limits_told(logs) == ["max_user_instances"]


def test_the_lower_of_the_two_limits_is_the_one_to_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.inotify_limits.PROC_SYS", tmp_path)
    assert limiting_sysctl("watches") == ("fs.inotify.max_user_watches", None)
    for name, value in {"fs/inotify/max_user_watches": 8192, "user/max_inotify_watches": 600_000}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert limiting_sysctl("watches") == ("fs.inotify.max_user_watches", 8192)
    assert "`sysctl -w fs.inotify.max_user_watches=524288`" in advice(*limiting_sysctl("watches"), "watches")
    (tmp_path / "user/max_inotify_watches").write_text("100\n")
    assert limiting_sysctl("watches") == ("user.max_inotify_watches", 100)


@pytest.fixture
def mounted(folder: Path, mounts: Mounts) -> Callable[[], Path]:
    """Mounts a file system in the watched folder when it is called."""
    point = folder / "my disk"
    point.mkdir()

    def mount() -> Path:
        mounts.mount(point)
        return point

    return mount


async def test_a_disk_mounted_in_a_root_is_watched_from_the_next_sync(
    watcher: Watcher, seen: Seen, folder: Path, mounted: Callable[[], Path]
) -> None:
    root = root_of(folder)
    await watcher.sync([root])
    disk = mounted()
    assert await watcher.sync([root]) == [root]
    assert await watcher.sync([root]) == []
    (disk / "a.jpg").touch()
    await seen.until_told(disk / "a.jpg")


@pytest.mark.parametrize(
    ("method", "file_system", "polled"),
    [("auto", "nfs4", True), ("auto", "fuse.sshfs", True), ("auto", "xfs", False), ("inotify", "nfs4", False)],
)
async def test_a_network_mount_in_a_root_is_polled_under_auto_and_the_rest_is_not(
    watcher: Watcher,
    seen: Seen,
    folder: Path,
    mounted: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    file_system: str,
    polled: bool,
) -> None:
    """A real mount, whose type alone is written differently in the kernel's list."""
    disk = mounted()
    (disk / "trip").mkdir()
    told = Path("/proc/self/mountinfo").read_text()
    mountinfo = folder.parent / "mountinfo"
    point = str(disk).replace(" ", "\\040")
    mountinfo.write_text(re.sub(f"(?m)^(.* {re.escape(point)} .* - )tmpfs", rf"\g<1>{file_system}", told))
    monkeypatch.setattr("handlers.mounts.MOUNTINFO", mountinfo)
    root = root_of(folder, method=method)
    with capture_logs() as logs:
        await watcher.sync([root])
    assert watcher.method(root.id) == "inotify"
    assert [line["polled"] for line in logs] == [[str(disk)] if polled else []]
    assert _watches() == (1 if polled else 3)
    (disk / "trip" / "a.jpg").touch()
    await seen.until_told(disk / "trip" / "a.jpg")
    (folder / "b.jpg").touch()
    await seen.until_told(folder / "b.jpg")
    monkeypatch.undo()  # as if it were unmounted: every mount in the folder is watched as what it is
    assert await watcher.sync([root]) == [root]


async def test_excluded_folders_and_all_below_them_take_no_watch(watcher: Watcher, folder: Path) -> None:
    for name in ("kept/deep", "private/a/b", "2024/raw/c", ".hidden/d", "#recycle/e", "Catalog.lrdata/f"):
        (folder / name).mkdir(parents=True)
    root = replace(root_of(folder), exclude=("private/", "**/raw"))
    await watcher.sync([root])
    assert _watches() == 4  # the root, kept, kept/deep, 2024


async def test_overflow_of_the_kernel_queue_is_told(folder: Path) -> None:
    """A real one: the reading thread is held up while more happens than the kernel keeps."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 40_000:
        pytest.skip(f"this kernel keeps {limit} events")
    held, stuck = threading.Event(), threading.Event()

    class Held(Watcher):
        def _wants_folder(self, path: str) -> bool:
            if path.endswith("/hold"):
                stuck.set()
                held.wait(DEADLINE)
            return super()._wants_folder(path)

    watcher = Held()
    seen = Seen(watcher)
    try:
        await watcher.sync([root_of(folder)])
        (folder / "hold").mkdir()
        assert await asyncio.to_thread(stuck.wait, DEADLINE)
        await asyncio.to_thread(_touch, folder / "a.txt", limit)
        held.set()
        await seen.until_told(folder, EventKind.OVERFLOW)
        (folder / "after.jpg").touch()
        await seen.until_told(folder / "after.jpg")
    finally:
        held.set()
        await watcher.stop()


def _touch(path: Path, times: int) -> None:
    """Two events a turn, none equal to the one before, which the kernel would merge."""
    deadline = time.monotonic() + DEADLINE
    for _ in range(times):
        path.touch()
        path.unlink()
        assert time.monotonic() < deadline


async def test_stop_without_start_and_twice(watcher: Watcher, seen: Seen, folder: Path) -> None:
    await watcher.stop()
    await watcher.sync([root_of(folder)])
    await watcher.stop()
    await watcher.stop()
    (folder / "a.jpg").touch()
    assert seen.nothing()
