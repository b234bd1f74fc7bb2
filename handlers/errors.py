"""What can go wrong between the disk and the queue, each with a stable code."""

from __future__ import annotations

from typing import ClassVar


class HandlerError(Exception):
    """Base of this package's errors; `code` is stable and documented."""

    code: ClassVar[str]
    retryable: ClassVar[bool] = False


class DirectoryNotFoundError(HandlerError):
    """The folder does not exist."""

    code = "DIR_NOT_FOUND"


class DirectoryEmptyError(HandlerError):
    """The folder holds no file of a supported format."""

    code = "DIR_EMPTY"


class PermissionDeniedError(HandlerError):
    """The folder may not be read by the daemon's user."""

    code = "PERMISSION_DENIED"


class OutsideRootsError(HandlerError):
    """The path lies below no watch root and no browse root."""

    code = "FORBIDDEN"
