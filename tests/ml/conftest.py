"""Photos that the tests make themselves, and the options to decode them with."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from ml.decode.types import ViewSpec
from ml.decode.wire import DecodeOptions
from tests import dng

RED, BLUE = (220, 30, 30), (40, 80, 200)


@pytest.fixture
def decode_options() -> DecodeOptions:
    """The defaults of the settings, with one small view."""
    return DecodeOptions(
        view_spec=ViewSpec(64),
        thumbnail_size=400,
        thumbnail_quality=82,
        max_pixels=50_000_000,
        max_file_size=50_000_000,
        timeout=30.0,
    )


@pytest.fixture
def marked() -> Callable[[int, int], Image.Image]:
    """Make a blue picture whose top left quarter is red: it shows which way up it is."""

    def make(width: int, height: int) -> Image.Image:
        image = Image.new("RGB", (width, height), BLUE)
        image.paste(RED, (0, 0, width // 2, height // 2))
        return image

    return make


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encode a picture by Pillow: `encode(image, "JPEG", quality=90)`."""

    def make(image: Image.Image, format_name: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format_name, **options)
        return buffer.getvalue()

    return make


@pytest.fixture
def make_dng() -> Callable[..., bytes]:
    """`tests.dng.make_dng`."""
    return dng.make_dng
