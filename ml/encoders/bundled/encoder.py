"""The `bundled` encoder: classifier, sentence encoder and bridge behind the one protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.decode.types import ViewSpec
from ml.encoders.bundled import classifier, sentences
from ml.encoders.bundled.bridge import image_vectors, query_vectors
from ml.encoders.bundled.class_texts import class_text_vectors
from ml.encoders.bundled.classes import imagenet_classes
from ml.encoders.protocol import ImageEmbedding, SpaceIdentity, Tag

# The centre square and a closer look at the middle. On twelve photos the right one leads by two to four times
# the margin of the centre alone where that is thin; nine crops gain as much again on some, at nine times the
# work.
VIEWS = ViewSpec(size=classifier.SIZE, crops=("center", "mid"), resample="bicubic")
MAX_TAGS = 5
# Mean probability over the views. The classifier was trained with label smoothing and is seldom sure: below
# this, labels of photos that no class fits begin.
TAG_THRESHOLD = 0.25


class BundledEncoder:
    """Photos and English sentences as distributions over the ImageNet classes; tags from the same pass.

    `cache_dir` keeps the class texts' vectors between starts. Raises ModelUnavailableError when a package's
    weights are missing or damaged.
    """

    def __init__(self, device: str, max_batch: int, cache_dir: Path | None = None) -> None:
        self.device = device
        self.max_batch = max_batch
        self.view_spec = VIEWS
        self.identity = _identity()
        self._classifier = classifier.Classifier(device)
        self._sentences = sentences.SentenceEncoder(device)
        classes = imagenet_classes()
        self._names = [item.name for item in classes]
        self._class_texts = class_text_vectors(classes, self._sentences.encode, sentences.SHA256, cache_dir)

    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        """(n, crops, size, size, 3) RGB to n embeddings, in order."""
        count, crops = views.shape[:2]
        each = self._classifier.probabilities(views.reshape(count * crops, *views.shape[2:]))
        probabilities = each.reshape(count, crops, -1).mean(axis=1)
        vectors = image_vectors(probabilities)
        return [ImageEmbedding(vector, self._tags(row)) for vector, row in zip(vectors, probabilities, strict=True)]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n texts to (n, dimensions), unit rows, in order."""
        return query_vectors(self._sentences.encode(texts), self._class_texts)

    def warm_up(self) -> None:
        """Run both models once."""
        self.encode_images(np.zeros((1, *self.view_spec.shape), dtype=np.uint8))
        self.encode_texts(["warm up"])

    def _tags(self, probabilities: NDArray[np.float32]) -> tuple[Tag, ...]:
        best = np.argsort(probabilities)[::-1][:MAX_TAGS]
        likely = [i for i in best if probabilities[i] >= TAG_THRESHOLD]
        return tuple(Tag(self._names[i], float(probabilities[i])) for i in likely)


def _identity() -> SpaceIdentity:
    weights = hashlib.sha256(f"{classifier.SHA256} {sentences.SHA256}".encode()).hexdigest()
    crops = "+".join(VIEWS.crops)
    preprocessing = f"{VIEWS.size} {crops} {VIEWS.resample} mean 127/255 std 128/255, root of mean probability"
    return SpaceIdentity("bundled", weights, preprocessing, "float32", classifier.CLASSES)
