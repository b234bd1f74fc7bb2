"""Pictures that Pillow opens, down to upright sRGB pixels no larger than needed."""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass

import pi_heif
from PIL import AvifImagePlugin, Image, JpegImagePlugin

from ml.decode.colour import to_reducible, to_srgb
from ml.decode.header import header_size
from ml.decode.limits import Need, check_pixels
from ml.decode.memory import check_memory
from ml.decode.types import DecodeSource

# With these loaded, opening a file does not import all of Pillow's plugins (0.1 s, at the first photo).
for _name in ("Bmp", "Gif", "Png", "Tiff", "WebP"):
    importlib.import_module(f"PIL.{_name}ImagePlugin")
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # one photo a process: the pool is the parallelism
pi_heif.register_heif_opener(decode_threads=1)

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels and what their container told about them."""

    image: Image.Image  # RGB, sRGB, upright, shrunk no further than `Need` allows
    width: int  # pixels of the picture in the file, upright
    height: int
    source: DecodeSource
    orientation: int | None  # the EXIF value that was applied; None when the container has none
    exif_block: bytes | None  # TIFF-structured, without a header


def decode_raster(data: bytes, format_name: str, need: Need, max_pixels: int) -> Picture:
    """Decode the first frame of `data`. Raises TooLargeError by the header; Pillow's errors pass through.

    JPEG is scaled while it is decoded (libjpeg's DCT scaling); everything else is decoded whole and then
    averaged down. A damaged file is an error, never half a picture.
    """
    if (told := header_size(data, format_name)) is not None:
        check_pixels(*told, max_pixels)
        check_memory(*told, format_name)
    with Image.open(io.BytesIO(data), formats=[format_name]) as image:
        check_pixels(*image.size, max_pixels)
        if told is None:  # else a part is taken already
            check_memory(*image.size, format_name, coefficients=_coefficients(image))
        full_size = image.size
        scale = need.scale(*image.size)
        image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        source = DecodeSource.FULL if image.size == full_size else DecodeSource.SCALED
        image.load()
        if source is DecodeSource.FULL:
            full_size = image.size  # HEIF tells the truth only after decoding
        orientation = _orientation(image)
        block = _exif_block(image)
        small = _shrink(to_reducible(image), need)
        upright_image = upright(to_srgb(small, image.info.get("icc_profile")), orientation)
    width, height = reversed(full_size) if turns_sideways(orientation) else full_size
    return Picture(upright_image, width, height, source, orientation, block)


def upright(image: Image.Image, orientation: int | None) -> Image.Image:
    """The picture as an EXIF orientation wants it shown; values other than 2 to 8 change nothing."""
    method = _UPRIGHT.get(orientation or 1)
    return image if method is None else image.transpose(method)


def turns_sideways(orientation: int | None) -> bool:
    """Whether an EXIF orientation exchanges width and height."""
    return orientation in (5, 6, 7, 8)


def _coefficients(image: Image.Image) -> float:
    """How many a progressive JPEG has for each pixel: 3 without subsampling, 1.5 with 4:2:0; 0 for all else."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or "progressive" not in image.info:
        return 0.0
    samplings = [(across, down) for _, across, down, _ in image.layer]
    widest, tallest = (max(edges, default=1) for edges in zip(*samplings, strict=True))
    return sum(across * down for across, down in samplings) / (widest * tallest)


def _shrink(image: Image.Image, need: Need) -> Image.Image:
    factor = int(1 / need.scale(*image.size))
    return image.reduce(factor) if factor > 1 else image


def _orientation(image: Image.Image) -> int | None:
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  damaged metadata must not cost the photo
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _exif_block(image: Image.Image) -> bytes | None:
    block = image.info.get("exif")
    if not isinstance(block, bytes):
        return None
    return block.removeprefix(b"Exif\0\0") or None
