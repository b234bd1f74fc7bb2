"""Which file systems hold a folder, and whether the kernel tells of changes made to them elsewhere.

inotify sees what passes through this machine's own VFS. On a network file system, or one that a process
implements (FUSE), changes made on the other side raise no event, so folders on it are polled.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from handlers.roots import is_below

MOUNTINFO = Path("/proc/self/mountinfo")

# Types as in /proc/filesystems: file servers, clusters, and folders that a host shares with a virtual
# machine.
_REMOTE_TYPES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda"),
        *("ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2", "gpfs", "orangefs"),
        *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs"),
        "fuse",
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of proc_pid_mountinfo(5)."""

    id: int
    point: str
    file_system: str

    @property
    def is_remote(self) -> bool:
        """Whether it is changed from elsewhere, unseen by inotify. `fuseblk` (NTFS, exFAT disks) is not."""
        return self.file_system in _REMOTE_TYPES or self.file_system.startswith("fuse.")


class MountTable:
    """The mounts at one moment. Of mounts at the same point, the last one lies on top, and is the one that counts."""

    def __init__(self, mountinfo: str) -> None:
        found = (_parse(line) for line in mountinfo.splitlines())
        self._by_point = {mount.point: mount for mount in found if mount is not None}

    @classmethod
    def read(cls) -> MountTable:
        """Those of this process; none where there is no procfs. Blocking."""
        try:
            return cls(os.fsdecode(MOUNTINFO.read_bytes()))
        except OSError:
            return cls("")

    def holder(self, folder: str) -> Mount | None:
        """The mount that a folder, given by its real path, lies on."""
        holders = (mount for mount in self._by_point.values() if is_below(folder, mount.point))
        return max(holders, key=lambda mount: len(mount.point), default=None)

    def below(self, folder: str) -> list[Mount]:
        """The mounts in a folder, given by its real path, by their points."""
        inside = (m for m in self._by_point.values() if m.point != folder and is_below(m.point, folder))
        return sorted(inside, key=lambda mount: mount.point)


def _parse(line: str) -> Mount | None:
    fields, separator, rest = line.partition(" - ")
    columns = fields.split(" ")
    if not separator or len(columns) < 5:
        return None
    return Mount(int(columns[0]), _unescape(columns[4]), rest.split(" ", 1)[0])


def _unescape(field: str) -> str:
    """Space, tab, newline and backslash are written as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
