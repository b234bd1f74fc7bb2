"""Where the running daemon is reached: a small file in the state directory."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path

FILE_NAME = "photond.endpoint"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Base URL of a daemon's HTTP server, and the daemon's process id."""

    url: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether a process of that id exists; after a crash the file stays and this is False."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def url_of(host: str, port: int) -> str:
    """The URL at which this machine reaches a server on `host`; a wildcard becomes the loopback."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def write_endpoint(state_dir: Path, endpoint: Endpoint) -> None:
    """Put the endpoint in place in one step: a reader sees the old file, the new one or none."""
    with tempfile.NamedTemporaryFile("w", dir=state_dir, prefix=f".{FILE_NAME}.", delete=False) as file:
        json.dump(asdict(endpoint), file)
    Path(file.name).replace(state_dir / FILE_NAME)


def read_endpoint(state_dir: Path) -> Endpoint | None:
    """The endpoint of a daemon that is alive; None when the file is missing, unreadable, damaged or stale."""
    try:
        content = json.loads((state_dir / FILE_NAME).read_text("utf-8"))
        endpoint = Endpoint(str(content["url"]), int(content["pid"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return endpoint if endpoint.alive else None


def remove_endpoint(state_dir: Path) -> None:
    """Take the file away; none there is fine."""
    (state_dir / FILE_NAME).unlink(missing_ok=True)
