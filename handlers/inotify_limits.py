"""Which of the kernel's settings limits inotify here, and what to say when a limit is met.

`fs.inotify.max_user_*` is what the first user namespace allows a user; a container has a namespace of its own, whose
`user.max_inotify_*` holds besides (namespaces(7), /proc/sys/user). The lower one is the one that was met.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PROC_SYS = Path("/proc/sys")

Resource = Literal["watches", "instances"]

_ENOUGH = {"watches": 524_288, "instances": 1024}  # what desktop systems set; a watch takes some 1 KiB while it is used


def limiting_sysctl(resource: Resource) -> tuple[str, int | None]:
    """The setting that limits watches or instances, and its value if it can be read. Blocking."""
    names = (f"fs.inotify.max_user_{resource}", f"user.max_inotify_{resource}")
    values = {name: value for name in names if (value := _read(name)) is not None}
    name = min(values, key=lambda name: values[name], default=names[0])
    return name, values.get(name)


def advice(name: str, value: int | None, resource: Resource) -> str:
    """What to do when a root could not be watched for this setting."""
    raised = max(_ENOUGH[resource], 2 * (value or 0))
    return (
        f"this root is polled now; raise the limit with `sysctl -w {name}={raised}`, keep it by a line "
        f"`{name} = {raised}` in /etc/sysctl.d/photond.conf, and restart photond"
    )


def _read(name: str) -> int | None:
    try:
        return int((PROC_SYS / name.replace(".", "/")).read_text())
    except (OSError, ValueError):
        return None
