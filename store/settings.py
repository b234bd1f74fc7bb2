"""Settings of what is remembered: the `[store]` table."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class StoreSettings(BaseModel):
    """Where vectors are kept, and how thumbnails are. Catalog and thumbnails lie in `daemon.state_dir`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    qdrant: str = Field(
        "embedded",
        description="`embedded` (Qdrant's engine in a process of its own), or the URL of a Qdrant server.",
    )
    qdrant_api_key: SecretStr | None = Field(None, description="API key of the Qdrant server.")

    thumbnail_size: int = Field(400, ge=64, le=2048, description="Longer edge of a thumbnail, in pixels.")
    thumbnail_quality: int = Field(82, ge=30, le=100, description="JPEG quality of thumbnails.")

    @field_validator("qdrant")
    @classmethod
    def _embedded_or_url(cls, value: str) -> str:
        if value == "embedded":
            return value
        url = urlsplit(value)
        if url.scheme not in {"http", "https"} or not url.hostname or url.port == 0:
            raise ValueError('must be "embedded" or a URL like "http://localhost:6333"')
        return value.rstrip("/")
