"""The daemon's HTTP API as the command line uses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from daemon.config import Config
from daemon.endpoint import FILE_NAME, read_endpoint, url_of
from daemon.errors import DaemonNotRunningError, RequestFailedError, UnexpectedAnswerError

Json = dict[str, Any]

BASE = "/api/v1"  # api.routing.BASE, whose import would bring the server and the database with it

# Seconds. The first search after a start may wait for the model; nothing else takes long.
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
PAGE = 200  # the most items a list answers at once


class Client:
    """Requests to one daemon.

    Every method raises DaemonNotRunningError when nothing answers, RequestFailedError with the daemon's own
    code when it refuses, UnexpectedAnswerError when what answers is no photond.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **query: str | int) -> Json:
        """GET a path below the API's base. `/readyz` of a daemon that is not ready is no error."""
        return await self._request("GET", path, params=query)

    async def post(self, path: str, body: Json | None = None) -> Json:
        """POST a JSON body, or none."""
        return await self._request("POST", path, json=body)

    async def delete(self, path: str) -> None:
        """DELETE a path."""
        await self._request("DELETE", path)

    async def items(self, path: str, limit: int | None = None) -> AsyncIterator[Json]:
        """The items of a list, page after page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            wanted = PAGE if left is None else min(left, PAGE)
            page = await self.get(path, limit=wanted, **({"cursor": cursor} if cursor else {}))
            for item in page["items"]:
                yield item
            left = None if left is None else left - len(page["items"])
            if (cursor := page["next_cursor"]) is None:
                return

    async def _request(self, method: str, path: str, **content: Any) -> Json:
        try:
            async with self._session.request(method, f"{self.url}{BASE}{path}", **content) as response:
                return _answer(self.url, response.status, await response.read())
        except aiohttp.ClientConnectionError as error:
            raise DaemonNotRunningError(self.url) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnexpectedAnswerError(f"{self.url}: {str(error) or 'no answer in time'}") from error


@asynccontextmanager
async def open_client(config: Config) -> AsyncIterator[Client]:
    """A client of the daemon: by its endpoint file, else where the configuration has it listen.

    Nothing is asked yet: a daemon that does not run is mostly noticed at the first request only.
    """
    endpoint = read_endpoint(config.daemon.state_dir)
    if endpoint is None and config.api.port == 0:
        raise DaemonNotRunningError(str(config.daemon.state_dir / FILE_NAME))
    url = endpoint.url if endpoint else url_of(config.api.host, config.api.port)
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        yield Client(url.rstrip("/"), session)


def _answer(url: str, status: int, content: bytes) -> Json:
    if status == 204:
        return {}
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnexpectedAnswerError(f"{url} answers with status {status} and no JSON object")
    if status >= 400:  # a job has an `error` too
        _raise_refusal(url, status, answer)
    return answer


def _raise_refusal(url: str, status: int, answer: Json) -> None:
    fault = answer.get("error")
    if isinstance(fault, dict) and "code" in fault:
        hint = fault.get("details", {}).get("hint")
        raise RequestFailedError(
            status, str(fault["code"]), str(fault.get("message", "")), hint, fault.get("request_id")
        )
    if status != 503:  # a daemon that is not ready says why, and that is no refusal
        raise UnexpectedAnswerError(f"{url} answers with status {status} and no error of photond")
