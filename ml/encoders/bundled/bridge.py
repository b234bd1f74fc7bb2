"""Photos and sentences into one space, through the classes that a classifier knows.

ConSE (Norouzi et al. 2013, arXiv:1312.5650) moves a photo into the text space: the mean of the class texts'
vectors, weighed by probability. Here the sentence moves into the class space instead, which ranks better and
still is one dot product: a photo is its distribution over the classes, a query is one too (a softmax over its
similarity to each class's text), and both are compared as unit vectors.

The square root of the photo's probabilities keeps one sure class from silencing all others (it is the
Hellinger map, under which a dot product compares distributions). The query's own distribution stays as it is:
its root was tried and spreads weight over hundreds of unrelated classes (the right photo then led for one of
five queries instead of five).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Of the softmax over cosine similarities. Lower looks at the nearest class only, higher at all of them alike.
TEMPERATURE = 0.1


def image_vectors(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, classes) probabilities to (n, classes) unit vectors."""
    return unit_rows(np.sqrt(probabilities))


def query_vectors(sentences: NDArray[np.float32], class_texts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, width) unit sentences against (classes, width) unit class texts: (n, classes) unit vectors."""
    logits = sentences @ class_texts.T / TEMPERATURE
    return unit_rows(np.exp(logits - logits.max(axis=1, keepdims=True)))


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its Euclidean length."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)
