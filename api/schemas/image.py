"""An image, as lists, searches and its own page show it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from api.routing import BASE
from api.schemas.page import Page
from api.schemas.values import Timestamp
from store.records import ImageRecord


class Tag(BaseModel):
    """A word for an image, its probability, and whether a model or the user gave it."""

    name: str
    score: float
    source: str


class Image(BaseModel):
    """An image as every list shows it."""

    id: str
    path: str | None = Field(description="Its first file on disk; null while all are missing.")
    files: list[str] = Field(description="Every file on disk with this content.")
    offline: bool = Field(description="Every file of it lies in a watch root that is offline now.")
    width: int
    height: int
    format: str
    taken_at: str | None = Field(description="As the camera wrote it; local time when it has no offset.")
    caption: str | None
    tags: list[Tag]
    rating: int | None
    thumbnail_url: str

    @classmethod
    def of(cls, record: ImageRecord) -> Image:
        """From the catalog's record."""
        return cls(**_shown(record))


class ImagePage(Page[Image]):
    """Images."""


class FoundImage(Image):
    """An answer to a search."""

    score: float = Field(description="Cosine of query and image.")
    relevance: float = Field(ge=0, le=1)

    @classmethod
    def ranked(cls, record: ImageRecord, score: float, relevance: float) -> FoundImage:
        """From the catalog's record and its rank."""
        return cls(**_shown(record), score=score, relevance=relevance)


class ImageDetail(Image):
    """Everything known of one image."""

    sha256: str
    size: int = Field(description="Bytes.")
    decode_source: str = Field(description="Which pixels the model saw.")
    camera_make: str | None
    camera_model: str | None
    lens: str | None
    iso: int | None
    f_number: float | None
    exposure_seconds: float | None
    focal_length_mm: float | None
    latitude: float | None
    longitude: float | None
    altitude_m: float | None
    orientation: int
    collections: list[str]
    indexed_at: Timestamp
    original_url: str

    @classmethod
    def detailed(cls, record: ImageRecord) -> ImageDetail:
        """From the catalog's record."""
        facts = record.facts
        return cls(
            **_shown(record),
            sha256=facts.sha256,
            size=facts.size,
            decode_source=facts.decode_source,
            camera_make=facts.camera_make,
            camera_model=facts.camera_model,
            lens=facts.lens,
            iso=facts.iso,
            f_number=facts.f_number,
            exposure_seconds=facts.exposure_seconds,
            focal_length_mm=facts.focal_length_mm,
            latitude=facts.latitude,
            longitude=facts.longitude,
            altitude_m=facts.altitude_m,
            orientation=facts.orientation,
            collections=list(record.collections),
            indexed_at=record.indexed_at,
            original_url=f"{BASE}/images/{record.id}/original",
        )


def thumbnail_url(image_id: str) -> str:
    """Where an image's thumbnail is answered."""
    return f"{BASE}/images/{image_id}/thumbnail"


def _shown(record: ImageRecord) -> dict[str, Any]:
    facts = record.facts
    return {
        "id": record.id,
        "path": record.path,
        "files": list(record.files),
        "offline": record.offline,
        "width": facts.width,
        "height": facts.height,
        "format": facts.format,
        "taken_at": facts.taken_at,
        "caption": facts.caption,
        "tags": [Tag(name=tag.name, score=tag.score, source=tag.source) for tag in facts.tags],
        "rating": record.rating,
        "thumbnail_url": thumbnail_url(record.id),
    }
