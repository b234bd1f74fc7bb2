"""What is particular to a Qdrant server: the wire, its refusals, its absence."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import numpy as np
import pytest

from store.errors import VectorStoreError
from store.vectors.errors import VectorsMismatchError
from store.vectors.protocol import Point, VectorFilter
from store.vectors.remote import RemoteIndex

URL = "https://qdrant.test:6333"
ONE = str(uuid.UUID(int=1))
AXIS = np.array([1, 0], dtype=np.float32)

Server = tuple[httpx.MockTransport, list[tuple[str, str, Any]]]


async def test_the_bodies_on_the_wire(qdrant: Server) -> None:
    transport, requests = qdrant
    index = RemoteIndex(URL, None, "photond_s", 2, transport=transport)
    await index.open()
    await index.upsert([Point(ONE, AXIS, (4, 7))])
    await index.search(AXIS, limit=1, where=VectorFilter(collections=(7,)))
    await index.close()
    base = "/collections/photond_s"
    assert requests == [
        ("GET", f"{base}/exists", {}),
        ("PUT", base, {"vectors": {"size": 2, "distance": "Dot"}}),
        (
            "PUT",
            f"{base}/index",
            {
                "field_name": "collections",
                "field_schema": {"type": "integer", "lookup": True, "range": False},
            },
        ),
        (
            "PUT",
            f"{base}/points",
            {"batch": {"ids": [ONE], "vectors": [[1.0, 0.0]], "payloads": [{"collections": [4, 7]}]}},
        ),
        (
            "POST",
            f"{base}/points/query",
            {
                "query": {"nearest": [1.0, 0.0]},
                "filter": {"must": [{"key": "collections", "match": {"any": [7]}}]},
                "limit": 17,
                "with_vector": False,
                "with_payload": False,
            },
        ),
    ]


async def test_writes_are_waited_for_and_the_key_is_sent() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        result: object = {"exists": False} if request.method == "GET" else True
        if request.url.path.endswith(("/points", "/index")):
            result = {"operation_id": 0, "status": "completed"}
        return httpx.Response(200, json={"result": result, "status": "ok", "time": 0.0})

    index = RemoteIndex(URL, "secret", "c", 2, transport=httpx.MockTransport(handle))
    await index.open()
    await index.upsert([Point(ONE, AXIS)])
    await index.close()
    assert {request.headers["api-key"] for request in seen} == {"secret"}
    assert [request.url.params["wait"] for request in seen[2:]] == ["true", "true"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(401, text="Must provide an API key"), "401.*store.qdrant_api_key"),
        (httpx.Response(500, text="Service internal error"), "500.*Service internal error"),
        (
            httpx.Response(429, json={"status": {"error": "slow"}}, headers={"Retry-After": "3"}),
            "cannot be used",
        ),
        (httpx.Response(200, json={"result": "nonsense"}), "cannot be used"),
    ],
)
async def test_a_refusal_is_told_with_the_servers_words(answer: httpx.Response, told: str) -> None:
    index = RemoteIndex(URL, None, "c", 2, transport=httpx.MockTransport(lambda request: answer))
    with pytest.raises(VectorStoreError, match=told) as caught:
        await index.open()
    assert caught.value.retryable
    await index.close()


async def test_a_server_that_is_not_there_is_named(unused_tcp_port: int) -> None:
    away = RemoteIndex(f"http://127.0.0.1:{unused_tcp_port}", None, "c", 2)
    with pytest.raises(VectorStoreError, match=f"127.0.0.1:{unused_tcp_port} cannot be used"):
        await away.open()
    await away.close()


@pytest.mark.parametrize("vectors", [{"size": 2, "distance": "Cosine"}, {"size": 3, "distance": "Dot"}])
async def test_a_collection_of_other_vectors_is_refused(qdrant: Server, vectors: dict[str, Any]) -> None:
    transport, _ = qdrant
    async with httpx.AsyncClient(transport=transport) as client:
        await client.put(f"{URL}/collections/c", json={"vectors": vectors})
    index = RemoteIndex(URL, None, "c", 2, transport=transport)
    with pytest.raises(VectorsMismatchError, match="2 dimensions, Dot") as caught:
        await index.open()
    assert (caught.value.code, caught.value.retryable) == ("VECTORS_MISMATCH", False)
    await index.close()
