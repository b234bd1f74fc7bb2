"""Which paths below a watch root are photographs of the user, and which are droppings of systems and
programs.

Pure on strings: nothing is looked up on the disk, so the same answer holds for events, scans and deleted
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from handlers.formats import SUPPORTED_EXTENSIONS
from handlers.globs import compile_globs

# Folders that systems and programs make beside photographs, in lower case; names that start with a dot are
# hidden and need no entry. By origin: Synology, QNAP, other NAS and snapshots; Windows; macOS; fsck.
_FOREIGN_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin"),
        *("@recycle", "@recently-snapshot", "@__thumb", "@qsync", "~snapshot", "network trash folder"),
        *("$recycle.bin", "recycler", "system volume information"),
        *("__macosx", "temporary items"),
        *("lost+found",),
    }
)
_FOREIGN_FOLDER_SUFFIXES = (".lrdata", ".lrcat-data")  # Lightroom's previews and caches
_FOREIGN_FILE_PREFIXES = (".", "~syncthing~", "~$")  # hidden (with AppleDouble `._`), transfers, lock files
_KNOWN_FOLDERS = 8192  # decisions kept: one a folder, so that a file costs its own name only


class PathFilter:
    """Decides on paths below `root`. Paths outside it are never wanted.

    `exclude` holds gitignore-like globs relative to the root. Temporary names of browsers and copy programs
    (`.part`, `.crdownload`, `.tmp`, `.filepart`) need no rule: their extension is not a photograph's.
    """

    def __init__(self, root: str, *, recursive: bool = True, exclude: Sequence[str] = ()) -> None:
        self._root = root
        self._prefix = root.rstrip("/") + "/"
        self._recursive = recursive
        self._excluded = compile_globs(exclude)
        self.wants_directory = lru_cache(_KNOWN_FOLDERS)(self._wants_directory)

    def wants_file(self, path: str) -> bool:
        """Whether a file of this path is taken: by its name, its folders and the globs."""
        directory, _, name = path.rpartition("/")
        return self.wants_name(name, path) and self.wants_directory(directory or "/")

    def wants_name(self, name: str, path: str) -> bool:
        """`wants_file` for a file, by its name and its path, in a folder that is wanted."""
        return _is_photo_name(name) and not (self._excluded and self._excluded.fullmatch(path[len(self._prefix) :]))

    def _wants_directory(self, path: str) -> bool:
        """Whether a folder of this path is looked into; the root itself always is."""
        if path == self._root:
            return True
        if not self._recursive or not path.startswith(self._prefix):
            return False
        parent, _, name = path.rpartition("/")
        return (
            not _is_foreign_folder(name)
            and self.wants_directory(parent or "/")
            and not (self._excluded and self._excluded.fullmatch(path[len(self._prefix) :] + "/"))
        )


def _is_photo_name(name: str) -> bool:
    lowered = name.lower()
    dot = lowered.rfind(".")
    return dot > 0 and lowered[dot:] in SUPPORTED_EXTENSIONS and not lowered.startswith(_FOREIGN_FILE_PREFIXES)


def _is_foreign_folder(name: str) -> bool:
    lowered = name.lower()
    return lowered.startswith(".") or lowered in _FOREIGN_FOLDERS or lowered.endswith(_FOREIGN_FOLDER_SUFFIXES)
