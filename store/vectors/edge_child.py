"""Qdrant Edge in a process of its own: requests come in on stdin, answers go out on what was stdout.

Every call of Edge holds the GIL, so the engine must not share the daemon's interpreter. This file is a
program: it is started by its path under `python -I` and imports the standard library and qdrant_edge alone.
So it is the daemon's own version wherever photond is installed, is ready in some 50 ms, and holds no second
copy of NumPy in memory.

A frame is eight bytes of length (big-endian) and a pickle. The first frame out is the answer to opening the
shard, then one answer follows each request `(operation, arguments)`: `("ok", value)` or `(fault, message)`.
Vectors travel as the bytes of a float32 matrix.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import struct
import sys
import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal
from uuid import UUID

import qdrant_edge as edge

Fault = Literal["locked", "mismatch", "damaged", "full", "failed"]

HEADER = struct.Struct(">Q")
# Seconds for the child of a daemon that was killed to see the end of its stdin and let go of the shard.
LOCK_PATIENCE = 3.0

# Edge raises bare `Exception`; only its words tell one fault from another (seen in 0.9.0).
_FAULTS: tuple[tuple[str, Fault], ...] = (
    ("WouldBlock", "locked"),
    ("config is incompatible", "mismatch"),
    ("No space left", "full"),
    ("Permission denied", "failed"),
    ("is not readable from", "damaged"),
    ("vectors are lost", "damaged"),
    ("out of bounds", "damaged"),  # the vectors' file is shorter than the ids say
)


class LostVectorsError(Exception):
    """The shard knows of points that it has no vectors of."""


class Shard:
    """The shard in one directory: created if there is none, and owned until `close`."""

    def __init__(self, directory: Path, dimensions: int, integer_fields: list[str]) -> None:
        # Dot and not Cosine: Cosine would normalise again, and vectors would no longer come back bit for bit
        # as they were sent. Of unit vectors the two are the same number, and no other vector gets this far.
        vectors = edge.EdgeVectorParams(size=dimensions, distance=edge.Distance.Dot)
        config = edge.EdgeConfig(vectors=vectors)
        self._width = dimensions * array("f").itemsize
        if not directory.is_dir() or not any(directory.iterdir()):
            _create(directory, config)
        self._shard = _load(directory, config)
        for field in set(integer_fields) - set(self._shard.info().payload_schema):
            index = edge.IntegerIndexParams(lookup=True, range=False)
            self._shard.update(edge.UpdateOperation.create_field_index(field, index))

    def upsert(self, ids: list[str], vectors: bytes, payloads: list[dict[str, Any]]) -> None:
        """Insert or replace; `vectors` is the float32 matrix, a row a point."""
        rows = memoryview(vectors)
        points = [
            edge.Point(point_id, _floats(rows[start : start + self._width]), payload)
            for point_id, start, payload in zip(ids, range(0, len(rows), self._width), payloads, strict=True)
        ]
        self._shard.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, ids: list[str]) -> None:
        """Remove those that exist."""
        self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def flush(self) -> None:
        """Write everything through to the disk."""
        self._shard.flush()

    def nearest(self, vector: bytes, limit: int, where: Mapping[str, Any] | None) -> list[tuple[str, float]]:
        """Ids and scores of the nearest points, best first; `where` is a filter in REST form."""
        request = edge.QueryRequest(
            query=edge.Query.Nearest(_floats(vector)),
            limit=limit,
            filter=edge_filter(where),
            with_payload=False,
            # Without an HNSW graph every scan is exact; said all the same, because a filtered graph loses
            # recall.
            params=edge.SearchParams(exact=True),
        )
        return [(str(point.id), point.score) for point in self._shard.query(request)]

    def points(self, ids: list[str]) -> tuple[list[str], bytes, list[dict[str, Any]]]:
        """Ids that exist, the float32 matrix of their vectors, and their payloads.

        A shard whose vectors' file was lost still lists and counts its points; no write makes it whole again.
        """
        records = self._shard.retrieve(list(ids), with_payload=True, with_vector=True)
        matrix = array("f")
        for record in records:
            matrix.extend(record.vector or ())  # type: ignore[arg-type]  # a list: one unnamed dense vector
        if len(matrix) * matrix.itemsize != len(records) * self._width:
            raise LostVectorsError("it lists points whose vectors are lost")
        return [str(record.id) for record in records], matrix.tobytes(), [dict(one.payload or {}) for one in records]

    def count(self) -> int:
        """Number of points."""
        return self._shard.count(edge.CountRequest(exact=True))

    def scroll(self, start: str | None, limit: int) -> tuple[list[str], str | None]:
        """Ids from `start` on in their order, and where the next call goes on."""
        offset = UUID(start) if start else None
        request = edge.ScrollRequest(offset=offset, limit=limit, with_payload=False, with_vector=False)
        records, following = self._shard.scroll(request)
        return [str(record.id) for record in records], str(following) if following is not None else None

    def close(self) -> None:
        """Flush and let go."""
        self._shard.flush()
        self._shard.close()


def edge_filter(rest: Mapping[str, Any] | None) -> edge.Filter | None:
    """Edge's own classes for a filter in REST form."""
    if rest is None:
        return None
    conditions = [
        edge.FieldCondition(key=condition["key"], match=edge.MatchAny(any=condition["match"]["any"]))
        for condition in rest["must"]
    ]
    return edge.Filter(must=list(conditions))


