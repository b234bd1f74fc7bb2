from __future__ import annotations

import struct
from collections.abc import Callable

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ml.decode.sniff import FileFormat, sniff
from ml.decode.tiff import directories


def test_pictures_are_known_by_their_content(encode: Callable[..., bytes]) -> None:
    image = Image.new("RGB", (8, 8))
    for name in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"):
        assert sniff(encode(image, name)) == FileFormat(name)


def test_heic_is_heif(encode: Callable[..., bytes]) -> None:
    pillow_heif.register_heif_opener()
    assert sniff(encode(Image.new("RGB", (64, 64)), "HEIF")) == FileFormat("HEIF")


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"heic\0\0\0\0mif1heic", "HEIF"),
        (b"mif1\0\0\0\0mif1heic", "HEIF"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"avis\0\0\0\0msf1", "AVIF"),
        (b"crx \0\0\0\1crx isom", "CR3"),
        (b"isom\0\0\0\0mp42", None),
        (b"qt  \0\0\0\0", None),
    ],
)
def test_iso_media_by_brands(brands: bytes, expected: str | None) -> None:
    found = sniff(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0" * 32)
    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"IIU\0\x18\0\0\0", "RW2"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"FOVb\0\0\0\0", "X3F"),
        (b"\0MRM\0\0\0\0", "MRW"),
        (b"II\x1a\0\0\0HEAPCCDR", "CRW"),
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
    ],
)
def test_raws_with_a_mark_of_their_own(start: bytes, expected: str) -> None:
    assert sniff(start + b"\0" * 64) == FileFormat(expected, raw=True)


def test_dng_by_its_version_tag(make_dng: Callable[..., bytes]) -> None:
    assert sniff(make_dng(Image.new("RGB", (64, 64)))) == FileFormat("DNG", raw=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("make", "photometric", "compression", "expected"),
    [
        (b"NIKON CORPORATION", 32803, 34713, FileFormat("NEF", raw=True)),
        (b"SONY", 32803, 1, FileFormat("ARW", raw=True)),
        (b"PENTAX", 2, 65535, FileFormat("PEF", raw=True)),
        (b"Unheard of", 34892, 1, FileFormat("RAW", raw=True)),
        (b"NIKON CORPORATION", 2, 1, FileFormat("TIFF")),
    ],
)
def test_tiff_is_raw_by_the_data_in_a_child_directory(
    order: str, make: bytes, photometric: int, compression: int, expected: FileFormat
) -> None:
    data = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    data += struct.pack(f"{order}H HHII HHII I", 2, 271, 2, len(make) + 1, 100, 330, 4, 1, 60, 0)
    data = data.ljust(60, b"\0")
    data += struct.pack(f"{order}H HHIHH HHIHH I", 2, 259, 3, 1, compression, 0, 262, 3, 1, photometric, 0, 0)
    assert sniff(data.ljust(100, b"\0") + make + b"\0") == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"hello, world",
        b"BMX racing is fun to watch",
        b"<svg>",
        b"%PDF-1.7",
        b"RIFF\0\0\0\0AVI ",
    ],
)
def test_anything_else_is_unknown(text: bytes) -> None:
    assert sniff(text) is None


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b"\0\0\0\x20ftyp", b"RIFF", b""]))
def test_no_bytes_break_it(body: bytes, start: bytes) -> None:
    sniff(start + body)
    assert len(directories(start + body)) <= 12
