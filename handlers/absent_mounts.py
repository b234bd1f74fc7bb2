"""Files on a disk that was mounted in a watch root and is not now.

Of such a disk an empty folder stays, the mount point, in a root that is otherwise well. A deleted file leaves a folder
of its own file system; what the catalog has on another device than the empty folder that is left, was mounted there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from handlers.mounts import MountTable
from store.records import FileRecord


def on_absent_mounts(rows: Iterable[FileRecord], root: str, device: int) -> set[str]:
    """Paths of those files, none of which is found, that a mount which is not there holds. Blocking.

    `device` is that of the root's own folder. In an overlay a file may have another one without any mount: there
    nothing is told apart.
    """
    suspects = [row.path for row in rows if row.stat.device != device]
    holder = MountTable.read().holder(os.path.realpath(root)) if suspects else None
    if holder is None or holder.file_system == "overlay":
        return set()
    bare: dict[str, bool] = {}
    return {path for path in suspects if _is_bare(os.path.dirname(path), device, bare)}  # noqa: PTH120 - any bytes


def _is_bare(folder: str, device: int, known: dict[str, bool]) -> bool:
    """Whether what is left of a folder's path is an empty folder on this device."""
    if folder not in known:
        known[folder] = _look(folder, device, known)
    return known[folder]


def _look(folder: str, device: int, known: dict[str, bool]) -> bool:
    try:
        with os.scandir(folder) as entries:
            is_empty = next(entries, None) is None
        return is_empty and os.stat(folder).st_dev == device  # noqa: PTH116 - the path is text of any bytes
    except (FileNotFoundError, NotADirectoryError):
        parent = os.path.dirname(folder)  # noqa: PTH120 - text of any bytes
        return parent != folder and _is_bare(parent, device, known)
    except OSError:
        return True  # it cannot be told, so nothing is concluded
