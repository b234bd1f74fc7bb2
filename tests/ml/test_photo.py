from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.decode.photo import decode_photo
from ml.decode.wire import DecodeOptions
from ml.errors import DecodeError, TooLargeError, UnsupportedFormatError

Encode = Callable[..., bytes]
NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (240, 320, 3), dtype=np.uint8))


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_photo_is_whole(encode: Encode, decode_options: DecodeOptions) -> None:
    photo = decode_photo(encode(NOISE, "JPEG"), "a.jpg", decode_options)
    assert (photo.format, photo.width, photo.height) == ("JPEG", 320, 240)
    assert photo.views.shape == (1, 64, 64, 3)
    with Image.open(io.BytesIO(photo.thumbnail)) as thumbnail:
        assert thumbnail.size == (320, 240)


@pytest.mark.parametrize("size", [(1, 1), (5000, 2), (2, 5000)])
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_odd_sizes(name: str, size: tuple[int, int], encode: Encode, decode_options: DecodeOptions) -> None:
    photo = decode_photo(encode(Image.new("RGB", size), name), "", decode_options)
    assert (photo.width, photo.height) == size
    assert photo.views.shape == (1, 64, 64, 3)


def test_the_content_decides_not_the_name(encode: Encode, decode_options: DecodeOptions) -> None:
    assert decode_photo(encode(NOISE, "PNG"), "a.jpg", decode_options).format == "PNG"


@pytest.mark.parametrize("name", ["a.jpg", "a.dng", "a.raw", "a"])
def test_text_is_unsupported(name: str, decode_options: DecodeOptions) -> None:
    with pytest.raises(UnsupportedFormatError):
        decode_photo(b"Dear diary, today I took no photo.", name, decode_options)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_truncated_files_fail(name: str, part: float, encode: Encode, decode_options: DecodeOptions) -> None:
    pillow_heif.register_heif_opener()
    data = encode(NOISE, name)
    with pytest.raises(DecodeError) as caught:
        decode_photo(data[: int(len(data) * part)], "a", decode_options)
    assert caught.value.code == "DECODE_FAILED"


@pytest.mark.parametrize("edge", [8_000, 50_000])
def test_a_bomb_is_refused_by_its_header(edge: int, decode_options: DecodeOptions) -> None:
    with pytest.raises(TooLargeError, match=f"{edge:,} x {edge:,} pixels"):
        decode_photo(png_header(edge, edge), "bomb.png", decode_options)


def test_a_png_is_refused_by_its_size_even_if_nothing_follows_the_header(
    decode_options: DecodeOptions,
) -> None:
    data = png_header(50_000, 50_000)[:33]  # the signature and the first chunk
    with pytest.raises(TooLargeError, match="50,000 x 50,000 pixels"):
        decode_photo(data, "bomb.png", decode_options)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]),
    at=st.integers(0, 10_000),
    junk=st.binary(min_size=1, max_size=40),
)
def test_damage_gives_an_error_of_ours_or_a_photo(
    name: str, at: int, junk: bytes, encode: Encode, decode_options: DecodeOptions
) -> None:
    data = bytearray(encode(NOISE.resize((48, 32)), name))
    at %= len(data)
    data[at : at + len(junk)] = junk
    try:
        photo = decode_photo(bytes(data), "a", decode_options)
    except DecodeError:
        return
    assert photo.views.shape == (1, 64, 64, 3)
