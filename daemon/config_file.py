"""Where the configuration file is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from daemon.config_faults import Fault
from daemon.errors import ConfigError
from daemon.settings import home

FILE_VARIABLE = "PHOTOND_CONFIG"
SYSTEM_FILE = Path("/etc/photond/photond.toml")


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own file: `$XDG_CONFIG_HOME/photond/photond.toml`, by default below `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else home(environ) / ".config") / "photond/photond.toml"


def find_config_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: `given`, else `$PHOTOND_CONFIG`, else the user's, else the system's, else none.

    Raises ConfigError when a file that was named (by `given` or the variable) does not exist.
    """
    if given is not None:
        return _named(given, "--config")
    if named := environ.get(FILE_VARIABLE):
        return _named(Path(named).expanduser(), f"environment {FILE_VARIABLE}")
    return next((file for file in (user_file(environ), SYSTEM_FILE) if _is_file(file)), None)


def _named(file: Path, by: str) -> Path:
    if not _is_file(file):
        raise ConfigError([Fault(by, f"there is no file {file}; `photond init` writes one")])
    return file


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except PermissionError:  # below a folder that this user may not enter
        return False
