from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.stability import at_rest, next_look
from store.records import FileStat

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def stat(age: float, size: int = 10) -> FileStat:
    return FileStat(size, NOW - int(age * SECOND), 1, 1)


@pytest.mark.parametrize(
    ("before", "now_stat", "expected"),
    [
        (None, stat(2.0), True),
        (None, stat(1e6), True),
        (None, stat(1.9), False),
        (None, stat(-5.0), False),  # written in the future
        (stat(-5.0), stat(-5.0), True),
        (stat(-5.0), stat(-6.0), False),
        (stat(-5.0), stat(-5.0, size=11), False),
        (stat(1.0), stat(1.0), True),
        (stat(1.0), stat(0.5), False),
    ],
)
def test_at_rest(before: FileStat | None, now_stat: FileStat, expected: bool) -> None:
    assert at_rest(before, now_stat, NOW, settle=2.0) is expected


@given(age=st.floats(-1e6, 1e6), settle=st.floats(0, 3600))
def test_next_look_is_never_later_than_settle_and_then_the_file_is_at_rest(age: float, settle: float) -> None:
    found = stat(age)
    wait = next_look(found, NOW, settle)
    assert 0 <= wait <= settle
    if not at_rest(None, found, NOW, settle):
        later = NOW + int(wait * SECOND) + SECOND // 1000
        assert at_rest(found, found, later, settle)
        assert age < 0 or at_rest(None, found, later, settle)
