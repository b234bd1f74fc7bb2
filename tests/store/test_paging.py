from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidCursorError
from store.paging import Key, decode_cursor, encode_cursor

keys = st.lists(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False)), max_size=4)


@given(st.text(), keys)
def test_a_cursor_gives_back_its_key(scope: str, key: list[int | float | str]) -> None:
    cursor = encode_cursor(scope, key)
    assert decode_cursor(scope, cursor, *map(type, key)) == tuple(key)
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_other_text_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor("images", cursor, int)


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    cursor = encode_cursor("images", [1_700_000_000, "some-id"])
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last character has bits that do not count
    other = data.draw(st.sampled_from("ABCabc012-_").filter(lambda c: c != cursor[at]))
    with pytest.raises(InvalidCursorError):
        decode_cursor("images", cursor[:at] + other + cursor[at + 1 :], int, str)


def test_a_cursor_belongs_to_its_list_and_its_types() -> None:
    cursor = encode_cursor("images:holidays", [1])
    others: list[tuple[str, list[type[Key]]]] = [
        ("images:work", [int]),
        ("images:holidays", [str]),
        ("images:holidays", [int, int]),
    ]
    for scope, types in others:
        with pytest.raises(InvalidCursorError):
            decode_cursor(scope, cursor, *types)
