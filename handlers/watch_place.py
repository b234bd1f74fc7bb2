"""What the watches of a root sit on. They fall silent, without a word, when it changes: a mount came or went."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from handlers.mounts import Mount, MountTable
from handlers.roots import is_below
from store.records import Root


@dataclass(frozen=True, slots=True)
class WatchPlace:
    """A root's folder, and the mounts in it that are looked into. Equal as long as watches on it see everything."""

    device: int
    inode: int
    is_remote: bool
    mounts: tuple[Mount, ...]  # by their points, as paths of the root

    def polled(self) -> list[str]:
        """The mounts that inotify does not see all of; those in one another are told as one."""
        points: list[str] = []
        for mount in self.mounts:
            if mount.is_remote and not any(is_below(mount.point, point) for point in points):
                points.append(mount.point)
        return points


def place_of(root: Root, mounts: MountTable, takes: Callable[[str], bool]) -> WatchPlace | None:
    """The place of a root now, or None if its folder is not there. Blocking.

    `takes` tells which folders the root looks into.
    """
    try:
        stat = os.stat(root.path)  # noqa: PTH116 - the path is text of any bytes
    except OSError:
        return None
    real = os.path.realpath(root.path)
    holder = mounts.holder(real)
    # The root may be a symbolic link; what is in it is known by the link's name.
    prefix, base = len(real.rstrip("/")), root.path.rstrip("/")
    inside = (replace(mount, point=base + mount.point[prefix:]) for mount in mounts.below(real))
    return WatchPlace(
        stat.st_dev,
        stat.st_ino,
        holder is not None and holder.is_remote,
        tuple(mount for mount in inside if takes(mount.point)),
    )
