"""Which file system holds a path, and whether the kernel tells of changes made to it elsewhere.

inotify sees what passes through this machine's own VFS. On a network file system, or one that a process
implements (FUSE), changes made on the other side raise no event, so such roots are polled.
"""

from __future__ import annotations

import os
import re
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


def is_remote(path: str) -> bool:
    """Whether changes below the path may come from elsewhere, unseen by inotify. Blocking."""
    try:
        mountinfo = os.fsdecode(MOUNTINFO.read_bytes())
    except OSError:  # no procfs
        return False
    return is_remote_type(file_system_of(os.path.realpath(path), mountinfo))


def is_remote_type(file_system: str) -> bool:
    """Whether a file system of this type is changed from elsewhere. `fuseblk` (NTFS, exFAT disks) is not."""
    return file_system in _REMOTE_TYPES or file_system.startswith("fuse.")


def file_system_of(path: str, mountinfo: str) -> str:
    """Type of the file system that holds a real path, from the text of proc_pid_mountinfo(5), or ""."""
    point, found = "", ""
    for line in mountinfo.splitlines():
        fields, separator, rest = line.partition(" - ")
        columns = fields.split(" ")
        if not separator or len(columns) < 5:
            continue
        mounted_at = _unescape(columns[4])
        # Of mounts at the same point, the last one lies on top.
        if is_below(path, mounted_at) and len(mounted_at) >= len(point):
            point, found = mounted_at, rest.split(" ", 1)[0]
    return found


def _unescape(field: str) -> str:
    """Space, tab, newline and backslash are written as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
