"""Camera RAW through LibRaw: the camera's own preview when it is large enough, else a half-size demosaic."""

from __future__ import annotations

import io
import math

import rawpy
from PIL import Image

from ml.decode.limits import Need, check_pixels
from ml.decode.raster import Picture, decode_raster, turns_sideways, upright
from ml.decode.types import DecodeSource, Exif
from ml.errors import DecodeError, MlError

# LibRaw's `flip` (dcraw's bits: 4 swaps the axes, 2 flips vertically, 1 horizontally) as EXIF orientations.
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}


def is_readable(data: bytes) -> bool:
    """Whether LibRaw recognises the file. Reads the header only."""
    try:
        rawpy.imread(io.BytesIO(data)).close()
    except rawpy.LibRawError:
        return False
    return True


def decode_raw(data: bytes, need: Need, max_pixels: int) -> tuple[Picture, Exif]:
    """The picture, and the facts that LibRaw has found where EXIF cannot be read.

    Raises TooLargeError by the header, DecodeError when neither preview nor sensor data can be used.
    """
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            check_pixels(raw.sizes.raw_width, raw.sizes.raw_height, max_pixels)
            orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
            size = (raw.sizes.width, raw.sizes.height)  # now: a demosaic at half size halves them
            width, height = reversed(size) if turns_sideways(orientation) else size
            image, source = _decode(raw, need, max_pixels)
            return Picture(image, width, height, source, orientation, exif_block=None), _facts(raw)
    except rawpy.LibRawError as error:
        raise DecodeError(f"LibRaw cannot decode this RAW file: {_text(error)}") from error


def _decode(raw: rawpy.RawPy, need: Need, max_pixels: int) -> tuple[Image.Image, DecodeSource]:
    preview = _preview(raw, need, max_pixels)
    if preview is not None and max(preview.size) >= need.preview:
        return preview, DecodeSource.EMBEDDED_PREVIEW
    try:
        pixels = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
    except rawpy.LibRawError:
        # A compression that LibRaw was built without: a small preview is better than no photo.
        if preview is None:
            raise
        return preview, DecodeSource.EMBEDDED_PREVIEW
    return Image.fromarray(pixels), DecodeSource.HALF_DEMOSAIC


def _preview(raw: rawpy.RawPy, need: Need, max_pixels: int) -> Image.Image | None:
    """The embedded preview, upright; None when there is none that can be decoded."""
    try:
        thumb = raw.extract_thumb()
        if not isinstance(thumb.data, bytes):  # an uncompressed one
            return _turn(raw, Image.fromarray(thumb.data))
        picture = decode_raster(thumb.data, "JPEG", need, max_pixels)
    except MlError:
        raise
    except Exception:  # noqa: BLE001  whatever is wrong with a preview, the sensor data is still there
        return None
    return picture.image if picture.orientation else _turn(raw, picture.image)


def _turn(raw: rawpy.RawPy, image: Image.Image) -> Image.Image:
    """A preview without its own orientation lies as the sensor does, unless its shape tells otherwise."""
    orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
    sensor_is_wide = raw.sizes.width >= raw.sizes.height
    lies_like_sensor = (image.width >= image.height) == sensor_is_wide
    return upright(image, orientation) if lies_like_sensor or not turns_sideways(orientation) else image


def _facts(raw: rawpy.RawPy) -> Exif:
    """What LibRaw read out of the maker's own structures; 0 is its word for unknown."""
    other, lens = raw.other, raw.lens
    return Exif(
        taken_at=other.timestamp.isoformat() if other.timestamp.year > 1970 else None,
        lens=lens.model.strip() or None,
        iso=round(other.iso_speed) if _known(other.iso_speed) else None,
        f_number=round(other.aperture, 2) if _known(other.aperture) else None,
        exposure_seconds=other.shutter_speed if _known(other.shutter_speed) else None,
        focal_length_mm=round(other.focal_length, 1) if _known(other.focal_length) else None,
        orientation=_ORIENTATIONS.get(raw.sizes.flip, 1),
    )


def _known(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _text(error: Exception) -> str:
    message = error.args[0] if error.args else error
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