def _floats(row: bytes | memoryview) -> list[float]:
    return array("f", bytes(row)).tolist()


def _create(directory: Path, config: edge.EdgeConfig) -> None:
    # Made beside its place and renamed: a kill in between must not leave half a shard that looks damaged.
    staging = directory.with_name(directory.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    shard = edge.EdgeShard.create(str(staging), config)
    shard.flush()
    shard.close()
    staging.rename(directory)


def _load(directory: Path, config: edge.EdgeConfig) -> edge.EdgeShard:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return edge.EdgeShard.load(str(directory), config)
        except Exception as error:
            if fault_of(error, "damaged") != "locked" or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def fault_of(error: BaseException, otherwise: Fault) -> Fault:
    """The kind of a fault, by Edge's words for it."""
    return next((fault for words, fault in _FAULTS if words in str(error)), otherwise)


def read_frame(stream: BinaryIO) -> Any:
    """The next message; None at the end of the stream, even in a message: its sender died."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    # Pickle is safe here: the other end is the daemon that started this process, and nobody else holds the
    # pipe.
    return pickle.loads(body) if len(body) == length else None  # noqa: S301


def write_frame(stream: BinaryIO, message: object) -> None:
    """Send one message."""
    body = pickle.dumps(message, protocol=5)
    stream.write(HEADER.pack(len(body)))
    stream.write(body)
    stream.flush()


def serve(shard: Shard, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests, one after the other, until the stream ends."""
    while (request := read_frame(requests)) is not None:
        operation, arguments = request
        reply: tuple[str, object]
        try:
            reply = "ok", getattr(shard, operation)(**arguments)
        except Exception as error:  # noqa: BLE001 - Edge raises bare Exception, and every request must be answered
            reply = fault_of(error, "failed"), str(error)
        write_frame(replies, reply)


def main(directory: str, dimensions: str, *integer_fields: str) -> None:
    """Own the shard until stdin ends."""
    # Ctrl-C and a service manager's SIGTERM reach the whole group; the daemon decides when this process ends,
    # because it still writes while it drains. SIGKILL is safe: an acknowledged write survives it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints cannot garble the channel
    try:
        shard = Shard(Path(directory), int(dimensions), list(integer_fields))
    except BaseException as error:  # noqa: BLE001 - a panic of Edge, over a file cut short, is no Exception
        unreadable: Fault = "failed" if isinstance(error, OSError) else "damaged"
        write_frame(replies, (fault_of(error, unreadable), str(error)))
        return
    write_frame(replies, ("ok", None))
    try:
        serve(shard, sys.stdin.buffer, replies)
    except BrokenPipeError:
        pass  # the daemon died while its answer was on the way: the same as the end of stdin
    finally:
        shard.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
