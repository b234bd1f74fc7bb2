from __future__ import annotations

from typing import TYPE_CHECKING

from api.routes.health import Part, Readiness
from api.routes.stats import Queue, Stats
from daemon.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from tests.daemon.conftest import Photond, StubDaemon


def stats() -> Stats:
    return Stats(
        images=12,
        files=13,
        missing=1,
        failed=2,
        vectors=12,
        bytes=5 * 1024**2,
        collections=1,
        queue=Queue(ready=3, leased=2, delayed=1),
        paused=False,
        counters={},
        model="fake",
        version="0.1.0",
    )


def readiness(ready: bool = True) -> Readiness:
    return Readiness(
        ready=ready,
        parts={
            "vectors": Part(ok=ready, detail="12 vectors", needed=True),
            "watch": Part(ok=False, detail="offline: /nas", needed=False),
        },
    )


async def test_a_ready_daemon(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {"GET /readyz": readiness(), "GET /stats": stats()}
    result = await photond("status")
    assert result.code == ExitCode.OK
    assert "ready\tyes\n" in result.out
    assert "vectors\tok\t12 vectors\n" in result.out
    assert "watch\tdegraded\toffline: /nas\n" in result.out
    assert "files\t13 (5.0 MiB)\n" in result.out
    assert "queue\t3 waiting, 2 in work, 1 delayed\n" in result.out


async def test_a_needed_part_that_is_down(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {"GET /readyz": (503, readiness(False)), "GET /stats": stats()}
    result = await photond("status", "--json")
    assert result.code == ExitCode.FAULT
    assert result.json["ready"] is False
    assert result.json["stats"]["images"] == 12
    assert result.json["url"].startswith("http://127.0.0.1:")


async def test_no_daemon(photond: Photond) -> None:
    result = await photond("status")
    assert result.code == ExitCode.NOT_RUNNING
    assert result.out == ""
    assert result.err == (
        "photond: DAEMON_NOT_RUNNING: no daemon answers at http://127.0.0.1:1\n"
        "try: start it with `photond run` or `systemctl start photond`\n"
    )


async def test_something_else_answers(photond: Photond, daemon: StubDaemon) -> None:
    for body in (b"<html>", b"[]", b'{"error": "x"}'):
        daemon.answers = {"GET /readyz": (500, body), "GET /stats": (500, body)}
        result = await photond("status")
        assert result.code == ExitCode.FAULT
        assert "UNEXPECTED_ANSWER" in result.err


async def test_a_fault_of_the_daemon_names_the_request(photond: Photond, daemon: StubDaemon) -> None:
    body = {"error": {"code": "INTERNAL", "message": "oops", "details": {}, "request_id": "r-1"}}
    daemon.answers = {"GET /readyz": (500, body)}
    result = await photond("status")
    assert result.err == "photond: INTERNAL: oops\ntry: look for request r-1 in the daemon's log\n"
