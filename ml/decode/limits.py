"""How many pixels are decoded: refused by the header above a maximum, and no more than are used below it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from ml.decode.types import ViewSpec
from ml.decode.views import ZOOM, ZOOMED_CROPS
from ml.errors import TooLargeError

OVERSAMPLING = 2
"""How much larger than its use a scaled picture stays, so that the last resize has something to average."""


# Pillow's own limit warns at one size, raises at twice that, and does not tell width and height. `check_pixels`
# takes its place, between reading the header and decoding.
Image.MAX_IMAGE_PIXELS = None


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise TooLargeError when a header promises more than `max_pixels`."""
    if width * height > max_pixels:
        raise TooLargeError(f"{width:,} x {height:,} pixels; ml.max_pixels allows {max_pixels:,}")


@dataclass(frozen=True, slots=True)
class Need:
    """The smallest picture from which thumbnail and views come out as good as from the whole photo."""

    shorter: int  # pixels of the shorter edge
    longer: int  # pixels of the longer edge
    preview: int  # pixels of the longer edge from which on a RAW file's preview is good enough

    @classmethod
    def of(cls, spec: ViewSpec, thumbnail_size: int) -> Need:
        """What these views and this thumbnail need.

        Whole squares and the thumbnail keep OVERSAMPLING; crops that zoom in keep 1.2 times at least: twice
        as much for them too would cost up to four times the decoding, for a few views of several.
        """
        zoomed = round(spec.size / ZOOM) if ZOOMED_CROPS.intersection(spec.crops) else spec.size
        return cls(
            shorter=max(OVERSAMPLING * spec.size, zoomed),
            longer=OVERSAMPLING * thumbnail_size,
            preview=max(thumbnail_size, zoomed),
        )

    def scale(self, width: int, height: int) -> float:
        """The factor, at most 1, by which a picture of this size may be shrunk."""
        return min(1.0, max(self.shorter / min(width, height), self.longer / max(width, height)))
