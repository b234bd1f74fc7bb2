"""The one interface of all encoders.

An encoder is synchronous and is called from a single thread (`ml.batcher` sees to that). Vectors come out
L2-normalised, float32, so that a dot product is the cosine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.decode.types import ViewSpec


@dataclass(frozen=True, slots=True)
class SpaceIdentity:
    """Identity of a vector space. Vectors of unequal identities must never be compared."""

    model: str  # as configured: "bundled", "open_clip:ViT-B-32/laion2b_s34b_b79k", …
    weights: str  # SHA-256 over the weights
    preprocessing: str  # everything that shapes the input: size, crops, resampling, mean and deviation
    precision: str  # "float32", …
    dimensions: int

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits of a SHA-256 over all fields: a file name and a key."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tag:
    """A word that the model has for a photo, with its probability."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class ImageEmbedding:
    """What an encoder knows of one photo."""

    vector: NDArray[np.float32]  # (dimensions,), unit length
    tags: tuple[Tag, ...] = ()  # best first; empty for encoders without labels


class Encoder(Protocol):
    """Photos and texts to vectors of one space."""

    @property
    def identity(self) -> SpaceIdentity:
        """The vector space that all results belong to."""

    @property
    def view_spec(self) -> ViewSpec:
        """What decoding must produce for `encode_images`."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps"."""

    @property
    def max_batch(self) -> int:
        """The most photos that are safe to give at once."""

    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        """(n, crops, size, size, 3) RGB to n embeddings, in order."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n texts to (n, dimensions), unit rows, in order. A text must not be empty."""

    def warm_up(self) -> None:
        """Run once on zeros, so that the first user does not pay for lazy initialisation."""
