"""One chain for all log records, structlog's and the standard library's: for people or for programs.

This project's packages log at the configured level, libraries only warnings and worse (or the level, if it is
higher).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_OUR_PACKAGES = ("daemon", "api", "handlers", "ml", "store")
# syslog(3) priorities, which journald takes from a "<N>" at the start of a line (sd-daemon(3)).
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure_logging(
    log_format: LogFormat = "auto",
    level: LogLevel = "info",
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Send every record to `stream` (stderr); `auto`: console on a terminal, else a JSON object a line.

    Lines that journald receives directly carry their priority. May be called again; the last call counts.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(log_format, out, environ),
            ],
        )
    )
    _install(handler, logging.getLevelNamesMapping()[level.upper()])


def _rendering(log_format: LogFormat, out: TextIO, environ: Mapping[str, str]) -> list[Processor]:
    if log_format == "console" or (log_format == "auto" and out.isatty()):
        return [structlog.dev.ConsoleRenderer(colors=out.isatty(), timestamp_key="time")]
    render = structlog.processors.JSONRenderer(default=str)
    last = _prioritised(render) if is_journal(out, environ) else render
    return [structlog.processors.format_exc_info, last]


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream goes to journald: `$JOURNAL_STREAM` holds its device and inode (systemd.exec(5)).

    A service's stderr that was redirected to a file since keeps the variable, and wants no priorities.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _install(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for package in _OUR_PACKAGES:
        logging.getLogger(package).setLevel(level)
    logging.captureWarnings(capture=True)


def _prioritised(render: Callable[[WrappedLogger, str, EventDict], str | bytes]) -> Processor:
    def processor(logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), _PRIORITIES["info"])
        return f"<{priority}>{render(logger, method, event)!s}"

    return processor
