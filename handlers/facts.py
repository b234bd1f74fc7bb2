"""From what decoding and the model found to what the catalog keeps: the border between ml and store."""

from __future__ import annotations

from collections.abc import Sequence

from ml.captions import caption_from_tags
from ml.decode.types import DecodedPhoto, ReadResult
from ml.encoders.protocol import Tag
from store.records import ImageFacts, TagFact


def facts_of(read: ReadResult, decoded: DecodedPhoto, tags: Sequence[Tag]) -> ImageFacts:
    """Everything that is stored of a content, its labels as tags and, joined, as its caption."""
    exif = decoded.exif
    return ImageFacts(
        sha256=read.sha256,
        size=read.size,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        decode_source=decoded.source.value,
        taken_at=exif.taken_at,
        camera_make=exif.camera_make,
        camera_model=exif.camera_model,
        lens=exif.lens,
        iso=exif.iso,
        f_number=exif.f_number,
        exposure_seconds=exif.exposure_seconds,
        focal_length_mm=exif.focal_length_mm,
        latitude=exif.latitude,
        longitude=exif.longitude,
        altitude_m=exif.altitude_m,
        orientation=exif.orientation,
        caption=caption_from_tags(tags),
        tags=tuple(TagFact(tag.name, tag.score) for tag in tags),
    )
