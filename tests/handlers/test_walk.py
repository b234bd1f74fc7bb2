from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.filters import PathFilter
from handlers.walk import Walk


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def walked(folder: Path, *, chunk: int = 100, follow: bool = False, foreign: tuple[Path, ...] = ()) -> list[str]:
    walk = Walk(str(folder), PathFilter(str(folder)), foreign=[str(path) for path in foreign], follow_symlinks=follow)
    return [os.path.relpath(os.fsdecode(file[0]), folder) for files in walk.chunks(chunk) for file in files]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_walk_is_in_the_order_of_whole_paths(tmp_path: Path, chunk: int) -> None:
    # "-" and "." sort before "/", letters behind it: a folder's files come where its path with a slash does
    make(tmp_path, "a/z.jpg", "a-b/x.jpg", "a.jpg", "aa/x.jpg", "a/b/c.jpg", "Z.jpg", "é/x.jpg", "\udcff.jpg")
    found = walked(tmp_path, chunk=chunk)
    assert found == sorted(found, key=os.fsencode)
    assert len(found) == 8


def test_chunks_are_full_but_for_the_last(tmp_path: Path) -> None:
    make(tmp_path, *(f"{number % 3}/{number}.jpg" for number in range(10)))
    assert [len(files) for files in Walk(str(tmp_path), PathFilter(str(tmp_path))).chunks(4)] == [4, 4, 2]


def test_walk_below_a_folder_that_is_excluded_finds_nothing(tmp_path: Path) -> None:
    make(tmp_path, "private/a.jpg", "private/deep/b.jpg", "c.jpg")
    wanted = PathFilter(str(tmp_path), exclude=["private/"])
    assert list(Walk(str(tmp_path / "private"), wanted).chunks(10)) == []


def test_files_are_excluded_by_their_own_globs(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "d/a_edit.jpg", "d/e/b.jpg")
    wanted = PathFilter(str(tmp_path), exclude=["*_edit.*", "/d/e/b.jpg"])
    (files,) = Walk(str(tmp_path), wanted).chunks(10)
    assert [file[0] for file in files] == [os.fsencode(tmp_path / "a.jpg")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab-~", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join))
def test_order_of_any_names(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    make(folder, f"{name}/x.jpg", f"{name}.jpg")
    found = walked(folder)
    assert found == sorted(found, key=os.fsencode)


def test_stats_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(1, 123_456_789))
    ((file,),) = Walk(str(tmp_path), PathFilter(str(tmp_path))).chunks(10)
    stat = (tmp_path / "a.jpg").stat()
    assert file == (os.fsencode(tmp_path / "a.jpg"), 5, 123_456_789, stat.st_ino, stat.st_dev, 0)


def test_unwanted_and_foreign_folders_are_not_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.txt", "@eaDir/a.jpg", ".hidden/a.jpg", "inner/a.jpg", "innermost/a.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert walked(tmp_path, foreign=(tmp_path / "inner",)) == ["a.jpg", "innermost/a.jpg"]


def test_links_are_passed_over_unless_followed(tmp_path: Path) -> None:
    photos, outside = tmp_path / "photos", tmp_path / "outside"
    make(photos, "a.jpg")
    make(outside, "b.jpg")
    (photos / "link").symlink_to(outside)
    (photos / "link.jpg").symlink_to(outside / "b.jpg")
    (photos / "broken.jpg").symlink_to(outside / "none.jpg")
    assert walked(photos) == ["a.jpg"]
    assert walked(photos, follow=True) == ["a.jpg", "link.jpg", "link/b.jpg"]


def test_loops_of_links_end_and_no_file_is_met_twice(tmp_path: Path) -> None:
    photos, outside = tmp_path / "photos", tmp_path / "outside"
    make(photos, "d/a.jpg")
    make(outside, "b.jpg")
    (photos / "d" / "up").symlink_to(photos)
    (photos / "d" / "self").symlink_to("self")
    (photos / "all").symlink_to(tmp_path)
    (outside / "back").symlink_to(outside)
    (photos / "again").symlink_to(outside)
    assert walked(photos, follow=True) == ["again/b.jpg", "d/a.jpg"]


def test_start_that_is_gone_or_no_folder_holds_nothing(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    assert walked(tmp_path / "none") == []
    assert walked(tmp_path / "a.jpg") == []


def test_unreadable_folder_is_named(unprivileged_path: Path) -> None:
    root = unprivileged_path
    make(root, "a.jpg", "closed/b.jpg")
    (root / "closed").chmod(0)
    walk = Walk(str(root), PathFilter(str(root)))
    assert [file[0] for files in walk.chunks(10) for file in files] == [os.fsencode(root / "a.jpg")]
    assert walk.unreadable == [str(root / "closed")]


def test_folder_with_an_io_error_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "bad/b.jpg")
    scandir = os.scandir

    def failing(path: str) -> object:
        if path.endswith("/bad"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    walk = Walk(str(tmp_path), PathFilter(str(tmp_path)))
    assert [file[0] for files in walk.chunks(10) for file in files] == [os.fsencode(tmp_path / "a.jpg")]
    assert walk.unreadable == [str(tmp_path / "bad")]
