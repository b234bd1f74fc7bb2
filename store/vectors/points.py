"""What a vector must be to enter an index, checked before anything is sent.

Qdrant applies a batch point by point: one that it rejects leaves those before it written. So the whole batch
is checked here first, and a bad point means that nothing was sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from store.errors import PointRejectedError
from store.vectors.protocol import Point

# How far a length may be from 1: wide enough for vectors that were computed in bfloat16 and normalised there.
LENGTH_TOLERANCE = 1e-3


def is_unit(vector: NDArray[np.float32]) -> bool:
    """Whether an index would take the vector, but for its dimension: it is finite and of unit length."""
    return abs(float(np.linalg.norm(vector.astype(np.float64))) - 1.0) <= LENGTH_TOLERANCE


def checked_matrix(points: Sequence[Point], dimensions: int) -> NDArray[np.float32]:
    """The vectors of some points as one float32 matrix (n, dimensions).

    Raises PointRejectedError, naming the first bad point, if an id is not a UUID in canonical form or a
    vector is not of this dimension, not finite or not of unit length.
    """
    matrix = np.empty((len(points), dimensions), dtype=np.float32)
    for row, point in enumerate(points):
        _check_id(point.id)
        matrix[row] = _in_shape(point.vector, dimensions, point.id)
    _check_lengths(matrix, [point.id for point in points])
    return matrix


def checked_query(vector: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """A query's vector as float32 (dimensions,), held to the same conditions: its scores are cosines."""
    row = _in_shape(vector, dimensions, "the query")
    _check_lengths(row[np.newaxis], ["the query"])
    return row


def is_id(text: str) -> bool:
    """Whether a point can have this id: a UUID in canonical form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _check_id(point_id: str) -> None:
    if not is_id(point_id):
        raise PointRejectedError(f"point {point_id!r}: the id is not a UUID in lower case with hyphens")


def _in_shape(vector: NDArray[np.float32], dimensions: int, name: str) -> NDArray[np.float32]:
    if vector.shape != (dimensions,):
        raise PointRejectedError(f"point {name}: a vector of shape {vector.shape} where ({dimensions},) is wanted")
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is refused as such
        return vector.astype(np.float32)


def _check_lengths(matrix: NDArray[np.float32], names: Sequence[str]) -> None:
    # In float64, so that no finite float32 overflows when it is squared.
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    bad = ~(np.abs(lengths - 1.0) <= LENGTH_TOLERANCE)  # written so that NaN is bad too
    if bad.any():
        row = int(np.argmax(bad))
        fault = f"has length {lengths[row]:.4g}, not 1" if np.isfinite(lengths[row]) else "is not finite"
        raise PointRejectedError(f"point {names[row]}: the vector {fault}")
