"""Thumbnails on disk: one JPEG for each content, named after its SHA-256.

Each file ends with a seal, a check sum of the bytes before it: a disk that gives back other bytes than it was given is
then found out, which a decoder would not do. Readers of JPEG stop at the end of the image and do not see it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.errors import DiskSpaceError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".tmp"  # suffix of a file that is being written; one that is still there at start is a crash's
_SEAL = struct.Struct(">4sI")  # this mark, and the CRC-32 of all before it
_MARK = b"crc:"


class ThumbnailStore:
    """JPEG bytes by SHA-256, in `ab/cd/<sha256>.jpg`, so that a million of them leave 15 to a folder.

    A file is there whole or not at all, whatever crashes. All methods but the iteration block: call them in a
    thread.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, sha256: str) -> Path:
        """Where this content's thumbnail is, or would be. ValueError for what is not a SHA-256."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 in lower-case hexadecimal")
        return self._directory / sha256[:2] / sha256[2:4] / f"{sha256}.jpg"

    def write(self, sha256: str, jpeg: bytes) -> None:
        """Store a thumbnail, durably, in place of another one; equal bytes are left alone.

        Raises DiskSpaceError.
        """
        path = self.path(sha256)
        if self.read(sha256) == jpeg:
            return
        temporary = path.with_name(f"{sha256}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            with _disk_space_told(self._directory):
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("xb") as file:
                    file.write(jpeg + _SEAL.pack(_MARK, zlib.crc32(jpeg)))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    def read(self, sha256: str) -> bytes | None:
        """The JPEG, or None where there is none or a damaged one."""
        try:
            return _unsealed(self.path(sha256).read_bytes())
        except FileNotFoundError:
            return None

    def delete(self, sha256s: Iterable[str]) -> None:
        """Remove these; those that are not there are fine."""
        for sha256 in sha256s:
            self.path(sha256).unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """Files that are no thumbnails: half written by a crash, or put there by somebody else."""
        files = (path for path in self._directory.rglob("*") if not path.is_dir())
        return [path for path in files if not self._is_thumbnail(path)]

    def sweep(self) -> int:
        """Remove the leftovers; returns how many. Only while nothing else writes."""
        left = self.leftovers()
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    async def sha256s(self) -> AsyncIterator[list[str]]:
        """The contents that have a thumbnail, a folder's at a time."""
        for folder in await asyncio.to_thread(lambda: sorted(self._directory.glob("??"))):
            yield await asyncio.to_thread(self._names_below, folder)

    def _names_below(self, folder: Path) -> list[str]:
        return [path.stem for path in folder.glob("??/*.jpg") if self._is_thumbnail(path)]

    def _is_thumbnail(self, path: Path) -> bool:
        return _SHA256.fullmatch(path.stem) is not None and path == self.path(path.stem)


def _unsealed(content: bytes) -> bytes | None:
    jpeg = content[: -_SEAL.size]
    return jpeg if content[-_SEAL.size :] == _SEAL.pack(_MARK, zlib.crc32(jpeg)) else None


@contextmanager
def _disk_space_told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskSpaceError(f"no space left for thumbnails in {directory}") from error
        raise
