from __future__ import annotations

import pytest

from handlers.filters import PathFilter

ROOT = "/photos"


@pytest.mark.parametrize(
    "path",
    [
        "a.jpg",
        "A.JPG",
        "2024/summer/b.HEIC",
        "raw/DSC0001.NEF",
        "deep/er/and/deeper/x.Dng",
        "#1 holiday/a.jpg",
        "@home/a.jpg",
        "with space/and ü.webp",
        "name.with.dots.jpeg",
        "hif/sony.hif",
        "not utf-8 \udcff.jpg",
        "not utf-8 \udcff/a.jpg",
    ],
)
def test_photos_are_wanted(path: str) -> None:
    assert PathFilter(ROOT).wants_file(f"{ROOT}/{path}")


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "movie.mov",
        "jpg",
        ".jpg",
        ".hidden.jpg",
        "._IMG_1.jpg",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "a.jpg.part",
        "a.jpg.crdownload",
        "a.jpg.tmp",
        "a.jpg.filepart",
        "~syncthing~a.jpg",
        ".fuse_hidden000000.jpg",
        ".nfs0000.jpg",
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "2024/@eaDir/a.jpg",
        "#recycle/a.jpg",
        "@Recycle/a.jpg",
        "@Recently-Snapshot/a.jpg",
        ".thumbnails/a.jpg",
        ".@__thumb/a.jpg",
        "__MACOSX/a.jpg",
        ".Trash-1000/files/a.jpg",
        ".Trashes/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "System Volume Information/a.jpg",
        "lost+found/a.jpg",
        ".sync/a.jpg",
        ".stfolder/a.jpg",
        ".stversions/a.jpg",
        ".dropbox.cache/a.jpg",
        ".AppleDouble/a.jpg",
        ".picasaoriginals/a.jpg",
        "Lightroom Previews.lrdata/a.jpg",
    ],
)
def test_droppings_are_left_out(path: str) -> None:
    assert not PathFilter(ROOT).wants_file(f"{ROOT}/{path}")


@pytest.mark.parametrize("path", ["/a.jpg", "/photos2/a.jpg", "/other/photos/a.jpg"])
def test_paths_outside_the_root_are_left_out(path: str) -> None:
    assert not PathFilter(ROOT).wants_file(path)


def test_root_may_have_any_name() -> None:
    assert PathFilter("/home/me/.photos").wants_file("/home/me/.photos/a.jpg")
    assert PathFilter("/volume1/@eaDir").wants_directory("/volume1/@eaDir")
    assert PathFilter("/").wants_file("/photos/a.jpg")
    assert PathFilter("/").wants_file("/a.jpg")


def test_flat_root_wants_no_folder_below() -> None:
    flat = PathFilter(ROOT, recursive=False)
    assert flat.wants_file("/photos/a.jpg")
    assert flat.wants_directory("/photos")
    assert not flat.wants_directory("/photos/2024")
    assert not flat.wants_file("/photos/2024/a.jpg")


def test_globs_are_relative_to_the_root() -> None:
    globbed = PathFilter(ROOT, exclude=["private/", "/2024/raw", "*.gif", "**/cache/**"])
    wanted = {path: globbed.wants_file(f"{ROOT}/{path}") for path in EXPECTED}
    assert wanted == EXPECTED


EXPECTED = {
    "a.jpg": True,
    "a.gif": False,
    "x/a.gif": False,
    "private/a.jpg": False,
    "private/deep/a.jpg": False,
    "x/private/a.jpg": False,
    "2024/raw/a.jpg": False,
    "old/2024/raw/a.jpg": True,
    "x/cache/a.jpg": False,
    "x/cached/a.jpg": True,
}
