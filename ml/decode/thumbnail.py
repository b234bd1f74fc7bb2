"""The small JPEG that lists and grids show."""

from __future__ import annotations

import io

from PIL import Image


def make_thumbnail(image: Image.Image, size: int, quality: int) -> bytes:
    """A baseline JPEG (4:2:0, no metadata) of an sRGB picture: longer edge at most `size`, never enlarged."""
    scale = min(1.0, size / max(image.size))
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS) if scale < 1.0 else image.copy()
    small.info.clear()  # Pillow would write a comment found in the original into the copy
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()
