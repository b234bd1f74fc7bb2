from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from api.routes.search import SearchAnswer
from api.schemas.image import FoundImage
from daemon.cli.exit_codes import ExitCode
from daemon.lock import InstanceLock

if TYPE_CHECKING:
    from tests.daemon.conftest import Photond, StubDaemon


def found(path: str, relevance: float = 0.5) -> FoundImage:
    return FoundImage(
        id="i1",
        path=path,
        files=[path],
        offline=False,
        width=4,
        height=3,
        format="JPEG",
        taken_at=None,
        caption="a cat",
        tags=[],
        rating=None,
        thumbnail_url="/t",
        score=0.5,
        relevance=relevance,
    )


def answer(*images: FoundImage) -> SearchAnswer:
    return SearchAnswer(items=list(images), took_ms=1.0, model="fake")


async def test_asks_the_daemon(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {"POST /search/text": answer(found("/p/1.jpg", 0.91), found("/p/[red]2.jpg"))}
    result = await photond("search", "a", "red", "circle", "--limit", "7", "--collection", "c")
    assert result.code == ExitCode.OK
    assert daemon.requests == [("POST /search/text", {"query": "a red circle", "limit": 7, "collection": "c"})]
    assert result.out.splitlines() == [
        "relevance\ttaken\tcaption\tpath",
        "0.91\t\ta cat\t/p/1.jpg",
        "0.50\t\ta cat\t/p/[red]2.jpg",
    ]


async def test_json_is_the_answer_of_the_api(photond: Photond, daemon: StubDaemon) -> None:
    body = answer(found("/p/\udcff.jpg"))
    daemon.answers = {"POST /search/text": json.loads(json.dumps(body.model_dump(mode="json")))}
    result = await photond("search", "x", "--json")
    assert SearchAnswer.model_validate(result.json) == body


async def test_names_cannot_drive_the_terminal(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {"POST /search/text": answer(found("/p/\x1b]0;owned\x07\n.jpg"))}
    result = await photond("search", "x")
    assert result.out.splitlines()[1].endswith("/p/\\x1b]0;owned\\x07\\x0a.jpg")


async def test_an_error_keeps_the_codes_of_the_api(photond: Photond, daemon: StubDaemon) -> None:
    daemon.answers = {
        "POST /search/text": (
            404,
            {
                "error": {
                    "code": "NOT_FOUND",
                    "message": "no collection x",
                    "details": {},
                    "request_id": "r",
                }
            },
        )
    }
    result = await photond("search", "x")
    assert result.code == ExitCode.NOT_FOUND
    assert result.err == "photond: NOT_FOUND: no collection x\n"


async def test_without_daemon_and_state_there_is_nothing_to_search(photond: Photond) -> None:
    assert (await photond("search", "x")).code == ExitCode.NOT_RUNNING


async def test_a_daemon_that_does_not_answer_yet(photond: Photond, tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "state"):
        result = await photond("search", "x")
    assert result.code == ExitCode.NOT_RUNNING
    assert f"DAEMON_NOT_READY: photond runs as process {os.getpid()}, but does not answer" in result.err
