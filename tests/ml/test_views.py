from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ml.decode.limits import Need
from ml.decode.thumbnail import make_thumbnail
from ml.decode.types import ViewSpec
from ml.decode.views import crop_box, make_views

CROPS = ("whole", "center", "start", "end", "tl", "tr", "bl", "br", "mid")
sizes = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("crop", "wide", "tall"),
    [
        ("whole", (0, 0, 200, 100), (0, 0, 100, 200)),
        ("center", (50, 0, 150, 100), (0, 50, 100, 150)),
        ("start", (0, 0, 100, 100), (0, 0, 100, 100)),
        ("end", (100, 0, 200, 100), (0, 100, 100, 200)),
        ("tl", (0, 0, 60, 60), (0, 0, 60, 60)),
        ("tr", (140, 0, 200, 60), (40, 0, 100, 60)),
        ("bl", (0, 40, 60, 100), (0, 140, 60, 200)),
        ("br", (140, 40, 200, 100), (40, 140, 100, 200)),
        ("mid", (70, 20, 130, 80), (20, 70, 80, 130)),
    ],
)
def test_boxes(crop: str, wide: tuple[int, ...], tall: tuple[int, ...]) -> None:
    assert crop_box(crop, 200, 100) == pytest.approx(wide)
    assert crop_box(crop, 100, 200) == pytest.approx(tall)


@given(st.sampled_from(CROPS), sizes, sizes)
def test_boxes_lie_in_the_picture(crop: str, width: int, height: int) -> None:
    left, top, right, bottom = crop_box(crop, width, height)
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9


def test_unknown_crop() -> None:
    with pytest.raises(ValueError, match="middle"):
        crop_box("middle", 10, 10)


def test_views_keep_the_order_of_the_crops() -> None:
    image = Image.new("RGB", (300, 100), "blue")
    image.paste("red", (0, 0, 100, 100))
    image.paste("lime", (200, 0, 300, 100))
    views = make_views(image, ViewSpec(32, ("end", "start", "center"), "bilinear"))
    assert views.shape == (3, 32, 32, 3)
    assert views.dtype == np.uint8
    assert [tuple(view[16, 16]) for view in views] == [(0, 255, 0), (255, 0, 0), (0, 0, 255)]


def test_a_view_is_the_cut_and_resized_photo() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = image.crop((50, 0, 250, 200)).resize((64, 64), Image.Resampling.BICUBIC)
    difference = make_views(image, ViewSpec(64))[0].astype(int) - np.asarray(expected)
    # The filter may look over the edge of the cut; away from it the two are the same.
    assert np.abs(difference[4:-4, 4:-4]).max() <= 1


@given(sizes, sizes, st.integers(32, 512), st.integers(64, 2048))
def test_a_scaled_picture_is_never_too_small(width: int, height: int, view: int, thumbnail: int) -> None:
    need = Need.of(ViewSpec(view, CROPS), thumbnail)
    scale = need.scale(width, height)
    assert 0 < scale <= 1
    if scale < 1:
        assert min(width, height) * scale >= 2 * view - 1e-6
        assert max(width, height) * scale >= 2 * thumbnail - 1e-6
        assert 0.6 * min(width, height) * scale >= view - 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1600, 1200), (400, 300)), ((300, 1200), (100, 400)), ((90, 60), (90, 60)), ((5000, 2), (400, 1))],
)
def test_thumbnail_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(make_thumbnail(Image.new("RGB", size), 400, 82))) as thumbnail:
        assert thumbnail.size == expected
        assert thumbnail.format == "JPEG"


def test_thumbnails_carry_no_metadata() -> None:
    image = Image.new("RGB", (90, 60))
    image.info |= {
        "comment": b"secret",
        "exif": b"Exif\0\0secret",
        "icc_profile": b"secret",
        "xmp": b"secret",
    }
    assert b"secret" not in make_thumbnail(image, 400, 82)
