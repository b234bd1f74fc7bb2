from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ml.encoders.weights import file_sha256, read_verified
from ml.errors import ModelUnavailableError


def test_the_expected_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"numbers")
    sha256 = hashlib.sha256(b"numbers").hexdigest()
    assert file_sha256(path) == sha256
    assert read_verified(path, sha256, "some-package") == b"numbers"


def test_another_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"other numbers")
    with pytest.raises(ModelUnavailableError, match=r"not the expected file .* Reinstall some-package"):
        read_verified(path, "0" * 64, "some-package")
    with pytest.raises(ModelUnavailableError, match=r"cannot be read .* Reinstall some-package"):
        read_verified(tmp_path / "absent", "0" * 64, "some-package")
