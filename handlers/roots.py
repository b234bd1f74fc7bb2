"""Which root a path belongs to, when roots lie inside one another: the innermost owns its files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store.records import Root, RootOrigin


def is_below(path: str, folder: str) -> bool:
    """Whether a path is the folder or lies below it. Both absolute and normalised."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def deepest(path: str, folders: Iterable[str]) -> str | None:
    """The folder among these that holds the path most closely, or None."""
    return max((folder for folder in folders if is_below(path, folder)), key=len, default=None)


class RootMap:
    """All roots of the catalog at one moment."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self._by_path = {root.path: root for root in roots}

    def owner(self, path: str) -> Root | None:
        """The innermost root that holds the path."""
        found = deepest(path, self._by_path)
        return None if found is None else self._by_path[found]

    def inside(self, directory: str) -> list[Root]:
        """Roots below a folder, the folder itself left out."""
        return [r for r in self._by_path.values() if r.path != directory and is_below(r.path, directory)]

    def watched(self) -> list[Root]:
        """Roots of the configuration: those that observers are put on."""
        return [root for root in self._by_path.values() if root.origin is RootOrigin.CONFIG]

    def kept(self) -> list[Root]:
        """Roots that are kept in agreement with the disk: the watched ones, and ingested ones in them."""
        watched = self.watched()
        return [r for r in self._by_path.values() if any(is_below(r.path, outer.path) for outer in watched)]

    def covering(self, directory: str) -> list[tuple[Root, str | None]]:
        """What to scan so that all of a folder is seen: (root, folder in it, or None for the whole root)."""
        owner = self.owner(directory)
        scans: list[tuple[Root, str | None]] = []
        if owner is not None:
            scans.append((owner, None if directory == owner.path else directory))
        kept = {root.id for root in self.kept()}
        return scans + [(root, None) for root in self.inside(directory) if root.id in kept]
