from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.encoders.fake import COLORS, DIMENSIONS, FakeEncoder

COLOR_NAMES = sorted(set(COLORS) - {"grey"})


def plain(*colors: str) -> NDArray[np.uint8]:
    """Photos of one colour each."""
    photos = np.zeros((len(colors), *FakeEncoder.view_spec.shape), dtype=np.uint8)
    for photo, color in zip(photos, colors, strict=True):
        photo[:] = COLORS[color]
    return photos


def test_a_colours_name_finds_its_photo() -> None:
    encoder = FakeEncoder()
    encoder.warm_up()
    photos = np.stack([e.vector for e in encoder.encode_images(plain(*COLOR_NAMES))])
    texts = encoder.encode_texts([f"A {name.upper()} square" for name in COLOR_NAMES])
    assert (texts @ photos.T).argmax(axis=1).tolist() == list(range(len(COLOR_NAMES)))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_texts_are_unit_vectors_of_their_own(texts: list[str]) -> None:
    vectors = FakeEncoder().encode_texts(texts)
    assert vectors.shape == (len(texts), DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors, FakeEncoder().encode_texts(texts))


def test_equal_pixels_have_equal_vectors_and_like_shades_near_ones() -> None:
    rng = np.random.default_rng(5)
    photo = rng.integers(0, 240, FakeEncoder.view_spec.shape, dtype=np.uint8)
    same, again, brighter = (e.vector for e in FakeEncoder().encode_images(np.stack([photo, photo, photo + 4])))
    np.testing.assert_array_equal(same, again)
    assert same @ brighter > 0.95
    assert same.dtype == np.float32
    assert np.linalg.norm(same) == pytest.approx(1, abs=1e-5)
