from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import ApiSettings


def test_the_default_is_this_machine_alone() -> None:
    settings = ApiSettings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8765)
    assert settings.browse_roots == ()
    assert settings.cors_origins == ()


@pytest.mark.parametrize("origin", ["https://photos.example", "http://localhost:3000", "http://[::1]:8000"])
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert ApiSettings(cors_origins=(origin,)).cors_origins == (origin,)


@pytest.mark.parametrize("origin", ["*", "photos.example", "https://photos.example/", "ftp://a", "https://", "null"])
def test_anything_else_is_no_origin(origin: str) -> None:
    with pytest.raises(ValidationError, match="an origin is scheme, host and port alone"):
        ApiSettings(cors_origins=(origin,))


def test_browse_roots_are_absolute_and_may_begin_at_home() -> None:
    assert ApiSettings(browse_roots=(Path("~/Pictures"),)).browse_roots == (Path.home() / "Pictures",)
    with pytest.raises(ValidationError, match="absolute"):
        ApiSettings(browse_roots=(Path("Pictures"),))


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_has_sixteen_bits(port: int) -> None:
    with pytest.raises(ValidationError):
        ApiSettings(port=port)
