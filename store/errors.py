"""What can go wrong in remembering and looking up, each with a stable code.

Foreign exceptions (SQLite, SQLAlchemy, Qdrant, the file system) are turned into these at the border of the
package and never leave it.
"""

from __future__ import annotations

from typing import ClassVar


class StoreError(Exception):
    """Base of this package's errors.

    `code` is stable and documented; `retryable` tells whether the same call may succeed later without a
    change to the request or the configuration.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False


class VectorStoreError(StoreError):
    """The vector engine, embedded or a server, does not answer or has a fault of its own."""

    code = "QDRANT_CONNECTION"
    retryable = True


class PointRejectedError(StoreError):
    """A vector is not finite, not of unit length or not of its space's dimension; nothing was written."""

    code = "VECTOR_REJECTED"


class DiskSpaceError(StoreError):
    """No room on the disk that holds the state; what was being written was not."""

    code = "DISK_SPACE"
    retryable = True


class CatalogDamagedError(StoreError):
    """The catalog file is not a database or is damaged; the message says how to go on."""

    code = "CATALOG_DAMAGED"


class CatalogUnavailableError(StoreError):
    """The catalog file cannot be used now (permission, I/O error, another process's lock)."""

    code = "CATALOG_UNAVAILABLE"
    retryable = True


class SchemaTooNewError(StoreError):
    """The catalog was written by a newer photond than this one."""

    code = "SCHEMA_TOO_NEW"


class NotFoundError(StoreError):
    """What was asked for by name or id is not in the catalog."""

    code = "NOT_FOUND"


class ConflictError(StoreError):
    """The catalog's state does not allow this; the message says what stands against it."""

    code = "CONFLICT"


class InvalidCursorError(StoreError):
    """The cursor was not given out by this list, or was changed on its way."""

    code = "INVALID_REQUEST"
