"""Thumbnails on disk: whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from store.errors import DiskSpaceError
from store.thumbnails import ThumbnailStore

REPOSITORY = Path(__file__).parents[2]
SHA = hashlib.sha256(b"one").hexdigest()
OTHER = hashlib.sha256(b"two").hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ThumbnailStore:
    return ThumbnailStore(tmp_path / "thumbnails")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_is_written_is_read_from_its_place(store: ThumbnailStore, tmp_path: Path) -> None:
    assert store.read(SHA) is None
    store.write(SHA, b"jpeg")
    assert store.read(SHA) == b"jpeg"
    assert store.path(SHA) == tmp_path / "thumbnails" / SHA[:2] / SHA[2:4] / f"{SHA}.jpg"
    assert files_in(tmp_path) == [f"{SHA}.jpg"]


def test_equal_bytes_are_left_alone_and_others_replaced(store: ThumbnailStore) -> None:
    store.write(SHA, b"jpeg")
    os.utime(store.path(SHA), ns=(1, 1))
    store.write(SHA, b"jpeg")
    assert store.path(SHA).stat().st_mtime_ns == 1
    store.write(SHA, b"larger jpeg")
    assert store.read(SHA) == b"larger jpeg"


def test_delete_does_not_mind_strangers(store: ThumbnailStore) -> None:
    store.write(SHA, b"jpeg")
    store.delete([SHA, OTHER])
    assert store.read(SHA) is None


async def test_all_are_listed_and_nothing_else(store: ThumbnailStore) -> None:
    assert [one async for chunk in store.sha256s() for one in chunk] == []
    store.write(SHA, b"1")
    store.write(OTHER, b"2")
    store.path(SHA).with_name(f"{SHA}.00000000.tmp").write_bytes(b"half")
    store.path(SHA).with_name("readme.jpg").write_bytes(b"not ours")
    assert {one async for chunk in store.sha256s() for one in chunk} == {SHA, OTHER}


def test_what_does_not_belong_is_found_and_swept(store: ThumbnailStore, tmp_path: Path) -> None:
    assert store.sweep() == 0  # nor is there a folder yet
    store.write(SHA, b"jpeg")
    strangers = [
        store.path(SHA).with_name(f"{SHA}.00000000.tmp"),
        store.path(SHA).with_name("readme.jpg"),
        store.path(SHA).with_suffix(".png"),
        tmp_path / "thumbnails" / "00" / "00" / f"{OTHER}.jpg",  # not its place: nobody would find it there
        tmp_path / "thumbnails" / "notes.txt",
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert sorted(store.leftovers()) == sorted(strangers)
    assert store.sweep() == len(strangers)
    assert files_in(tmp_path) == [f"{SHA}.jpg"]


@given(jpeg=st.binary(max_size=200), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_disk_did_to_it_a_damaged_one_is_none(
    store: ThumbnailStore, jpeg: bytes, data: st.DataObject
) -> None:
    store.write(SHA, jpeg)
    assert store.read(SHA) == jpeg
    path = store.path(SHA)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole)
    assert store.read(SHA) is None
    store.write(SHA, jpeg)  # made again, it is in its place again
    assert store.read(SHA) == jpeg


def test_a_sealed_file_is_still_a_jpeg(store: ThumbnailStore) -> None:
    made = io.BytesIO()
    Image.effect_noise((40, 30), 90).save(made, "JPEG")
    store.write(SHA, made.getvalue())
    with Image.open(store.path(SHA)) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (40, 30))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA.upper(), SHA[:-1], f"{SHA}\n"])
def test_only_a_sha256_names_a_thumbnail(store: ThumbnailStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.read(name)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_error_and_leaves_the_old_one(
    store: ThumbnailStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store.write(SHA, b"old")

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskSpaceError):
        store.write(SHA, b"new")
    assert store.read(SHA) == b"old"
    assert files_in(tmp_path) == [f"{SHA}.jpg"]


def test_other_faults_of_the_disk_stay_what_they_are(store: ThumbnailStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="I/O error"):
        store.write(SHA, b"new")


def test_a_crash_between_write_and_rename_leaves_what_sweep_removes(store: ThumbnailStore, tmp_path: Path) -> None:
    store.write(SHA, b"old")
    program = (
        "import os, signal, sys; from pathlib import Path; from store.thumbnails import ThumbnailStore\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ThumbnailStore(Path(sys.argv[1])).write(sys.argv[2], b'new')"
    )
    crashed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "thumbnails"), SHA], cwd=REPOSITORY, check=False
    )
    assert crashed.returncode == -signal.SIGKILL
    assert len(files_in(tmp_path)) == 2
    assert store.read(SHA) == b"old"
    assert store.sweep() == 1
    assert files_in(tmp_path) == [f"{SHA}.jpg"]
