"""Is a watch root really there?

A disk that is not mounted looks like an empty folder, and an empty folder looks like a hundred thousand deletions. So
before a file is called gone, its root is looked at. A root that does not exist, cannot be listed, lies on another
device than before (a mount came or went), or is empty and not the very directory that was seen full before, is away
and says nothing about its files.
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
        """Ids of those roots that are there."""
        return {root.id for root in roots if self._is_present(root)}

    def _is_present(self, root: Root) -> bool:
        try:
            stat = os.stat(root.path)  # noqa: PTH116 - the path is text of any bytes, and stays so
            with os.scandir(root.path) as entries:
                is_empty = next(entries, None) is None
        except OSError:
            return False
        found = (stat.st_dev, stat.st_ino)
        seen = self._seen.get(root.id)
        if is_empty:
            return found == seen
        if seen is not None and seen[0] != found[0]:
            return False
        self._seen[root.id] = found
        return True
