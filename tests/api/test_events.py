"""Server-sent events: what they tell, and that they end when they should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from api.app import create_app
from api.routes.events import STREAMS
from api.server import Server
from api.services import Services
from api.settings import ApiSettings
from handlers.progress import News

URL = "/api/v1/ingest/events"
Event = tuple[str, dict[str, Any]]


async def next_event(response: ClientResponse) -> Event:
    name, data = "", ""
    async with asyncio.timeout(5):
        while line := (await response.content.readline()).decode().strip("\r\n"):
            field, _, value = line.partition(": ")
            name, data = (value, data) if field == "event" else (name, value if field == "data" else data)
    return name, json.loads(data) if data else {}


@asynccontextmanager
async def listening(client: TestClient[Any, Any]) -> AsyncIterator[ClientResponse]:
    response = await client.get(URL)
    assert await next_event(response) == ("hello", {})
    try:
        yield response
    finally:
        response.close()


async def test_a_stream_begins_with_the_jobs_that_run(client: TestClient[Any, Any], shelf: Any) -> None:
    running, over = await shelf.job(), await shelf.job()
    await shelf.catalog.jobs.close_job(over.id)
    async with listening(client) as response:
        name, job = await next_event(response)
        assert (name, job["job_id"], job["state"]) == ("job", running.id, "running")
        shelf.progress.publish(News("lagged"))
        assert await next_event(response) == ("lagged", {})


async def test_headers_let_a_stream_through(client: TestClient[Any, Any]) -> None:
    async with listening(client) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-ID"]


async def test_news_is_told_as_it_happens(client: TestClient[Any, Any], shelf: Any) -> None:
    job = await shelf.job()
    async with listening(client) as response:
        await next_event(response)
        shelf.progress.publish(News("indexed", path="/p/a.jpg", image_id="i1"))
        shelf.progress.publish(News("failed", path="/p/\udcff.jpg", code="DECODE_FAILED", message="broken"))
        shelf.progress.publish(News("removed", path="/p/b.jpg"))
        shelf.progress.job_changed(job)
        thumbnail = "/api/v1/images/i1/thumbnail"
        assert [await next_event(response) for _ in range(3)] == [
            ("indexed", {"path": "/p/a.jpg", "image_id": "i1", "thumbnail_url": thumbnail}),
            ("failed", {"path": "/p/\udcff.jpg", "code": "DECODE_FAILED", "message": "broken"}),
            ("removed", {"path": "/p/b.jpg"}),
        ]
        name, told = await next_event(response)
        listed = (await (await client.get("/api/v1/ingest/jobs")).json())["items"][0]
        assert (name, told["job_id"], set(told)) == ("job", job.id, set(listed))


async def test_a_client_that_goes_away_is_forgotten(
    client: TestClient[Any, Any], services: Services, monkeypatch: Any
) -> None:
    monkeypatch.setattr("api.routes.events.PING", 0.01)
    streams = client.app[STREAMS]
    async with listening(client):
        assert len(streams) == 1
    async with asyncio.timeout(5):
        while streams:  # the stream is left when a ping finds nobody
            await asyncio.sleep(0.01)


async def test_a_stop_ends_streams_at_once(services: Services) -> None:
    server = Server(create_app(services, ApiSettings()), ApiSettings(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert b"event: hello" in await reader.readuntil(b"event: hello")
    began = asyncio.get_running_loop().time()
    await server.stop(grace=30)
    assert asyncio.get_running_loop().time() - began < 5
    await reader.read()
    writer.close()
