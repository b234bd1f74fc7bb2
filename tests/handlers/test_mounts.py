from __future__ import annotations

from pathlib import Path

import pytest

from handlers.mounts import Mount, MountTable

TABLE = MountTable(
    r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 0:45 / /mnt/nas rw,relatime shared:5 master:2 - nfs4 nas:/export rw,vers=4.2
31 30 8:2 / /mnt/nas/local rw - xfs /dev/sdb1 rw
32 21 0:46 / /mnt/my\040photos rw - fuse.sshfs me@host: rw
33 21 8:3 / /mnt/twice rw - ext4 /dev/sdc1 rw
34 33 0:47 / /mnt/twice rw - cifs //host/share rw
a line of another shape
"""
)


@pytest.mark.parametrize(
    ("folder", "file_system"),
    [
        ("/home/me", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/2024", "nfs4"),
        ("/mnt/nas2", "ext4"),
        ("/mnt/nas/local/x", "xfs"),
        ("/mnt/my photos/x", "fuse.sshfs"),
        ("/mnt/twice/x", "cifs"),
    ],
)
def test_innermost_and_topmost_mount_decides(folder: str, file_system: str) -> None:
    mount = TABLE.holder(folder)
    assert mount is not None
    assert mount.file_system == file_system


def test_mounts_in_a_folder_are_told_without_its_own_and_those_that_only_begin_alike() -> None:
    assert [mount.point for mount in TABLE.below("/mnt")] == [
        "/mnt/my photos",
        "/mnt/nas",
        "/mnt/nas/local",
        "/mnt/twice",
    ]
    assert [mount.point for mount in TABLE.below("/mnt/nas")] == ["/mnt/nas/local"]
    assert TABLE.below("/mnt/na") == []


def test_no_mount_is_no_type() -> None:
    assert MountTable("").holder("/x") is None


@pytest.mark.parametrize(
    ("file_system", "remote"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("smb3", True),
        ("fuse.rclone", True),
        ("fuse", True),
        ("9p", True),
        ("virtiofs", True),
        ("ext4", False),
        ("fuseblk", False),
        ("overlay", False),
        ("", False),
    ],
)
def test_which_types_are_polled(file_system: str, remote: bool) -> None:
    assert Mount(1, "/x", file_system).is_remote is remote


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    table = MountTable.read()
    assert table.holder(str(tmp_path)) is not None
    proc = table.holder("/proc")
    assert proc is not None
    assert not proc.is_remote
