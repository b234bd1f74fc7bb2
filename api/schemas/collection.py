"""A collection and its statistics."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.schemas.page import Page
from api.schemas.values import Timestamp
from store.records import CollectionRecord


class Collection(BaseModel):
    """A named set of images."""

    name: str
    description: str
    created_at: Timestamp
    images: int = Field(description="Those with a file on disk.")

    @classmethod
    def of(cls, record: CollectionRecord) -> Collection:
        """From the catalog's record."""
        return cls(
            name=record.name,
            description=record.description,
            created_at=record.created_at,
            images=record.images,
        )


class CollectionPage(Page[Collection]):
    """Collections."""


class CollectionInfo(Collection):
    """A collection with its statistics."""

    bytes: int
    roots: list[str] = Field(description="Folders that feed it.")
    first_taken_at: str | None
    last_taken_at: str | None

    @classmethod
    def detailed(cls, record: CollectionRecord) -> CollectionInfo:
        """From the catalog's record."""
        return cls(
            name=record.name,
            description=record.description,
            created_at=record.created_at,
            images=record.images,
            bytes=record.bytes,
            roots=list(record.roots),
            first_taken_at=record.first_taken_at,
            last_taken_at=record.last_taken_at,
        )
