"""Camera RAW through LibRaw: the camera's own preview when it is large enough, else a half-size demosaic."""

from __future__ import annotations

import io
import math

import rawpy
from PIL import Image

from ml.decode.limits import Need, check_pixels
from ml.decode.memory import is_about_memory
from ml.decode.raster import Picture, decode_raster, turns_sideways, upright
from ml.decode.tiff import directories
from ml.decode.types import DecodeSource, Exif
from ml.errors import DecodeError

_WIDTH, _HEIGHT, _STRIP_BYTE_COUNTS = 256, 257, 279
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
    """The picture, and the facts that LibRaw found by itself. The EXIF block is the preview's.

    Raises TooLargeError by the header, DecodeError when neither preview nor sensor data can be used, MemoryError.
    """
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            check_pixels(raw.sizes.raw_width, raw.sizes.raw_height, max_pixels)
            orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
            size = (raw.sizes.width, raw.sizes.height)  # now: a demosaic at half size halves them
            width, height = reversed(size) if turns_sideways(orientation) else size
            preview = _preview(raw, data, orientation, need, max_pixels)
            if preview is not None and max(preview.width, preview.height) >= need.preview:
                image, source = preview.image, DecodeSource.EMBEDDED_PREVIEW
            else:
                image, source = _demosaic(raw), DecodeSource.HALF_DEMOSAIC
            block = preview.exif_block if preview else None
            return Picture(image, width, height, source, orientation, block), _facts(raw)
    except rawpy.LibRawError as error:
        if is_about_memory(error):
            raise MemoryError from error
        raise DecodeError(f"LibRaw cannot decode this RAW file: {_text(error)}") from error


def _preview(raw: rawpy.RawPy, data: bytes, orientation: int, need: Need, max_pixels: int) -> Picture | None:
    """The embedded preview, upright; None when there is none that can be decoded."""
    try:
        thumb = raw.extract_thumb()
        if not isinstance(thumb.data, bytes):  # an uncompressed one
            if not _is_stored_whole(data, *thumb.data.shape):
                return None
            image = upright(Image.fromarray(thumb.data), orientation)
            return Picture(image, *image.size, DecodeSource.FULL, orientation, exif_block=None)
        # Into a JPEG without EXIF, LibRaw puts some of its own: orientation, camera, exposure, position.
        return decode_raster(thumb.data, "JPEG", need, max_pixels)
    except Exception:  # noqa: BLE001  whatever is wrong with a preview, the sensor data is still there
        return None


def _is_stored_whole(data: bytes, height: int, width: int, channels: int) -> bool:
    """Whether every TIFF directory of this size has strips for all pixels, and one at least exists.

    rawpy makes an array of the size that the directory promises over however few bytes LibRaw has read: looking at
    such an array reads foreign memory, or ends the process.
    """
    stored = [
        sum(counts)
        for directory in directories(data)
        if (directory.get(_WIDTH), directory.get(_HEIGHT)) == ((width,), (height,))
        and isinstance(counts := directory.get(_STRIP_BYTE_COUNTS, ()), tuple)
    ]
    return min(stored, default=0) >= height * width * channels > 0


def _demosaic(raw: rawpy.RawPy) -> Image.Image:
    return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))


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
