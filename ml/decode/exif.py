"""What the camera wrote, from any container, read tag by tag and never believed blindly.

exifread parses the TIFF structure that EXIF is; Pillow has found it where it hides in a container (exifread's
own search misses WebP and stumbles over some HEIF files). Tags and their meaning: CIPA DC-008 (Exif 3.0).
"""

from __future__ import annotations

import dataclasses
import datetime
import io
import logging
import math
import re
from collections.abc import Mapping
from typing import Any

import exifread

from ml.decode.gps import altitude, coordinates
from ml.decode.types import Exif

# Which tags hold the same fact, best first. CR3 keeps the EXIF directory as a first directory ("Image").
_TIMES = (
    ("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", "EXIF OffsetTimeOriginal"),
    ("Image DateTimeOriginal", "Image SubSecTimeOriginal", "Image OffsetTimeOriginal"),
    ("EXIF DateTimeDigitized", "EXIF SubSecTimeDigitized", "EXIF OffsetTimeDigitized"),
)
_DATE = re.compile(r"(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_FIRST_PHOTOGRAPH = 1826
_UNKNOWN_ISO = 65535  # Exif 3.0, 4.6.7: "see the other sensitivity tags"
_MAX_TEXT = 200

Tags = Mapping[str, Any]


def read_exif(data: bytes) -> Exif:
    """The facts in an EXIF block, or in a whole file where exifread finds one. Never raises."""
    tags: dict[str, Any] = {}
    for block in _cr3_blocks(data) or [data]:
        tags.update(_parse(block))
    return facts(tags)


def facts(tags: Tags) -> Exif:
    """The facts in exifread's tags; what is absent, malformed or impossible is None."""
    latitude, longitude = coordinates(tags)
    return Exif(
        taken_at=next((time for names in _TIMES if (time := _time(tags, *names))), None),
        camera_make=_text(tags, "Image Make"),
        camera_model=_text(tags, "Image Model"),
        lens=_text(tags, "EXIF LensModel", "Image LensModel"),
        iso=_iso(tags),
        f_number=_number(tags, "FNumber", limit=1000),
        exposure_seconds=_number(tags, "ExposureTime", limit=7 * 86400),
        focal_length_mm=_number(tags, "FocalLength", limit=100_000),
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude(tags),
        orientation=_orientation(tags),
    )


def merge(exif: Exif, other: Exif) -> Exif:
    """`exif`, with what it lacks taken from `other`."""
    missing = {
        field.name: getattr(other, field.name)
        for field in dataclasses.fields(Exif)
        if getattr(exif, field.name) == field.default
    }
    return dataclasses.replace(exif, **missing)


def _parse(block: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = exifread.process_file(
            io.BytesIO(block), details=False, extract_thumbnail=False
        )
    except Exception as error:  # noqa: BLE001  damaged metadata must not cost the photo; exifread asserts, too
        logging.getLogger(__name__).debug("EXIF not readable: %r", error)
        return {}
    return found


def _cr3_blocks(data: bytes) -> list[bytes]:
    """The TIFF structures of a Canon CR3: CMT1 is the first directory, CMT2 the EXIF directory."""
    if data[4:12] != b"ftypcrx ":
        return []
    blocks = []
    for name in (b"CMT1", b"CMT2"):
        at = data.find(name, 0, 1 << 16)
        if at >= 4:
            size = int.from_bytes(data[at - 4 : at], "big")
            blocks.append(data[at + 4 : at - 4 + size])
    return blocks


def _text(tags: Tags, *names: str) -> str | None:
    for name in names:
        values = getattr(tags.get(name), "values", None)
        if isinstance(values, bytes):
            values = values.decode("latin-1")
        if isinstance(values, str):
            text = "".join(filter(str.isprintable, values.split("\0", 1)[0])).strip()
            if any(map(str.isalnum, text)):  # cameras write "----" for a lens that they do not know
                return text[:_MAX_TEXT]
    return None


def _number(tags: Tags, name: str, *, limit: float) -> float | None:
    for directory in ("EXIF", "Image"):
        values = getattr(tags.get(f"{directory} {name}"), "values", None)
        try:
            number = float(values[0]) if values else math.nan
        except (ArithmeticError, TypeError, ValueError, LookupError):
            continue
        if 0 < number <= limit:
            return number
    return None


def _iso(tags: Tags) -> int | None:
    for name in ("ISOSpeedRatings", "RecommendedExposureIndex", "ISOSpeed"):
        number = _number(tags, name, limit=100_000_000)
        if number is not None and number != _UNKNOWN_ISO:
            return round(number)
    return None


def _orientation(tags: Tags) -> int:
    number = _number(tags, "Orientation", limit=8)
    return int(number) if number is not None and number == int(number) else 1


def _time(tags: Tags, date_name: str, fraction_name: str, offset_name: str) -> str | None:
    match = _DATE.match(_text(tags, date_name) or "")
    if match is None:
        return None
    try:
        date = datetime.datetime(*map(int, match.groups()))  # type: ignore[arg-type]  # noqa: DTZ001  EXIF is local time
    except ValueError:
        return None
    if date.year < _FIRST_PHOTOGRAPH:
        return None
    fraction = _text(tags, fraction_name) or ""
    offset = _text(tags, offset_name) or ""
    digits = fraction[:6] if fraction.isascii() and fraction.isdigit() and int(fraction) else ""
    return (
        date.isoformat()
        + (f".{digits}" if digits else "")
        + (offset if _OFFSET.fullmatch(offset) else "+00:00" if offset == "Z" else "")
    )
