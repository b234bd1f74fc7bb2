"""The model's views of one picture: every crop of a ViewSpec, cut and resized in one step each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.decode.types import ViewSpec

ZOOM = 0.6
"""Edge of the zoomed squares, as a part of the photo's shorter side."""
ZOOMED_CROPS = frozenset({"tl", "tr", "bl", "br", "mid"})

# Where the square lies in the room that it leaves: (0, 0) left and top, (1, 1) right and bottom.
_POSITIONS = {
    "center": (0.5, 0.5),
    "start": (0.0, 0.0),
    "end": (1.0, 1.0),
    "tl": (0.0, 0.0),
    "tr": (1.0, 0.0),
    "bl": (0.0, 1.0),
    "br": (1.0, 1.0),
    "mid": (0.5, 0.5),
}
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

Box = tuple[float, float, float, float]


def crop_box(crop: str, width: int, height: int) -> Box:
    """Left, top, right and bottom of a named crop, in pixels. Raises ValueError for an unknown name."""
    if crop == "whole":
        return (0.0, 0.0, float(width), float(height))
    if crop not in _POSITIONS:
        raise ValueError(f"no such crop: {crop!r}")
    edge = min(width, height) * (ZOOM if crop in ZOOMED_CROPS else 1.0)
    across, down = _POSITIONS[crop]
    left, top = across * (width - edge), down * (height - edge)
    return (left, top, left + edge, top + edge)


def make_views(image: Image.Image, spec: ViewSpec) -> NDArray[np.uint8]:
    """All views of an RGB picture, as an array of `spec.shape`."""
    views = np.empty(spec.shape, np.uint8)
    resample = _RESAMPLING[spec.resample]
    for view, crop in zip(views, spec.crops, strict=True):
        box = crop_box(crop, image.width, image.height)
        view[:] = np.asarray(image.resize((spec.size, spec.size), resample, box=box))
    return views
