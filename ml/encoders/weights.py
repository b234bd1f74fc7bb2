"""Identity of model files: read once, hash, compare."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ml.errors import ModelUnavailableError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_verified(path: Path, sha256: str, package: str) -> bytes:
    """The bytes of a weights file that a pip package brought, once their hash is the expected one.

    The bytes that were hashed are the bytes that are returned: the file cannot be exchanged in between.
    Raises ModelUnavailableError when the file is missing or is not what was expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(f"{path} cannot be read ({error.strerror}). Reinstall {package}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelUnavailableError(
            f"{path} is not the expected file (SHA-256 {found[:12]}…, expected {sha256[:12]}…). Reinstall {package}."
        )
    return content
