from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ml.decode.exif import facts, merge, read_exif
from ml.decode.photo import decode_photo
from ml.decode.types import Exif
from ml.decode.wire import DecodeOptions

EXIF, GPS = 0x8769, 0x8825
FULL = Exif(
    taken_at="2021-07-14T18:05:09.25+02:00",
    camera_make="Acme",
    camera_model="Obscura 3",
    lens="50mm F1.8",
    iso=400,
    f_number=2.8,
    exposure_seconds=0.004,
    focal_length_mm=50.0,
    latitude=-33.865,
    longitude=-151.21,
    altitude_m=-12.5,
)


@pytest.fixture
def written() -> Image.Exif:
    """All facts of FULL, as a camera writes them."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme  ", "Obscura 3"
    exif.get_ifd(EXIF).update(
        {
            0x9003: "2021:07:14 18:05:09",
            0x9011: "+02:00",
            0x9291: "25",
            0x8827: 400,
            0x829D: IFDRational(28, 10),
            0x829A: IFDRational(1, 250),
            0x920A: IFDRational(50),
            0xA434: "50mm F1.8",
        }
    )
    exif.get_ifd(GPS).update(
        {
            1: "S",
            2: (33.0, 51.0, 54.0),
            3: "W",
            4: (151.0, 12.0, 36.0),
            5: b"\x01",
            6: 12.5,
        }
    )
    return exif


def near(exif: Exif) -> Exif:
    rounded = {
        name: round(value, 4)
        for name in ("f_number", "exposure_seconds", "focal_length_mm", "latitude", "longitude", "altitude_m")
        if (value := getattr(exif, name)) is not None
    }
    return merge(Exif(**rounded), exif)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_container_gives_all_facts(
    format_name: str, written: Image.Exif, encode: Callable[..., bytes], decode_options: DecodeOptions
) -> None:
    pillow_heif.register_heif_opener()
    image = Image.new("RGB", (64, 64))
    data = encode(image, format_name, exif=written.tobytes())
    assert near(decode_photo(data, "a", decode_options).exif) == FULL


def test_no_exif_is_no_facts(encode: Callable[..., bytes], decode_options: DecodeOptions) -> None:
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP"):
        assert decode_photo(encode(Image.new("RGB", (8, 8)), name), "a", decode_options).exif == Exif()


def tags(**values: object) -> dict[str, SimpleNamespace]:
    return {f"EXIF {name}": SimpleNamespace(values=value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"DateTimeOriginal": "2020:01:02 03:04:05"}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": "2020-01-02 03:04:05"}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05\0junk"}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": b"2020:01:02 03:04:05"}, "2020-01-02T03:04:05"),
        (
            {"DateTimeOriginal": "2020:01:02 03:04:05", "OffsetTimeOriginal": "-03:30"},
            "2020-01-02T03:04:05-03:30",
        ),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "OffsetTimeOriginal": "Z"}, "2020-01-02T03:04:05+00:00"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "OffsetTimeOriginal": "+25:00"}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "OffsetTimeOriginal": "   :  "}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "SubSecTimeOriginal": "007"}, "2020-01-02T03:04:05.007"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "SubSecTimeOriginal": "00"}, "2020-01-02T03:04:05"),
        ({"DateTimeOriginal": "2020:01:02 03:04:05", "SubSecTimeOriginal": "²"}, "2020-01-02T03:04:05"),
        (
            {"DateTimeDigitized": "2020:01:02 03:04:05", "OffsetTimeDigitized": "+01:00"},
            "2020-01-02T03:04:05+01:00",
        ),
        (
            {"DateTimeOriginal": "0000:00:00 00:00:00", "DateTimeDigitized": "2020:01:02 03:04:05"},
            "2020-01-02T03:04:05",
        ),
        ({"DateTimeOriginal": "    :  :     :  :  "}, None),
        ({"DateTimeOriginal": "2020:02:30 03:04:05"}, None),
        ({"DateTimeOriginal": "2020:01:02 24:00:00"}, None),
        ({"DateTimeOriginal": "0012:01:02 03:04:05"}, None),
        ({"DateTimeOriginal": "yesterday"}, None),
        ({"DateTimeOriginal": [2020]}, None),
    ],
)
def test_dates(found: dict[str, object], expected: str | None) -> None:
    assert facts(tags(**found)).taken_at == expected


@pytest.mark.parametrize(
    ("found", "field", "expected"),
    [
        ({"ISOSpeedRatings": [100]}, "iso", 100),
        ({"ISOSpeedRatings": [65535], "RecommendedExposureIndex": [102400]}, "iso", 102400),
        ({"ISOSpeedRatings": [65535]}, "iso", None),
        ({"ISOSpeedRatings": [0]}, "iso", None),
        ({"ISOSpeedRatings": []}, "iso", None),
        ({"FNumber": [Fraction(28, 10)]}, "f_number", 2.8),
        ({"FNumber": [Fraction(0)]}, "f_number", None),
        ({"FNumber": ["wide"]}, "f_number", None),
        ({"FNumber": [float("inf")]}, "f_number", None),
        ({"ExposureTime": [Fraction(-1, 100)]}, "exposure_seconds", None),
        ({"ExposureTime": [30]}, "exposure_seconds", 30),
        ({"FocalLength": [float("nan")]}, "focal_length_mm", None),
        ({"LensModel": "----"}, "lens", None),
        ({"LensModel": "  \0"}, "lens", None),
        ({"LensModel": "EF 50\n\x07"}, "lens", "EF 50"),
    ],
)
def test_numbers_and_texts(found: dict[str, object], field: str, expected: object) -> None:
    assert getattr(facts(tags(**found)), field) == expected


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (8, 8), (0, 1), (9, 1), (65535, 1)])
def test_orientation_is_1_to_8(value: int, expected: int) -> None:
    assert facts({"Image Orientation": SimpleNamespace(values=[value])}).orientation == expected


def test_merge_keeps_what_is_known() -> None:
    assert merge(Exif(iso=100), Exif(iso=200, lens="L", orientation=6)) == Exif(iso=100, lens="L", orientation=6)


@settings(deadline=None, max_examples=40)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"\0\0\0\x18ftypheic"]),
)
def test_no_bytes_break_it(body: bytes, start: bytes) -> None:
    read_exif(start + body)


def endless_directories() -> bytes:
    """200 directories in a row, each with 2,000 entries of 999 ratios: 10 minutes of reading."""
    entry = struct.pack("<HHII", 0x9999, 5, 999, 8)
    length = 2 + 12 * 2000 + 4
    chain = (struct.pack("<H", 2000) + entry * 2000 + struct.pack("<I", 8 + length * n) for n in range(1, 200))
    return b"II*\0\x08\0\0\0" + b"".join(chain)


def box_of_no_length() -> bytes:
    """An ISO box that says its length is in the next 64 bits, where it is 0: the next box is itself."""
    box = struct.pack(">I4sQ", 1, b"free", 0)
    meta = struct.pack(">I4sI", 12 + len(box), b"meta", 0) + box
    return struct.pack(">I4s4sI", 16, b"ftyp", b"heic", 0) + meta


@pytest.mark.timeout(20)
@pytest.mark.parametrize("hostile", [endless_directories, box_of_no_length])
def test_no_bytes_keep_it_busy(hostile: Callable[[], bytes]) -> None:
    assert read_exif(hostile()) == Exif()


def test_a_tiff_of_500_pages_is_no_such_case(written: Image.Exif, encode: Callable[..., bytes]) -> None:
    pages = [Image.new("L", (4, 4))] * 499
    data = encode(Image.new("L", (4, 4)), "TIFF", save_all=True, append_images=pages, exif=written.tobytes())
    assert near(read_exif(data)) == FULL


anything = st.one_of(st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=9), st.lists(st.floats()))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "EXIF DateTimeOriginal",
                "EXIF SubSecTimeOriginal",
                "Image Make",
                "EXIF ISOSpeedRatings",
                "EXIF FNumber",
                "Image Orientation",
                "GPS GPSLatitude",
                "GPS GPSLatitudeRef",
                "GPS GPSAltitude",
            ]
        ),
        anything,
    )
)
def test_no_values_break_it(found: dict[str, object]) -> None:
    facts({name: SimpleNamespace(values=values) for name, values in found.items()})
