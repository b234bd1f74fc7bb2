"""Twelve real photos that come with scikit-image and scikit-learn; one is rewritten as HEIC, one as a camera RAW."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Linear sRGB from CIE XYZ at D65 (IEC 61966-2-1), in ten-thousandths: our "camera" sees in sRGB's primaries.
_SRGB_FROM_XYZ = (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)
_WHITE = 4095  # a 12-bit sensor


@dataclass(frozen=True, slots=True)
class DemoPhoto:
    """A photo that can be written to a path."""

    name: str
    write: Callable[[Path], None]


def demo_photos() -> list[DemoPhoto]:
    """All twelve, in the order in which the demo drops them. Needs the `demo` extra."""
    return [
        _copy("skimage.data", "chelsea.png"),
        _copy("skimage.data", "rocket.jpg"),
        _copy("skimage.data", "coffee.png"),
        _copy("skimage.data", "motorcycle_left.png"),
        _copy("sklearn.datasets.images", "china.jpg"),
        DemoPhoto("flower.heic", _write_flower_heic),
        DemoPhoto("astronaut.dng", _write_astronaut_dng),
        _copy("skimage.data", "coins.png"),
        _copy("skimage.data", "camera.png"),
        _copy("skimage.data", "moon.png"),
        _copy("skimage.data", "hubble_deep_field.jpg"),
        _copy("skimage.data", "retina.jpg"),
    ]


def _copy(package: str, name: str) -> DemoPhoto:
    def write(target: Path) -> None:
        with (files(package) / name).open("rb") as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)

    return DemoPhoto(name, write)


def _write_flower_heic(target: Path) -> None:
    import pillow_heif
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("flower.jpg")
    height, width, _ = pixels.shape
    pillow_heif.encode("RGB", (width, height), pixels.tobytes(), target, quality=90)


def _write_astronaut_dng(target: Path) -> None:
    from skimage.data import astronaut

    write_dng(target, astronaut())  # type: ignore[no-untyped-call]


def write_dng(target: Path, rgb: NDArray[np.uint8]) -> None:
    """An uncompressed DNG 1.4 with an RGGB mosaic and no preview, as a camera would see these sRGB pixels.

    Height and width must be even.
    """
    from pidng.core import RAW2DNG, DNGTags, Tag
    from pidng.defs import (
        CalibrationIlluminant,
        CFAPattern,
        DNGVersion,
        Orientation,
        PhotometricInterpretation,
    )

    raw = _mosaic(rgb)
    height, width = raw.shape
    tags = DNGTags()
    for tag, value in {
        Tag.ImageWidth: width,
        Tag.ImageLength: height,
        Tag.TileWidth: width,
        Tag.TileLength: height,
        Tag.Orientation: Orientation.Horizontal,
        Tag.PhotometricInterpretation: PhotometricInterpretation.Color_Filter_Array,
        Tag.SamplesPerPixel: 1,
        Tag.BitsPerSample: 16,
        Tag.CFARepeatPatternDim: [2, 2],
        Tag.CFAPattern: CFAPattern.RGGB,
        Tag.BlackLevel: 0,
        Tag.WhiteLevel: _WHITE,
        Tag.ColorMatrix1: [[part, 10000] for part in _SRGB_FROM_XYZ],
        Tag.CalibrationIlluminant1: CalibrationIlluminant.D65,
        Tag.AsShotNeutral: [[1, 1]] * 3,
        Tag.DNGVersion: DNGVersion.V1_4,
        Tag.DNGBackwardVersion: DNGVersion.V1_2,
        Tag.Make: "photond",
        Tag.Model: "Demo",
    }.items():
        tags.set(tag, value)
    writer = RAW2DNG()
    writer.options(tags, path="", compress=False)
    writer.convert(raw, filename=str(target.with_suffix("")))


def _mosaic(rgb: NDArray[np.uint8]) -> NDArray[np.uint16]:
    import numpy as np

    linear = ((rgb / 255.0) ** 2.2 * _WHITE).astype(np.uint16)  # 2.2 is near enough to sRGB's curve for a demo
    raw = np.empty(rgb.shape[:2], np.uint16)
    raw[0::2, 0::2] = linear[0::2, 0::2, 0]
    raw[0::2, 1::2] = linear[0::2, 1::2, 1]
    raw[1::2, 0::2] = linear[1::2, 0::2, 1]
    raw[1::2, 1::2] = linear[1::2, 1::2, 2]
    return raw
