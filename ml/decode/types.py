"""What decoding takes and gives. Plain frozen dataclasses, so that they cross process borders by pickle."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DecodeSource(enum.StrEnum):
    """Which pixels were used. Recorded with each image, because it bounds what the vector can know."""

    FULL = "full"  # every pixel of the main image
    SCALED = "scaled"  # a scaled decode of the main image (JPEG DCT scaling, Pillow's `draft`)
    EMBEDDED_PREVIEW = "embedded_preview"  # the preview that the camera put into a RAW file
    HALF_DEMOSAIC = "half_demosaic"  # RAW demosaiced at half size: no preview was large enough


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """The crops that a model wants to see of each photo, all resized to one square.

    `crops` are fractions of the shorter side's centred square unless noted: the names are
    `whole` (the entire photo squashed to the square), `center` (centre square), `start` and `end` (the square at
    either end of the longer side), and `tl`, `tr`, `bl`, `br`, `mid` (60 % squares of the photo at the corners and
    the middle). Order is kept.
    """

    size: int  # pixels, both edges
    crops: tuple[str, ...] = ("center",)
    resample: str = "bicubic"  # or "bilinear"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one photo's views: (crops, size, size, 3)."""
        return (len(self.crops), self.size, self.size, 3)


@dataclass(frozen=True, slots=True)
class Exif:
    """What the camera wrote. Absent or nonsensical values are None; nothing here is a guess."""

    taken_at: str | None = None  # RFC 3339; with the offset when the file has one, else local time without
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    iso: int | None = None
    f_number: float | None = None
    exposure_seconds: float | None = None
    focal_length_mm: float | None = None
    latitude: float | None = None  # degrees, WGS 84, south negative
    longitude: float | None = None  # degrees, west negative
    altitude_m: float | None = None
    orientation: int = 1  # EXIF 1 to 8; already applied to width, height, thumbnail and views


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The file was read once, whole: its identity, before any decoding."""

    sha256: str  # 64 lower-case hexadecimal digits
    size: int  # bytes
    mtime_ns: int  # of the very file that was read (fstat of the open descriptor)
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """Everything that one decode gives."""

    format: str  # "JPEG", "HEIF", "DNG", …: by content, not by name
    width: int  # pixels of the main image, after orientation
    height: int
    source: DecodeSource
    exif: Exif
    thumbnail: bytes  # JPEG, sRGB, oriented, longer edge at most the configured size
    views: NDArray[np.uint8]  # ViewSpec.shape, RGB, sRGB
