"""The classes' text vectors: computed once, kept in a cache file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.encoders.bundled.bridge import unit_rows
from ml.encoders.bundled.classes import ImageClass

EncodeSentences = Callable[[Sequence[str]], NDArray[np.float32]]


def class_text_vectors(
    classes: Sequence[ImageClass], encode: EncodeSentences, weights_sha256: str, cache_dir: Path | None
) -> NDArray[np.float32]:
    """(classes, width) unit vectors: for each class the mean of its name's and its definition's vector.

    A described class ("a photo of a NAME, a kind of DEFINITION") as a third text ranked no better and costs
    as much as the other two together. All of them take seconds on 2 cores, hence the file in `cache_dir`,
    keyed by the encoder's weights and the texts themselves. An absent, damaged or unwritable cache only costs
    that time.
    """
    names = [item.name for item in classes]
    definitions = [item.definition for item in classes]
    if cache_dir is None:
        return _compute(names, definitions, encode)
    key = hashlib.sha256("\n".join([weights_sha256, *names, *definitions]).encode()).hexdigest()[:16]
    path = cache_dir / f"class-texts-{key}.npy"
    cached = _read(path, len(classes))
    if cached is not None:
        return cached
    vectors = _compute(names, definitions, encode)
    _write(path, vectors)
    return vectors


def _compute(names: list[str], definitions: list[str], encode: EncodeSentences) -> NDArray[np.float32]:
    vectors = encode(names + definitions)
    return unit_rows(vectors[: len(names)] + vectors[len(names) :])


def _read(path: Path, rows: int) -> NDArray[np.float32] | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32
    return vectors if sound and np.isfinite(vectors).all() else None


def _write(path: Path, vectors: NDArray[np.float32]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, vectors)
        Path(file.name).replace(path)
    except OSError:
        return  # a read-only or full disk: the next start computes again
