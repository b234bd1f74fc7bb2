"""What stops a command or the daemon, each with a stable code, an exit status and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from daemon.cli.exit_codes import ExitCode


class DaemonError(Exception):
    """Base of this package's errors; `hint` tells the user what to try, where there is something."""

    code: str = "INTERNAL"
    exit_code: ExitCode = ExitCode.FAULT
    hint: str | None = None


class ConfigError(DaemonError):
    """The configuration is invalid. One message lists every fault, so that one round of editing is enough."""

    code = "CONFIG_INVALID"
    exit_code = ExitCode.CONFIGURATION
    hint = "correct the lines above; docs/configuration.md lists every key"

    def __init__(self, faults: Sequence[object]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n".join([f"{count} in the configuration", *(f"  {fault}" for fault in self.faults)]))


class AlreadyRunningError(DaemonError):
    """Another process holds the state directory; `pid` is its process id, if it could be read."""

    code = "ALREADY_RUNNING"
    exit_code = ExitCode.ALREADY_RUNNING
    hint = "stop it first, or give this one another daemon.state_dir"

    def __init__(self, state_dir: Path, pid: int | None) -> None:
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        super().__init__(f"{owner} already runs photond on {state_dir}")


class StateDirError(DaemonError):
    """The state directory cannot be made or written."""

    code = "STATE_DIR_UNUSABLE"
    hint = "set daemon.state_dir to a folder that this user may write"


class DaemonNotRunningError(DaemonError):
    """The command needs the daemon, and nothing answers where it should be."""

    code = "DAEMON_NOT_RUNNING"
    exit_code = ExitCode.NOT_RUNNING
    hint = "start it with `photond run` or `systemctl start photond`"

    def __init__(self, url: str) -> None:
        super().__init__(f"no daemon answers at {url}")


class UnexpectedAnswerError(DaemonError):
    """Something answers, but not as this version of photond does."""

    code = "UNEXPECTED_ANSWER"
    hint = "look at what listens there, and whether daemon and command are of the same version"


class RequestFailedError(DaemonError):
    """The daemon refused a request: its code, message and hint, passed on."""

    def __init__(
        self, status: int, code: str, message: str, hint: str | None = None, request_id: str | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.hint = hint
        self.exit_code = ExitCode.NOT_FOUND if status == 404 else ExitCode.FAULT
        if status >= 500 and request_id:
            self.hint = f"look for request {request_id} in the daemon's log"
        super().__init__(message)


class FileExistsRefusedError(DaemonError):
    """The command would overwrite a file."""

    code = "FILE_EXISTS"
    hint = "give --force to overwrite it"


class FileUnwritableError(DaemonError):
    """A file that a command should write cannot be written."""

    code = "FILE_UNWRITABLE"
    hint = "name another place with --config FILE, before the command"


class DaemonNotReadyError(DaemonError):
    """A daemon holds the state directory but does not answer yet, or no more."""

    code = "DAEMON_NOT_READY"
    exit_code = ExitCode.NOT_RUNNING
    hint = "it is starting or stopping; try again shortly, and look into its log if that lasts"

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"photond runs{f' as process {pid}' if pid else ''}, but does not answer")


class NothingIndexedError(DaemonError):
    """The state directory holds no catalog, or one in which nothing was ever indexed."""

    code = "NOTHING_INDEXED"
    exit_code = ExitCode.NOT_FOUND
    hint = "look at daemon.state_dir (`photond --config FILE` names another configuration), or start `photond run`"

    def __init__(self, state_dir: Path) -> None:
        super().__init__(f"nothing was indexed in {state_dir} yet")
