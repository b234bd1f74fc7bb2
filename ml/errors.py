"""What can go wrong between a file and its vector, each with a stable code.

Foreign exceptions (Pillow, LibRaw, torch) are turned into these at the border of the package and never leave it.
"""

from __future__ import annotations

from typing import ClassVar


class MlError(Exception):
    """Base of this package's errors.

    `code` is stable and documented; `retryable` tells whether the same call may succeed later without a change to
    the file or the configuration.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False


class DecodeError(MlError):
    """The file is not an image, or a damaged one."""

    code = "DECODE_FAILED"


class EmptyFileError(DecodeError):
    """The file has no bytes."""

    code = "FILE_EMPTY"


class UnsupportedFormatError(DecodeError):
    """The content is of no format that is read here, whatever its name says."""

    code = "UNSUPPORTED_MEDIA"


class TooLargeError(DecodeError):
    """More pixels (by its header), more bytes, or more memory to decode it than the limits allow."""

    code = "TOO_LARGE"


class DecodeTimeoutError(DecodeError):
    """Decoding took longer than `ml.decode_timeout`; its process was killed."""

    code = "DECODE_TIMEOUT"


class DecoderCrashedError(DecodeError):
    """The decoding process died on this file (a fault in a native decoder)."""

    code = "DECODER_CRASHED"


class DecoderKilledError(DecodeError):
    """The decoding process was killed while it had this file, neither by the file nor by us."""

    code = "DECODER_KILLED"
    retryable = True


class UnreadableError(MlError):
    """The file exists but its bytes could not be read (permission, I/O error)."""

    code = "UNREADABLE"
    retryable = True


class VanishedError(MlError):
    """The file was gone when it was to be read."""

    code = "VANISHED"


class ChangedWhileReadError(MlError):
    """Size or modification time changed during the read: it is still being written."""

    code = "CHANGED_WHILE_READ"
    retryable = True


class ModelUnavailableError(MlError):
    """The model cannot be loaded; the message says what to install, download or correct."""

    code = "MODEL_UNAVAILABLE"


class EncodeError(MlError):
    """The model failed on this one input, alone in its batch."""

    code = "ENCODE_FAILED"


class MlServiceDownError(MlError):
    """No model is there to answer now (stopped, or shutting down)."""

    code = "ML_SERVICE_DOWN"
    retryable = True
