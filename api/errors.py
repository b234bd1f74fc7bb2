"""Every code that a client can meet, and the error that carries one.

Codes are stable: programs branch on them, docs/errors.md explains them to people, and a test keeps the three
equal. A code names what happened, the HTTP status follows from it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class ErrorCode(enum.StrEnum):
    """A public error code with its HTTP status, what it means, and what to do about it."""

    status: int
    meaning: str
    remedy: str

    def __new__(cls, code: str, status: int = 0, meaning: str = "", remedy: str = "") -> ErrorCode:
        """Make a member that is its code as text. (Looking one up by its code alone goes another way.)"""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.meaning = meaning
        member.remedy = remedy
        return member

    # -- the request
    INVALID_REQUEST = (
        "INVALID_REQUEST",
        400,
        "The request does not fit what the route takes.",
        "Correct each fault that `details.faults` places; /api/v1/openapi.json has the schemas.",
    )
    FORBIDDEN = (
        "FORBIDDEN",
        403,
        "The path lies below no watch root and no browse root.",
        "Add the folder as a `[[watch]]`, or a folder above it to `api.browse_roots`.",
    )
    NOT_FOUND = (
        "NOT_FOUND",
        404,
        "There is no such route, image, collection or job.",
        "Check the id or name against the list route.",
    )
    METHOD_NOT_ALLOWED = (
        "METHOD_NOT_ALLOWED",
        405,
        "The route exists, but not with this method.",
        "Use one of the methods in the `Allow` header.",
    )
    CONFLICT = (
        "CONFLICT",
        409,
        "The request contradicts what is there.",
        "The message names what stands against it; change that first.",
    )
    PAYLOAD_TOO_LARGE = (
        "PAYLOAD_TOO_LARGE",
        413,
        "The request's body is larger than is taken.",
        "Send less at once.",
    )
    UNSUPPORTED_MEDIA = (
        "UNSUPPORTED_MEDIA",
        415,
        "The body's content type, or the file's content, is none that is read here.",
        "Send JSON as `Content-Type: application/json`; convert or remove the file.",
    )
    RANGE_NOT_SATISFIABLE = (
        "RANGE_NOT_SATISFIABLE",
        416,
        "The `Range` header asks for bytes that the file does not have.",
        "Ask for a range within the size in the `Content-Range` header.",
    )
    INTERNAL = (
        "INTERNAL",
        500,
        "Something that was not foreseen; the log has the details under the request id.",
        "Try again; if it stays, report it with the log lines of this request id.",
    )

    # -- folders
    DIR_NOT_FOUND = (
        "DIR_NOT_FOUND",
        404,
        "The folder or file does not exist for the daemon.",
        "Check the spelling, and that the disk is mounted on the daemon's machine.",
    )
    DIR_EMPTY = (
        "DIR_EMPTY",
        422,
        "The folder holds no file of a supported format.",
        "Point to a folder with photos in it; if a root was emptied on purpose, `photond scan --accept-empty PATH`.",
    )
    PERMISSION_DENIED = (
        "PERMISSION_DENIED",
        403,
        "The daemon's user may not read the folder.",
        "Give that user read and search permission on it.",
    )

    # -- what the daemon stands on
    ML_SERVICE_DOWN = (
        "ML_SERVICE_DOWN",
        503,
        "No model is there to answer now: it is starting or stopping.",
        "Try again in a moment; /readyz tells the state.",
    )
    MODEL_UNAVAILABLE = (
        "MODEL_UNAVAILABLE",
        503,
        "The configured model cannot be loaded.",
        "The message says what to install, download or correct in `[ml]`.",
    )
    QDRANT_CONNECTION = (
        "QDRANT_CONNECTION",
        503,
        "The vector index does not answer.",
        "Try again in a moment; with a Qdrant server, check `store.qdrant` and that it runs.",
    )
    VECTOR_REJECTED = (
        "VECTOR_REJECTED",
        500,
        "A vector does not fit the index (dimension, length or a value that is not finite).",
        "Retry the file; if it stays, report it with the model's name.",
    )
    VECTORS_DAMAGED = (
        "VECTORS_DAMAGED",
        500,
        "The vector index on disk cannot be opened.",
        "Stop the daemon and run `photond reindex`: the index is made again from the catalog, without the model.",
    )
    VECTORS_MISMATCH = (
        "VECTORS_MISMATCH",
        500,
        "The vector index holds vectors of another dimension than the model gives.",
        "Stop the daemon and run `photond reindex`, or set the model back.",
    )
    DISK_SPACE = (
        "DISK_SPACE",
        507,
        "The disk with the state directory is full.",
        "Free space there; work goes on by itself.",
    )
    CATALOG_DAMAGED = (
        "CATALOG_DAMAGED",
        500,
        "The catalog is not a readable database.",
        "Stop the daemon and put back a backup (`photond restore`, planned; until then by hand).",
    )
    CATALOG_UNAVAILABLE = (
        "CATALOG_UNAVAILABLE",
        503,
        "The catalog cannot be read or written now.",
        "Check the permissions and the disk of the state directory, and that nothing else has the file open.",
    )
    SCHEMA_TOO_NEW = (
        "SCHEMA_TOO_NEW",
        500,
        "The catalog was written by a newer version of photond.",
        "Install that version again, or a newer one.",
    )

    # -- files
    DECODE_FAILED = (
        "DECODE_FAILED",
        422,
        "The file is damaged, or is not the image that its name says.",
        "Open it in a viewer; replace it by a good copy.",
    )
    FILE_EMPTY = (
        "FILE_EMPTY",
        422,
        "The file has no bytes.",
        "Copy it again; this is often a transfer that broke off.",
    )
    TOO_LARGE = (
        "TOO_LARGE",
        422,
        "The image has more pixels, or takes more memory, or the file has more bytes than the limits allow.",
        "If the file is to be trusted, raise the limit that the message names, then retry it.",
    )
    DECODE_TIMEOUT = (
        "DECODE_TIMEOUT",
        422,
        "Decoding took longer than `ml.decode_timeout`.",
        "Retry it when the machine is less busy, or raise the limit.",
    )
    DECODER_CRASHED = (
        "DECODER_CRASHED",
        422,
        "The decoding process died on this file.",
        "Open it in a viewer; if it is good, report it with the file's format.",
    )
    DECODER_KILLED = (
        "DECODER_KILLED",
        503,
        "The decoding process was killed from outside while it had this file; mostly the machine ran out of memory.",
        "Nothing at first: it is tried again. If it comes often, lower `ml.decode_workers` or `ml.decode_memory`.",
    )
    UNREADABLE = (
        "UNREADABLE",
        403,
        "The file exists, but its bytes cannot be read.",
        "Check its permissions, and the disk's health.",
    )
    VANISHED = (
        "VANISHED",
        404,
        "The file is gone, or is no longer the one that was indexed.",
        "Bring it back, or wait for the next scan to see what is there now.",
    )
    CHANGED_WHILE_READ = (
        "CHANGED_WHILE_READ",
        409,
        "The file was being written while it was read.",
        "Nothing: it is tried again when it is at rest.",
    )
    ENCODE_FAILED = (
        "ENCODE_FAILED",
        422,
        "The model failed on this one input.",
        "Retry it; if it stays, report it with the model's name.",
    )
    POISONED = (
        "POISONED",
        422,
        "The daemon itself died several times in a row while it worked on this file alone.",
        "Open it in a viewer, look for the cause in the daemon's and the system's log, then retry it.",
    )


class ApiError(Exception):
    """An answer other than success: a code, a message for a person, and details for a program."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}
        self.headers = headers or {}


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to change."""

    code = "CANNOT_LISTEN"
