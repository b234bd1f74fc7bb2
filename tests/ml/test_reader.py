from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from ml.decode.reader import read_file
from ml.errors import ChangedWhileReadError, EmptyFileError, TooLargeError, UnreadableError, VanishedError

LIMIT = 1_000_000


def test_bytes_hash_and_identity_are_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"photo" * 1000)
    data, result = read_file(str(path), LIMIT)
    status = path.stat()
    assert data == path.read_bytes()
    assert result.sha256 == hashlib.sha256(data).hexdigest()
    assert (result.size, result.mtime_ns) == (5000, status.st_mtime_ns)
    assert (result.inode, result.device) == (status.st_ino, status.st_dev)


def test_names_need_not_be_unicode(tmp_path: Path) -> None:
    path = os.fsdecode(bytes(tmp_path) + b"/\xff\xfe.jpg")
    Path(path).write_bytes(b"x")
    assert read_file(path, LIMIT)[1].size == 1


@pytest.mark.parametrize("name", ["missing.jpg", "file/below-a-file.jpg", "null\0byte.jpg"])
def test_what_is_not_there_has_vanished(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VanishedError):
        read_file(f"{tmp_path}/{name}", LIMIT)


def test_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(EmptyFileError):
        read_file(f"{tmp_path}/a.png", LIMIT)


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLargeError, match="max_file_size"):
        read_file(str(path), LIMIT)


def test_a_fifo_without_a_writer_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableError, match="regular"):
        read_file(f"{tmp_path}/pipe.jpg", LIMIT)


def test_folders_and_sockets_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        read_file(str(tmp_path), LIMIT)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/socket.jpg")
        with pytest.raises(UnreadableError):
            read_file(f"{tmp_path}/socket.jpg", LIMIT)


def test_symlink_loops_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(UnreadableError):
        read_file(f"{tmp_path}/loop.jpg", LIMIT)


def test_no_permission(unprivileged_path: Path) -> None:
    path = unprivileged_path / "private.jpg"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(UnreadableError, match="ermission") as caught:
        read_file(str(path), LIMIT)
    assert caught.value.retryable


@pytest.mark.parametrize("change", ["append", "truncate", "touch"])
def test_a_change_during_the_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    path = tmp_path / "growing.jpg"
    path.write_bytes(b"x" * 1000)
    fdopen = os.fdopen

    def fdopen_and_change(descriptor: int, *args: str, **kwargs: bool) -> object:
        file = fdopen(descriptor, *args, **kwargs)  # type: ignore[call-overload]
        if change == "append":
            path.write_bytes(b"x" * 1001)
        elif change == "truncate":
            os.truncate(path, 10)
        else:
            os.utime(path, ns=(0, 1))
        return file

    monkeypatch.setattr(os, "fdopen", fdopen_and_change)
    with pytest.raises(ChangedWhileReadError) as caught:
        read_file(str(path), LIMIT)
    assert caught.value.retryable
