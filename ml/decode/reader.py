"""One read of a file: its bytes, its hash and its identity belong together."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from ml.decode.types import ReadResult
from ml.errors import ChangedWhileReadError, EmptyFileError, TooLargeError, UnreadableError, VanishedError

# O_NONBLOCK: opening a FIFO without a writer returns at once instead of waiting for one.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_GONE = (errno.ENOENT, errno.ENOTDIR)


def read_file(path: str, max_size: int) -> tuple[bytes, ReadResult]:
    """Read the regular file at `path` whole, at most `max_size` bytes.

    Raises VanishedError, UnreadableError, EmptyFileError, TooLargeError, or ChangedWhileReadError when its
    size or modification time moved between the first byte and the last.
    """
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            return _read(descriptor, max_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _GONE:
            raise VanishedError(f"the file is gone: {reason}") from error
        raise UnreadableError(f"the file cannot be read: {reason}") from error
    except ValueError as error:  # a null byte in the name
        raise VanishedError(f"no file can have this name: {error}") from error


def _read(descriptor: int, max_size: int) -> tuple[bytes, ReadResult]:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise UnreadableError("not a regular file")
    if before.st_size == 0:
        raise EmptyFileError("the file has no bytes")
    if before.st_size > max_size:
        raise TooLargeError(f"{before.st_size:,} bytes; handlers.max_file_size allows {max_size:,}")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(before.st_size + 1)  # one more, to see it grow
    after = os.fstat(descriptor)
    unchanged = len(data) == before.st_size == after.st_size and before.st_mtime_ns == after.st_mtime_ns
    if not unchanged:
        raise ChangedWhileReadError("the file changed while it was read")
    result = ReadResult(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        mtime_ns=after.st_mtime_ns,
        inode=after.st_ino,
        device=after.st_dev,
    )
    return data, result
