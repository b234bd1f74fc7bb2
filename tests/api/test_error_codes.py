"""Codes are one set: in the enum, in the packages below, and in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.errors import ErrorCode
from handlers.errors import HandlerError
from ml.errors import MlError
from store.errors import StoreError
from store.vectors.errors import VectorsDamagedError

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"
Coded = type[HandlerError | MlError | StoreError]


def with_codes(base: Coded) -> Iterator[Coded]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from with_codes(subclass)


@pytest.mark.parametrize("base", [HandlerError, MlError, StoreError])
def test_every_error_of_the_packages_below_has_a_public_code(base: Coded) -> None:
    classes = list(with_codes(base))
    assert VectorsDamagedError in classes or base is not StoreError  # those of sub-packages are met too
    for error in classes:
        assert ErrorCode(error.code).meaning


def test_the_documentation_lists_exactly_the_codes_that_exist() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [(code.value, str(code.status), code.meaning, code.remedy) for code in ErrorCode]


def test_statuses_are_errors() -> None:
    assert all(400 <= code.status < 600 for code in ErrorCode)
