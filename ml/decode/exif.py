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

# Date, fraction of a second, offset from UTC: best first.
_TIMES = (
    ("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", "EXIF OffsetTimeOriginal"),
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
    return facts(_parse(data))


def facts(tags: Tags) -> Exif:
    """The facts in exifread's tags; what is absent, malformed or impossible is None."""
    latitude, longitude = coordinates(tags)
    return Exif(
        taken_at=next((time for names in _TIMES if (time := _time(tags, *names))), None),
        camera_make=_text(tags, "Image Make"),
        camera_model=_text(tags, "Image Model"),
        lens=_text(tags, "EXIF LensModel"),
        iso=_iso(tags),
        f_number=_number(tags, "EXIF FNumber", limit=1000),
        exposure_seconds=_number(tags, "EXIF ExposureTime", limit=7 * 86400),
        focal_length_mm=_number(tags, "EXIF FocalLength", limit=100_000),
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


class _ReadsUsedUpError(Exception):
    """The parser read more than any sound file makes it read."""


class _BoundedReads(io.BytesIO):
    """Bytes that may be read so often only.

    exifread believes counts and offsets. Directories that name each other in turn, 65,535 entries of 999 values each,
    or an ISO box of no length keep it busy for hours; a photo takes 1 to 3 thousand small reads.
    """

    _left = 16 * 1024**2  # half a second of small reads

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._left -= 64 + len(chunk)  # what a read costs beside its bytes
        if self._left < 0:
            raise _ReadsUsedUpError
        return chunk


def _parse(block: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = exifread.process_file(_BoundedReads(block), details=False, extract_thumbnail=False)
    except Exception as error:  # noqa: BLE001  damaged metadata must not cost the photo; exifread asserts, too
        logging.getLogger(__name__).debug("EXIF not readable: %r", error)
        return {}
    return found


def _text(tags: Tags, name: str) -> str | None:
    values = getattr(tags.get(name), "values", None)
    if isinstance(values, bytes):
        values = values.decode("latin-1")
    if not isinstance(values, str):
        return None
    text = "".join(filter(str.isprintable, values.split("\0", 1)[0])).strip()
    # Cameras write "----" for a lens that they do not know.
    return text[:_MAX_TEXT] if any(map(str.isalnum, text)) else None


def _number(tags: Tags, name: str, *, limit: float) -> float | None:
    values = getattr(tags.get(name), "values", None)
    try:
        number = float(values[0]) if values else math.nan
    except (ArithmeticError, TypeError, ValueError, LookupError):
        return None
    return number if 0 < number <= limit else None


def _iso(tags: Tags) -> int | None:
    for name in ("ISOSpeedRatings", "RecommendedExposureIndex", "ISOSpeed"):
        number = _number(tags, f"EXIF {name}", limit=100_000_000)
        if number is not None and number != _UNKNOWN_ISO:
            return round(number)
    return None


def _orientation(tags: Tags) -> int:
    number = _number(tags, "Image Orientation", limit=8)
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
