from __future__ import annotations

import os
from pathlib import Path

import pytest

from handlers.settling import Settling

SETTLE = 2.0
SECOND = 1_000_000_000


class Wall:
    """A wall clock and the monotonic one beside it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def ns(self) -> int:
        return int(self.now * SECOND)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def settling(wall: Wall) -> Settling:
    return Settling(SETTLE, follow_symlinks=False, clock_ns=wall.ns)


def write(path: Path, mtime: float, content: bytes = b"1") -> str:
    path.write_bytes(content)
    os.utime(path, ns=(0, int(mtime * SECOND)))
    return str(path)


async def test_old_young_gone_and_folder(tmp_path: Path, settling: Settling, wall: Wall) -> None:
    old, young = write(tmp_path / "old.jpg", wall.now - 10), write(tmp_path / "young.jpg", wall.now - 0.5)
    gone, folder = str(tmp_path / "gone.jpg"), str(tmp_path)
    looks = await settling.look_at([old, young, gone, folder], 0)
    assert (looks.at_rest, looks.gone) == ([old], [gone, folder])
    assert looks.restless == {young: pytest.approx(SETTLE - 0.5)}
    wall.now += SETTLE - 0.5
    assert (await settling.look_at([young], SETTLE - 0.5)).at_rest == [young]


async def test_mtime_in_the_future_needs_two_equal_looks_far_enough_apart(
    tmp_path: Path, settling: Settling, wall: Wall
) -> None:
    path = write(tmp_path / "a.jpg", wall.now + 3600)
    assert (await settling.look_at([path], 0)).restless == {path: SETTLE}
    assert path in (await settling.look_at([path], 0.5)).restless  # equal, but too early to tell
    assert (await settling.look_at([path], SETTLE)).at_rest == [path]


async def test_file_that_grows_is_restless_and_starts_anew_when_forgotten(
    tmp_path: Path, settling: Settling, wall: Wall
) -> None:
    path = write(tmp_path / "a.jpg", wall.now + 3600)
    await settling.look_at([path], 0)
    write(tmp_path / "a.jpg", wall.now + 3600, b"22")
    assert path in (await settling.look_at([path], SETTLE)).restless
    settling.forget([path, "never seen"])
    assert path in (await settling.look_at([path], 2 * SETTLE)).restless


async def test_what_cannot_be_examined_is_left_to_the_queue(
    tmp_path: Path, settling: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str, *, follow_symlinks: bool = True) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("handlers.classify.os.stat", refused)
        looks = await settling.look_at([str(tmp_path / "a.jpg")], 0)
    assert looks.at_rest == [str(tmp_path / "a.jpg")]
