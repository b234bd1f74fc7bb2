"""Is a watch root really there?

A disk that is not mounted looks like an empty folder, and an empty folder looks like a hundred thousand deletions. So
before a file is called gone, its root is looked at: a root that does not exist, cannot be listed, or is another
directory than the one seen before (device and inode differ, as when a mount went away) is away, and says nothing about
its files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from store.records import Root


class RootPresence:
    """Remembers which directory each root was, for the life of the process. Blocking: call it in a thread."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def present(self, roots: Iterable[Root]) -> set[int]:
        """Ids of those roots whose folder is the one seen before, or, at first sight, holds anything at all."""
        return {root.id for root in roots if self._is_present(root)}

    def _is_present(self, root: Root) -> bool:
        try:
            stat = os.stat(root.path)  # noqa: PTH116 - the path is text of any bytes, and stays so
            with os.scandir(root.path) as entries:
                holds_anything = next(entries, None) is not None
        except OSError:
            return False
        identity = (stat.st_dev, stat.st_ino)
        if holds_anything:
            return self._seen.setdefault(root.id, identity) == identity
        return self._seen.get(root.id) == identity
