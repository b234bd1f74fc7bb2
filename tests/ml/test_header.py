from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from ml.decode.header import header_size
from ml.decode.photo import decode_photo
from ml.decode.wire import DecodeOptions
from ml.errors import TooLargeError

Encode = Callable[..., bytes]
SIZE = (301, 200)


@pytest.mark.parametrize(
    ("format_name", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("WEBP", "RGB", {"quality": 80}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"quality": 80}),
    ],
)
def test_the_first_30_bytes_tell_the_size(
    format_name: str, mode: str, options: dict[str, object], encode: Encode
) -> None:
    data = encode(Image.new(mode, SIZE, (0, 0, 0, 9)[: len(mode)]), format_name, **options)
    assert header_size(data[:30], format_name) == SIZE


def test_what_is_no_header_tells_none(encode: Encode) -> None:
    webp = encode(Image.new("RGB", SIZE), "WEBP")
    assert header_size(webp[:29], "WEBP") is None
    assert header_size(webp[:12] + b"ICCP" + webp[16:], "WEBP") is None
    assert header_size(b"\x89PNG\r\n\x1a\n" + bytes(30), "PNG") is None
    assert header_size(encode(Image.new("RGB", SIZE), "JPEG"), "JPEG") is None


def test_a_webp_is_refused_by_its_size_even_if_nothing_follows_the_header(decode_options: DecodeOptions) -> None:
    canvas = (16_382).to_bytes(3, "little") * 2
    header = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + canvas
    with pytest.raises(TooLargeError, match="16,383 x 16,383 pixels"):
        decode_photo(header, "bomb.webp", decode_options)
