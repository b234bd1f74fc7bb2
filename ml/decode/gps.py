"""Where a photo was taken, from exifread's GPS tags (CIPA DC-008, GPS attribute information)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Tags = Mapping[str, Any]


def coordinates(tags: Tags) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees (WGS 84, south and west negative), or neither.

    A missing reference is not guessed. Exactly 0, 0 is what receivers write before they know where they are.
    """
    latitude = _angle(tags, "GPSLatitude", {"N": 1, "S": -1}, limit=90)
    longitude = _angle(tags, "GPSLongitude", {"E": 1, "W": -1}, limit=180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def altitude(tags: Tags) -> float | None:
    """Metres above sea level (below it, negative); None when absent or where no camera survives."""
    metres = _numbers(tags, "GPSAltitude")
    if not metres:
        return None
    reference = _numbers(tags, "GPSAltitudeRef") or [0.0]
    below = reference[0] in (1, 3)  # Exif 3.0: 0 and 1 by sea level, 2 and 3 by the ellipsoid
    value = -metres[0] if below else metres[0]
    return value if -11_000 <= value <= 100_000 else None


def _angle(tags: Tags, name: str, signs: Mapping[str, int], limit: float) -> float | None:
    reference = getattr(tags.get(f"GPS {name}Ref"), "values", None)
    sign = signs.get(reference.strip("\0 ").upper()[:1]) if isinstance(reference, str) else None
    parts = _numbers(tags, name)
    if sign is None or not 1 <= len(parts) <= 3:
        return None
    degrees, minutes, seconds = [*parts, 0.0, 0.0][:3]
    if not (degrees >= 0 and 0 <= minutes < 60 and 0 <= seconds <= 60):
        return None
    angle = degrees + minutes / 60 + seconds / 3600
    return sign * angle if angle <= limit else None


def _numbers(tags: Tags, name: str) -> list[float]:
    """The tag's values as finite numbers; empty when one of them is none (0/0 is common)."""
    values = getattr(tags.get(f"GPS {name}"), "values", None)
    if not isinstance(values, list):
        return []
    try:
        numbers = [float(value) for value in values]
    except (ArithmeticError, TypeError, ValueError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
