from __future__ import annotations

from pathlib import Path

import pytest

from handlers.mounts import file_system_of, is_remote, is_remote_type

MOUNTINFO = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 0:45 / /mnt/nas rw,relatime shared:5 master:2 - nfs4 nas:/export rw,vers=4.2
31 30 8:2 / /mnt/nas/local rw - xfs /dev/sdb1 rw
32 21 0:46 / /mnt/my\040photos rw - fuse.sshfs me@host: rw
33 21 8:3 / /mnt/twice rw - ext4 /dev/sdc1 rw
34 33 0:47 / /mnt/twice rw - cifs //host/share rw
a line of another shape
"""


@pytest.mark.parametrize(
    ("path", "file_system"),
    [
        ("/home/me", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/2024/a.jpg", "nfs4"),
        ("/mnt/nas2", "ext4"),
        ("/mnt/nas/local/a.jpg", "xfs"),
        ("/mnt/my photos/a.jpg", "fuse.sshfs"),
        ("/mnt/twice/x", "cifs"),
    ],
)
def test_innermost_and_topmost_mount_decides(path: str, file_system: str) -> None:
    assert file_system_of(path, MOUNTINFO) == file_system


def test_no_mount_is_no_type() -> None:
    assert file_system_of("/x", "") == ""


@pytest.mark.parametrize(
    ("file_system", "remote"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("fuse.rclone", True),
        ("fuse", True),
        ("9p", True),
        ("ext4", False),
        ("fuseblk", False),
        ("overlay", False),
        ("", False),
    ],
)
def test_which_types_are_polled(file_system: str, remote: bool) -> None:
    assert is_remote_type(file_system) is remote


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    assert is_remote(str(tmp_path)) in (True, False)
    assert not is_remote("/proc")
