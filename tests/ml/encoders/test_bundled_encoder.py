"""The bundled model on real photos: what it is for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ml.encoders.protocol import Encoder, ImageEmbedding

PHOTOS = {
    "skimage.data": [
        "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "hubble_deep_field.jpg",
        "moon.png", "motorcycle_left.png", "page.png", "rocket.jpg",
    ],
    "sklearn.datasets.images": ["china.jpg", "flower.jpg"],
}  # fmt: skip
Gallery = dict[str, ImageEmbedding]


@pytest.fixture(scope="module")
def views(bundled: Encoder, make_views: Callable[..., NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Twelve photos of everyday things, by name."""
    result = {}
    for package, names in PHOTOS.items():
        for name in names:
            with files(package).joinpath(name).open("rb") as file:
                result[name.split(".")[0]] = make_views(Image.open(file), bundled.view_spec)
    return result


@pytest.fixture(scope="module")
def gallery(bundled: Encoder, views: dict[str, NDArray[np.uint8]]) -> Gallery:
    return dict(zip(views, bundled.encode_images(np.stack(list(views.values()))), strict=True))


@pytest.mark.parametrize(
    ("query", "photo"),
    [
        ("a cat", "chelsea"),
        ("a rocket launch", "rocket"),
        ("a cup of coffee", "coffee"),
        ("a motorcycle", "motorcycle_left"),
        ("a temple", "china"),
        ("a flower", "flower"),
    ],
)
def test_the_described_photo_leads_clearly(bundled: Encoder, gallery: Gallery, query: str, photo: str) -> None:
    (vector,) = bundled.encode_texts([query])
    scores = {name: float(embedding.vector @ vector) for name, embedding in gallery.items()}
    first, second = sorted(scores.values(), reverse=True)[:2]
    assert max(scores, key=lambda name: scores[name]) == photo
    assert first > 1.2 * second


def test_sure_labels_become_tags_and_unsure_ones_do_not(gallery: Gallery) -> None:
    names = {name: [tag.name for tag in embedding.tags] for name, embedding in gallery.items()}
    assert names["chelsea"] == ["Egyptian cat"]
    assert names["coffee"] == ["espresso"]
    assert names["camera"] == ["tripod"]
    assert names["astronaut"] == names["page"] == names["coins"] == []


def test_a_photo_has_the_same_vector_in_any_company(
    bundled: Encoder, views: dict[str, NDArray[np.uint8]], gallery: Gallery
) -> None:
    for name in ("coffee", "china", "moon"):
        (alone,) = bundled.encode_images(views[name][np.newaxis])
        np.testing.assert_allclose(alone.vector, gallery[name].vector, atol=1e-4)


def test_a_text_has_the_same_vector_in_any_company(bundled: Encoder) -> None:
    texts = ["a dog " * 40, "cat", "two people on a beach at sunset", "x", "word " * 400]
    together = bundled.encode_texts(texts)
    alone = np.concatenate([bundled.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_vectors_are_finite_and_of_unit_length_for_any_pixels(bundled: Encoder) -> None:
    bundled.warm_up()
    noise = np.random.default_rng(1).integers(0, 256, bundled.view_spec.shape, dtype=np.uint8)
    plain = [np.full(bundled.view_spec.shape, level, dtype=np.uint8) for level in (0, 255)]
    for embedding in bundled.encode_images(np.stack([noise, *plain])):
        assert embedding.vector.shape == (bundled.identity.dimensions,)
        assert embedding.vector.dtype == np.float32
        assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-5)


def test_the_identity_tells_what_shapes_the_space(bundled: Encoder) -> None:
    assert bundled.identity.model == "bundled"
    assert bundled.identity.dimensions == 1000
    assert "260 center+mid bicubic" in bundled.identity.preprocessing
