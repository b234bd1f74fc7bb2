"""Column types: how what Python holds is kept in SQLite."""

from __future__ import annotations

import enum
import os
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Dialect, Enum, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

Vector = NDArray[np.float32]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FsPath(TypeDecorator[str]):
    """A path, as the bytes that the file system has.

    Names need not be valid in any encoding; Python carries such bytes as surrogates, which SQLite's TEXT
    refuses. Rows sort by these bytes: the order of `os.fsencode(path)`.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else os.fsdecode(value)


class Message(TypeDecorator[str]):
    """Words for a person. Bytes of a path in them that are no text are kept as escapes, like `\\udcff`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8")


class UtcTime(TypeDecorator[datetime]):
    """An aware time, as whole microseconds since 1970 in UTC: it sorts, and comes back exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else from_microseconds(value)


class UInt64(TypeDecorator[int]):
    """An unsigned 64-bit number, as the signed one with the same bits: inodes of some mounts need it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else signed(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else value & 0xFFFF_FFFF_FFFF_FFFF


class Float32Vector(TypeDecorator[Vector]):
    """A vector, as float32 little-endian bytes."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Vector | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else value.astype("<f4", copy=False).tobytes()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Vector | None:  # noqa: ARG002
        """See TypeDecorator."""
        return None if value is None else np.frombuffer(value, dtype="<f4").astype(np.float32, copy=False)


def choice(kind: type[enum.StrEnum]) -> Enum:
    """One of the values of an enumeration, as its text."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda members: [str(m) for m in members])


def to_microseconds(at: datetime) -> int:
    """Whole microseconds since 1970 in UTC of an aware time."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """The aware time in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def signed(value: int) -> int:
    """The signed 64-bit number with the same bits."""
    return value - (1 << 64) if value >= 1 << 63 else value
