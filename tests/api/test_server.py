"""Starting and stopping, over real sockets."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
import structlog
from aiohttp import web

from api.errors import ListenError
from api.server import Server
from api.settings import ApiSettings


class Slow:
    """An application with one route that works until it is told to end."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.finish = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/", self.handle)

    async def handle(self, _request: web.Request) -> web.Response:
        self.entered.set()
        await self.finish.wait()
        return web.Response(text="done")


async def get(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def test_a_request_in_work_is_finished_within_the_grace() -> None:
    slow = Slow()
    server = Server(slow.app, ApiSettings(port=0))
    await server.start()
    request = asyncio.create_task(get(server.url))
    await slow.entered.wait()
    stop = asyncio.create_task(server.stop(grace=10))
    await asyncio.sleep(0)
    slow.finish.set()
    assert await request == "done"
    await stop


async def test_after_the_grace_a_request_is_cancelled() -> None:
    slow = Slow()
    server = Server(slow.app, ApiSettings(port=0))
    await server.start()
    request = asyncio.create_task(get(server.url))
    await slow.entered.wait()
    await server.stop(grace=0.05)
    with pytest.raises(aiohttp.ClientError):
        await request


async def test_after_a_stop_nobody_listens() -> None:
    server = Server(web.Application(), ApiSettings(port=0))
    await server.start()
    port = server.port
    await server.stop(grace=1)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_an_idle_connection_does_not_hold_the_stop_up() -> None:
    server = Server(web.Application(), ApiSettings(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(5):
        await server.stop(grace=30)
    writer.close()


async def test_a_taken_port_is_told_with_what_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(web.Application(), ApiSettings(port=port))
        with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*api\.port"):
            await server.start()
        await server.stop(grace=1)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),  # noqa: S104 - read, and bound for a moment
        ("::1", "http://[::1]:"),
        ("127.0.0.1", "http://127.0.0.1:"),
    ],
)
async def test_the_url_is_one_to_open(host: str, shown: str) -> None:
    server = Server(web.Application(), ApiSettings(host=host, port=0))
    await server.start()
    assert server.url.startswith(shown)
    await server.stop(grace=1)


async def test_a_stop_without_a_start_is_fine() -> None:
    await Server(web.Application(), ApiSettings(port=0)).stop(grace=1)


async def test_a_failed_request_is_news_and_a_good_read_is_not() -> None:
    server = Server(web.Application(), ApiSettings(port=0))
    server_log = structlog.testing.capture_logs
    await server.start()
    with server_log() as lines:
        await get(f"{server.url}/nothing")
    await server.stop(grace=1)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["log_level"], line["status"], line["path"]) == ("info", 404, "/nothing")
