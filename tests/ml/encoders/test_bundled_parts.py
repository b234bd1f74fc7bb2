"""The bundled model's parts, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ml.encoders.bundled.bridge import image_vectors, query_vectors, unit_rows
from ml.encoders.bundled.class_texts import class_text_vectors
from ml.encoders.bundled.classes import ImageClass, imagenet_classes
from ml.encoders.bundled.classifier import fold_batch_norms


class NormWithActivation(nn.BatchNorm2d):
    """As timm's: a batch norm that carries the activation after it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.ReLU6()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.act(super().forward(values))
        return result


def test_folding_batch_norms_keeps_the_function() -> None:
    torch.manual_seed(7)
    norms = [NormWithActivation(6), NormWithActivation(4)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
        norm.running_mean = torch.randn(norm.num_features)
        norm.running_var = torch.rand(norm.num_features) + 0.5
    inner = nn.Sequential(nn.Conv2d(6, 4, 3, bias=False), norms[1])
    model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), norms[0], inner).train(False)
    pictures = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        before = model(pictures)
    fold_batch_norms(model)
    with torch.inference_mode():
        after = model(pictures)
    torch.testing.assert_close(after, before)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_classes_are_in_the_classifiers_order() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1000
    assert classes[0].name == "tench"
    assert classes[281].name == "tabby"
    assert classes[281].definition == "a cat with a grey or tawny coat mottled with black"
    assert classes[999].name == "toilet tissue"


def test_the_bridge_leads_a_sentence_to_the_photo_of_its_class() -> None:
    rng = np.random.default_rng(3)
    texts = unit_rows(rng.standard_normal((50, 16)).astype(np.float32))
    sure = np.full((50, 50), 0.002, dtype=np.float32) + 0.9 * np.eye(50, dtype=np.float32)
    scores = query_vectors(texts, texts) @ image_vectors(sure).T
    assert (scores.argmax(axis=1) == np.arange(50)).all()
    np.testing.assert_allclose(np.linalg.norm(image_vectors(sure), axis=1), 1, atol=1e-6)


CLASSES = (ImageClass("tabby", "a cat"), ImageClass("tench", "a fish"))


class CountingSentences:
    """Stands for the sentence encoder; remembers how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        return np.array([[len(sentence), 1.0] for sentence in sentences], dtype=np.float32)


def test_class_texts_are_computed_once_for_the_same_weights(tmp_path: Path) -> None:
    encode = CountingSentences()
    first = class_text_vectors(CLASSES, encode, "weights 1", tmp_path / "new")
    again = class_text_vectors(CLASSES, encode, "weights 1", tmp_path / "new")
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-6)
    assert encode.calls == 1
    class_text_vectors(CLASSES, encode, "weights 2", tmp_path / "new")
    assert encode.calls == 2
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("damage", [b"", b"not an array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_cache_is_replaced(tmp_path: Path, damage: bytes) -> None:
    encode = CountingSentences()
    class_text_vectors(CLASSES, encode, "weights", tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    class_text_vectors(CLASSES, encode, "weights", tmp_path)
    assert encode.calls == 2
    class_text_vectors(CLASSES, encode, "weights", tmp_path)
    assert encode.calls == 2


def test_without_a_usable_cache_only_time_is_lost(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    encode = CountingSentences()
    for folder in (None, blocked, blocked / "below"):
        assert class_text_vectors(CLASSES, encode, "weights", folder).shape == (2, 2)
    assert encode.calls == 3
