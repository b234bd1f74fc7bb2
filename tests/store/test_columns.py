from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from store.columns import FsPath, Message, UInt64, UtcTime, from_microseconds, to_microseconds

dialect = sqlite.dialect()


@given(st.binary())
def test_any_bytes_come_back_as_they_were(name: bytes) -> None:
    kept = FsPath()
    path = kept.process_result_value(name, dialect)
    assert kept.process_bind_param(path, dialect) == name


@given(st.binary())
def test_messages_carry_paths_of_any_bytes(name: bytes) -> None:
    kept = Message().process_bind_param(f"{os.fsdecode(name)} is no photo", dialect)
    assert kept is not None
    assert kept.encode().endswith(b" is no photo")


def test_what_is_no_text_in_a_message_is_escaped() -> None:
    assert Message().process_bind_param("ä\udcff", dialect) == "ä\\udcff"


@given(st.integers(0, 2**64 - 1))
def test_numbers_of_64_bits_come_back_and_fit_sqlite(number: int) -> None:
    kept = UInt64().process_bind_param(number, dialect)
    assert kept is not None
    assert -(2**63) <= kept < 2**63
    assert UInt64().process_result_value(kept, dialect) == number


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_exactly(at: datetime) -> None:
    assert from_microseconds(to_microseconds(at)) == at


def test_times_of_other_zones_come_back_in_utc() -> None:
    at = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    back = UtcTime().process_result_value(UtcTime().process_bind_param(at, dialect), dialect)
    assert back == at
    assert back is not None
    assert back.utcoffset() == timedelta(0)


def test_nothing_stays_nothing() -> None:
    for kind in (FsPath(), UInt64(), UtcTime()):
        assert kind.process_bind_param(None, dialect) is None
        assert kind.process_result_value(None, dialect) is None
