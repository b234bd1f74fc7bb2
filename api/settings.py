"""Settings of the HTTP server: the `[api]` table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError('an origin is scheme, host and port alone, like "https://photos.example:8443"')
    return value


def _absolute(value: Path) -> Path:
    expanded = value.expanduser()
    if not expanded.is_absolute():
        raise ValueError("must be an absolute path")
    return expanded


class ApiSettings(BaseModel):
    """Where the server listens and whom it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for the network.")
    port: int = Field(default=8765, ge=0, le=65535, description="TCP port; 0 takes any free one.")
    browse_roots: tuple[Annotated[Path, AfterValidator(_absolute)], ...] = Field(
        default=(),
        description="Folders, besides the watch roots, below which a request may name paths to ingest.",
    )
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(),
        description="Origins whose pages may use this API from a browser, each exact; none by default.",
    )
