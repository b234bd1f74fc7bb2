from __future__ import annotations

import pytest
from pydantic import ValidationError

from store.settings import StoreSettings


def test_vectors_are_embedded_by_default() -> None:
    assert StoreSettings().qdrant == "embedded"


@pytest.mark.parametrize("url", ["http://localhost:6333", "https://qdrant.example/prefix"])
def test_a_server_is_given_by_its_url(url: str) -> None:
    assert StoreSettings(qdrant=url + "/").qdrant == url


@pytest.mark.parametrize("value", ["", "localhost:6333", "ftp://host", "http://", "Embedded", "http://host:port"])
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        StoreSettings(qdrant=value)


def test_the_key_does_not_show() -> None:
    settings = StoreSettings.model_validate({"qdrant": "http://q", "qdrant_api_key": "hush"})
    assert "hush" not in repr(settings)


def test_every_setting_is_described_and_unknown_ones_are_refused() -> None:
    assert all(field.description for field in StoreSettings.model_fields.values())
    with pytest.raises(ValidationError):
        StoreSettings.model_validate({"qdrnat": "embedded"})
