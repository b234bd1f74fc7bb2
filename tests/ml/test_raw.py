from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from PIL import Image

from ml.decode.limits import Need
from ml.decode.photo import decode_photo
from ml.decode.raw import decode_raw, is_readable
from ml.decode.types import DecodedPhoto, DecodeSource
from ml.decode.wire import DecodeOptions
from ml.errors import DecodeError, TooLargeError

Encode = Callable[..., bytes]
Marked = Callable[[int, int], Image.Image]
MakeDng = Callable[..., bytes]
NEED = Need(shorter=128, longer=400, preview=200)


def red_corner(image: Image.Image) -> tuple[float, float]:
    """Which corner is red, in parts of the size."""
    found = []
    for x, y in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)):
        pixel = image.getpixel((int(x * image.width), int(y * image.height)))
        assert isinstance(pixel, tuple)
        if pixel[0] > pixel[2]:
            found.append((x, y))
    assert len(found) == 1
    return found[0]


ORIENTATIONS = {1: (0.2, 0.2), 3: (0.8, 0.8), 6: (0.8, 0.2), 8: (0.2, 0.8)}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_without_a_preview_the_sensor_is_demosaiced(orientation: int, marked: Marked, make_dng: MakeDng) -> None:
    picture, facts = decode_raw(make_dng(marked(600, 400), orientation=orientation), NEED, 10_000_000)
    sideways = orientation in (6, 8)
    assert picture.source is DecodeSource.HALF_DEMOSAIC
    assert (picture.width, picture.height) == ((400, 600) if sideways else (600, 400))
    assert picture.image.size == ((200, 300) if sideways else (300, 200))
    assert red_corner(picture.image) == ORIENTATIONS[orientation]
    assert facts.orientation == orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_large_preview_is_used_and_turned_with_the_sensor(
    orientation: int, marked: Marked, encode: Encode, make_dng: MakeDng
) -> None:
    preview = encode(marked(300, 200), "JPEG")
    picture, _ = decode_raw(make_dng(marked(600, 400), preview=preview, orientation=orientation), NEED, 10_000_000)
    assert picture.source is DecodeSource.EMBEDDED_PREVIEW
    assert (picture.width, picture.height) == ((400, 600) if orientation in (6, 8) else (600, 400))
    assert picture.image.size == ((200, 300) if orientation in (6, 8) else (300, 200))
    assert red_corner(picture.image) == ORIENTATIONS[orientation]


def test_the_preview_gives_what_the_container_hides(
    marked: Marked, encode: Encode, make_dng: MakeDng, decode_options: DecodeOptions
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2021:07:14 18:05:09"
    jpeg = encode(marked(450, 300), "JPEG", exif=exif)
    preview = jpeg[:2] + jpeg[20:]  # cameras write no JFIF segment before EXIF
    photo = decode(make_dng(marked(600, 400), preview=preview), "", decode_options)
    assert photo.source is DecodeSource.EMBEDDED_PREVIEW
    assert photo.exif.taken_at == "2021-07-14T18:05:09"


def test_a_small_preview_is_not_enough(marked: Marked, encode: Encode, make_dng: MakeDng) -> None:
    preview = encode(marked(160, 120), "JPEG")
    picture, _ = decode_raw(make_dng(marked(600, 400), preview=preview), NEED, 10_000_000)
    assert picture.source is DecodeSource.HALF_DEMOSAIC


def test_a_damaged_preview_is_not_used(marked: Marked, encode: Encode, make_dng: MakeDng) -> None:
    preview = encode(marked(300, 200), "JPEG")
    broken = preview[: len(preview) // 2].ljust(len(preview), b"\0")
    data = make_dng(marked(600, 400), preview=preview).replace(preview, broken)
    picture, _ = decode_raw(data, NEED, 10_000_000)
    assert picture.source is DecodeSource.HALF_DEMOSAIC


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_an_uncompressed_preview_is_turned_like_the_sensor(orientation: int, marked: Marked, make_dng: MakeDng) -> None:
    data = make_dng(marked(600, 400), preview=marked(300, 200), orientation=orientation)
    picture, _ = decode_raw(data, NEED, 10_000_000)
    assert picture.source is DecodeSource.EMBEDDED_PREVIEW
    assert picture.image.size == ((200, 300) if orientation in (6, 8) else (300, 200))
    assert red_corner(picture.image) == ORIENTATIONS[orientation]


@pytest.mark.parametrize("width", [301, 4_396, 60_000])
def test_an_uncompressed_preview_that_promises_more_pixels_than_it_has_is_never_looked_at(
    width: int, marked: Marked, make_dng: MakeDng
) -> None:
    data = make_dng(marked(600, 400), preview=marked(300, 200))
    entry = struct.pack("<HHII", 256, 4, 1, 300)  # ImageWidth of the preview
    assert data.count(entry) == 1
    picture, _ = decode_raw(data.replace(entry, struct.pack("<HHII", 256, 4, 1, width)), NEED, 10_000_000)
    assert picture.source is DecodeSource.HALF_DEMOSAIC


def test_too_many_sensor_pixels(marked: Marked, make_dng: MakeDng) -> None:
    with pytest.raises(TooLargeError):
        decode_raw(make_dng(marked(600, 400)), NEED, 100_000)


def test_damaged_raw(marked: Marked, make_dng: MakeDng) -> None:
    data = make_dng(marked(600, 400))
    with pytest.raises(DecodeError):
        decode_raw(data[:300], NEED, 10_000_000)
    assert not is_readable(b"not a raw file")
    assert is_readable(data)


def decode(data: bytes, name: str, options: DecodeOptions) -> DecodedPhoto:
    return decode_photo(data, name, options)


def test_a_raw_photo_is_whole(marked: Marked, make_dng: MakeDng, decode_options: DecodeOptions) -> None:
    photo = decode(make_dng(marked(600, 400), orientation=6), "a.jpg", decode_options)
    assert (photo.format, photo.width, photo.height) == ("DNG", 400, 600)
    assert (photo.exif.camera_make, photo.exif.camera_model, photo.exif.orientation) == ("Acme", "One", 6)
    assert photo.views.shape == (1, 64, 64, 3)


def test_a_tiff_under_a_raw_name_is_a_tiff(marked: Marked, encode: Encode, decode_options: DecodeOptions) -> None:
    assert decode(encode(marked(60, 40), "TIFF"), "scan.dng", decode_options).format == "TIFF"
