"""A model without weights: colours only. Ships for tests, and for trying the daemon where torch is too much.

Its answers are deterministic and its similarity means something: a photo's vector is its colour histogram,
and a text that names colours lies near photos of those colours. It imports no torch and loads at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.decode.types import ViewSpec
from ml.encoders.protocol import ImageEmbedding, SpaceIdentity

LEVELS = 4  # a channel
DIMENSIONS = LEVELS**3
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "orange": (245, 130, 20),
    "yellow": (250, 225, 40),
    "green": (30, 150, 60),
    "blue": (30, 70, 215),
    "purple": (130, 40, 160),
    "pink": (250, 150, 190),
    "brown": (120, 70, 30),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
}


class FakeEncoder:
    """Photos to colour histograms, texts to the colours they name (or to a direction of their own)."""

    device = "cpu"
    view_spec = ViewSpec(size=32, crops=("center",), resample="bilinear")
    identity = SpaceIdentity("fake", hashlib.sha256(b"fake 1").hexdigest(), "32 center bilinear", "float32", DIMENSIONS)

    def __init__(self, max_batch: int = 8) -> None:
        self.max_batch = max_batch

    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        """(n, 1, 32, 32, 3) RGB to n embeddings, in order."""
        return [ImageEmbedding(_histogram(photo.reshape(-1, 3))) for photo in views]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n texts to (n, DIMENSIONS), unit rows, in order."""
        return np.stack([_text_vector(text) for text in texts])

    def warm_up(self) -> None:
        """Nothing is lazy here."""


def _histogram(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 3) RGB to a unit vector; each pixel shared among the cells around it, so like shades stay alike."""
    positions = pixels.astype(np.float32) * ((LEVELS - 1) / 255)
    shares = np.maximum(0, 1 - np.abs(positions[:, :, None] - np.arange(LEVELS, dtype=np.float32)))
    cells = np.einsum("ni,nj,nk->ijk", shares[:, 0], shares[:, 1], shares[:, 2], optimize=True).ravel()
    return np.asarray(cells / np.linalg.norm(cells), dtype=np.float32)


def _text_vector(text: str) -> NDArray[np.float32]:
    named = [COLORS[word] for word in re.findall(r"\w+", text.casefold()) if word in COLORS]
    if named:
        return _histogram(np.array(named, dtype=np.uint8))
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    direction = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return np.asarray(direction / np.linalg.norm(direction), dtype=np.float32)
