"""What the pool and its workers say to each other, and how it is framed.

A frame is an 8-byte big-endian length and a pickle (protocol 5: an array's bytes go in one piece). Pickle is
safe here because both ends are ours and the pipe is private.

The pool sends `DecodeOptions` once and gets `Ready`. Then, for each photo: `Read`, answered by a ReadResult
or an MlError; optionally `Decode`, answered by a DecodedPhoto or an MlError; and `Release`, which has no
answer.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from ml.decode.types import ViewSpec

if TYPE_CHECKING:
    import asyncio

_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """All that a worker needs to know of the settings (its start is faster without pydantic)."""

    view_spec: ViewSpec
    thumbnail_size: int  # pixels, longer edge
    thumbnail_quality: int  # JPEG, 30 to 100
    max_pixels: int
    max_file_size: int  # bytes
    timeout: float  # seconds for one request; the pool kills the worker then
    memory: int | None = None  # bytes that the worker may take for itself, libraries included; None: no limit


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has imported its libraries and waits for requests."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the file at `path` whole, hash it, keep its bytes."""

    path: str


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the bytes that were read last."""


@dataclass(frozen=True, slots=True)
class Release:
    """Forget the bytes. Not answered."""


def pack(message: object) -> bytes:
    """One frame with `message` in it."""
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body


def receive(stream: BinaryIO) -> object | None:
    """The next message of a blocking stream; None at its end, a frame cut short included."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    body = stream.read(length)
    if len(body) < length:
        return None
    return _unpickle(body)


async def receive_async(stream: asyncio.StreamReader) -> object:
    """The next message of an asyncio stream. Raises asyncio.IncompleteReadError at its end."""
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return _unpickle(await stream.readexactly(length))


def _unpickle(body: bytes) -> object:
    message: object = pickle.loads(body)  # noqa: S301  our own process at the other end of a private pipe
    return message
