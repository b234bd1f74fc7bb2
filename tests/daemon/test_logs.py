from __future__ import annotations

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.logs import LogFormat, LogLevel, configure_logging, is_journal


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for package in ("daemon", "api", "handlers", "ml", "store"):
        logging.getLogger(package).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_worlds_give_the_same_json() -> None:
    stream = io.StringIO()
    configure_logging("auto", "info", stream=stream, environ={})
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.stdlib.get_logger("api.app").info("one", path="/ä")
        logging.getLogger("handlers.scan").warning("two %s", "words")
    first, second = lines(stream)
    assert first.pop("time") <= second.pop("time")
    assert first == {"event": "one", "path": "/ä", "level": "info", "logger": "api.app", "request_id": "r1"}
    assert second == {"event": "two words", "level": "warning", "logger": "handlers.scan", "request_id": "r1"}


def test_an_exception_stays_on_its_line() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream, environ={})
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        structlog.stdlib.get_logger("daemon.x").exception("failed", path=Path("/a"))
    (line,) = lines(stream)
    assert "ZeroDivisionError: " in line["exception"]
    assert "test_logs" in line["exception"]


@pytest.mark.parametrize(("log_format", "as_json"), [("auto", False), ("json", True), ("console", False)])
def test_a_terminal_gets_text_unless_json_is_wanted(log_format: LogFormat, as_json: bool) -> None:
    stream = Terminal()
    configure_logging(log_format, "info", stream=stream, environ={})
    structlog.stdlib.get_logger("daemon.x").info("hello")
    assert stream.getvalue().startswith("{") is as_json
    assert "hello" in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["d", "i", "w", "lib w"]),
        ("info", ["i", "w", "lib w"]),
        ("warning", ["w", "lib w"]),
        ("error", []),
    ],
)
def test_libraries_speak_from_warning_on(level: LogLevel, expected: list[str]) -> None:
    stream = io.StringIO()
    configure_logging("json", level, stream=stream, environ={})
    ours = structlog.stdlib.get_logger("ml.batcher")
    ours.debug("d")
    ours.info("i")
    ours.warning("w")
    logging.getLogger("watchdog.observers").info("lib i")
    logging.getLogger("watchdog.observers").warning("lib w")
    assert [line["event"] for line in lines(stream)] == expected


def test_loggers_named_by_their_module_follow_the_level() -> None:
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream, environ={})
    namespace = {"__name__": "store.module", "structlog": structlog}
    exec('structlog.get_logger().debug("seen")', namespace)  # noqa: S102 -- a module of another package
    assert [line["logger"] for line in lines(stream)] == ["store.module"]


def test_warnings_are_logged() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream, environ={})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in lines(stream)[0]["event"]


def test_the_journal_gets_priorities(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(stream, environ)
        configure_logging("auto", "debug", stream=stream, environ=environ)
        log = structlog.stdlib.get_logger("daemon.x")
        for level in (log.debug, log.info, log.warning, log.error, log.critical):
            level("x")
        stream.seek(0)
        assert [line[:4] for line in stream] == ["<7>{", "<6>{", "<4>{", "<3>{", "<2>{"]


def test_a_redirected_stderr_is_no_journal(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as stream:
        assert not is_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
