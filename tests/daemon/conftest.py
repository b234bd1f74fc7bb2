from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel

from api.app import ROUTES
from api.schemas.job import JobStatus
from daemon.cli.main import run
from daemon.endpoint import Endpoint, write_endpoint
from store.records import JobKind, JobState

Answer = BaseModel | tuple[int, object] | object


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Photond = Callable[..., Awaitable[Result]]
JobMaker = Callable[..., JobStatus]


@dataclass(slots=True)
class StubDaemon:
    """Answers over HTTP what a test says, in the API's own models, so that a changed shape fails here too."""

    state_dir: Path
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        name = f"{request.method} {request.path.removeprefix('/api/v1')}"
        self.requests.append((name, await request.json() if request.can_read_body else dict(request.query)))
        _assert_allowed(request)
        answer = self.answers.get(name, (404, error("NOT_FOUND", f"no {name}")))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        return web.json_response(content, status=status)


def _assert_allowed(request: web.Request) -> None:
    """What the API would refuse must not pass here: unknown parameters of the routes that exist."""
    for route in ROUTES:
        if route.method == request.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), request.path):
            known = route.query_model.model_fields if route.query_model else {}
            assert set(request.query) <= set(known), f"{route.path} knows no {set(request.query) - set(known)}"


def error(code: str, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "details": {}, "request_id": "r-1"}}


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A configuration with a state directory of its own, and a port at which nothing listens."""
    file = tmp_path / "photond.toml"
    file.write_text(f'[daemon]\nstate_dir = "{tmp_path}/state"\n[api]\nport = 1\n')
    return file


@pytest.fixture
def photond(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Photond:
    """Runs one command line in a thread, beside the test's own event loop."""

    async def command(*arguments: str) -> Result:
        capsys.readouterr()
        code = await asyncio.to_thread(run, ["--config", str(config_file), *arguments])
        return Result(code, *capsys.readouterr())

    return command


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[StubDaemon]:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    daemon = StubDaemon(state_dir)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", daemon.handle)
    async with TestServer(app) as server:
        write_endpoint(state_dir, Endpoint(str(server.make_url("/")), os.getpid()))
        yield daemon


@pytest.fixture
def make_job() -> JobMaker:
    """A job that is done, but for what is said."""

    def make(**changes: Any) -> JobStatus:
        fields: dict[str, Any] = {
            "job_id": "j1",
            "kind": JobKind.INGEST,
            "state": JobState.DONE,
            "path": "/photos",
            "collection": "default",
            "total": 5,
            "done": 3,
            "skipped": 2,
            "failed": 0,
            "rate": None,
            "eta_seconds": None,
            "created_at": "2026-01-02T03:04:05Z",
            "finished_at": "2026-01-02T03:04:06Z",
            "error": None,
            "log": [],
        }
        return JobStatus.model_validate(fields | changes)

    return make
