"""A Qdrant server in memory, behind httpx.MockTransport: it parses what qdrant-client really sends."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

Json = dict[str, Any]


@dataclass
class _Collection:
    size: int
    distance: str
    indexes: Json = field(default_factory=dict)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    payloads: dict[str, Json] = field(default_factory=dict)


class _Qdrant:
    def __init__(self) -> None:
        self.collections: dict[str, _Collection] = {}
        self.requests: list[tuple[str, str, Any]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        self.requests.append((request.method, request.url.path, body))
        _, _, name, *rest = request.url.path.split("/")
        operation = f"{request.method} {'/'.join(rest)}".strip()
        if operation in {"GET exists", "PUT", "DELETE"}:
            result = self._about_collections(operation, name, body)
        elif name not in self.collections:
            return httpx.Response(404, json={"status": {"error": f"Collection `{name}` doesn't exist!"}})
        else:
            try:
                result = _OPERATIONS[operation](self.collections[name], body)
            except ValueError as error:
                return httpx.Response(400, json={"status": {"error": str(error)}})
        return httpx.Response(200, json={"result": result, "status": "ok", "time": 0.0})

    def _about_collections(self, operation: str, name: str, body: Json) -> object:
        if operation == "GET exists":
            return {"exists": name in self.collections}
        if operation == "DELETE":
            return self.collections.pop(name, None) is not None
        self.collections[name] = _Collection(body["vectors"]["size"], body["vectors"]["distance"])
        return True


def _info(collection: _Collection, body: Json) -> Json:
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "points_count": len(collection.vectors),
        "config": {
            "params": {"vectors": {"size": collection.size, "distance": collection.distance}},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
        },
        "payload_schema": {},
    }


def _index(collection: _Collection, body: Json) -> Json:
    collection.indexes[body["field_name"]] = body["field_schema"]
    return {"operation_id": 0, "status": "completed"}


def _upsert(collection: _Collection, body: Json) -> Json:
    batch = body["batch"]
    for point_id, vector, payload in zip(batch["ids"], batch["vectors"], batch["payloads"], strict=True):
        uuid.UUID(point_id)
        if len(vector) != collection.size:
            raise ValueError(f"Wrong input: Vector dimension error: expected dim: {collection.size}")
        collection.vectors[point_id] = np.asarray(vector, dtype=np.float32)
        collection.payloads[point_id] = payload
    return {"operation_id": 0, "status": "completed"}


def _delete(collection: _Collection, body: Json) -> Json:
    for point_id in body["points"]:
        collection.vectors.pop(point_id, None)
        collection.payloads.pop(point_id, None)
    return {"operation_id": 0, "status": "completed"}


def _matches(payload: Json, conditions: Json | None) -> bool:
    if conditions is None:
        return True
    assert set(conditions) == {"must"}
    return all(
        not set(payload.get(condition["key"], [])).isdisjoint(condition["match"]["any"])
        for condition in conditions["must"]
    )


def _query(collection: _Collection, body: Json) -> Json:
    if body["limit"] < 1:
        raise ValueError("Validation error: limit must be 1 or larger")
    query = np.asarray(body["query"]["nearest"], dtype=np.float32)
    scored: list[Json] = [
        {"id": point_id, "version": 0, "score": float(np.dot(query, vector))}
        for point_id, vector in collection.vectors.items()
        if _matches(collection.payloads[point_id], body.get("filter"))
    ]
    random.shuffle(scored)  # a server promises no order among equal scores
    scored.sort(key=lambda point: -point["score"])
    return {"points": scored[: body["limit"]]}


def _scroll(collection: _Collection, body: Json) -> Json:
    ids = sorted(point_id for point_id in collection.vectors if point_id >= (body.get("offset") or ""))
    limit = body["limit"]
    following = ids[limit] if len(ids) > limit else None
    return {"points": [{"id": point_id} for point_id in ids[:limit]], "next_page_offset": following}


def _retrieve(collection: _Collection, body: Json) -> list[Json]:
    assert body["with_vector"] is True
    found = [point_id for point_id in body["ids"] if point_id in collection.vectors]
    return [
        {"id": one, "vector": collection.vectors[one].tolist(), "payload": collection.payloads[one]} for one in found
    ]


def _count(collection: _Collection, body: Json) -> Json:
    assert body["exact"] is True
    return {"count": len(collection.vectors)}


_OPERATIONS: dict[str, Callable[[_Collection, Json], object]] = {
    "GET": _info,
    "PUT index": _index,
    "PUT points": _upsert,
    "POST points/delete": _delete,
    "POST points/query": _query,
    "POST points/scroll": _scroll,
    "POST points": _retrieve,
    "POST points/count": _count,
}


@pytest.fixture
def qdrant() -> tuple[httpx.MockTransport, list[tuple[str, str, Any]]]:
    """The transport to an empty server, and the requests it has had: method, path, JSON body."""
    server = _Qdrant()
    return httpx.MockTransport(server.handle), server.requests
