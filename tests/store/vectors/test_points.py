"""What may enter an index."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from store.errors import PointRejectedError
from store.vectors.points import LENGTH_TOLERANCE, checked_matrix, checked_query
from store.vectors.protocol import Point

ONE = str(uuid.UUID(int=1))
AXIS = np.array([1, 0, 0], dtype=np.float32)


@given(hnp.arrays(np.float64, (5,), elements=st.floats(width=64)))
def test_exactly_unit_vectors_pass(vector: NDArray[np.float64]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = vector.astype(np.float32).astype(np.float64)
        length = float(np.sqrt((narrow * narrow).sum()))
    if abs(length - 1.0) <= LENGTH_TOLERANCE:
        assert checked_query(vector, 5).dtype == np.float32  # type: ignore[arg-type]  # any float type will do
    else:
        with pytest.raises(PointRejectedError):
            checked_query(vector, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [1 - 0.9 * LENGTH_TOLERANCE, 1 + 0.9 * LENGTH_TOLERANCE])
def test_rounding_of_half_precision_passes(factor: float) -> None:
    assert checked_matrix([Point(ONE, AXIS * np.float32(factor))], 3).shape == (1, 3)


def test_the_first_bad_point_is_named() -> None:
    good, bad = [str(uuid.UUID(int=number)) for number in (2, 3)]
    with pytest.raises(PointRejectedError, match=f"{bad}.*length 2, not 1"):
        checked_matrix([Point(good, AXIS), Point(bad, AXIS * 2), Point(ONE, AXIS * 3)], 3)
    with pytest.raises(PointRejectedError, match=f"{bad}.*not finite"):
        checked_matrix([Point(good, AXIS), Point(bad, AXIS * np.nan)], 3)


@pytest.mark.parametrize("name", ["7", "", ONE.replace("-", ""), f"{{{ONE}}}", str(uuid.UUID(int=10)).upper()])
def test_only_a_canonical_uuid_is_an_id(name: str) -> None:
    with pytest.raises(PointRejectedError, match="UUID"):
        checked_matrix([Point(name, AXIS)], 3)


def test_the_callers_array_is_not_shared() -> None:
    vector = AXIS.copy()
    query = checked_query(vector, 3)
    vector[0] = 5
    assert query[0] == 1


def test_no_points_make_an_empty_matrix() -> None:
    assert checked_matrix([], 3).shape == (0, 3)
