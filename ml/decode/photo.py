"""A whole file's bytes to everything that is kept of a photo; the border where foreign errors are renamed."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath

from ml.decode.exif import merge, read_exif
from ml.decode.limits import Need
from ml.decode.memory import is_about_memory
from ml.decode.raster import Picture, decode_raster
from ml.decode.raw import decode_raw, is_readable
from ml.decode.sniff import RAW_EXTENSIONS, FileFormat, sniff
from ml.decode.thumbnail import make_thumbnail
from ml.decode.types import DecodedPhoto, Exif
from ml.decode.views import make_views
from ml.decode.wire import DecodeOptions
from ml.errors import DecodeError, MlError, TooLargeError, UnsupportedFormatError


def decode_photo(data: bytes, path: str, options: DecodeOptions) -> DecodedPhoto:
    """Decode a file. `path` is never opened: its extension hints at RAW formats without a mark of their own.

    Raises UnsupportedFormatError, TooLargeError or DecodeError, and nothing else.
    """
    try:
        return _decode(data, path, options)
    except MlError:
        raise
    except Exception as error:
        if is_about_memory(error):
            raise TooLargeError("decoding takes more memory than ml.decode_memory allows") from error
        raise DecodeError(f"damaged, or not what it claims to be: {str(error) or type(error).__name__}") from error


def _decode(data: bytes, path: str, options: DecodeOptions) -> DecodedPhoto:
    file_format = identify(data, path)
    picture, exif = _pixels_and_facts(data, file_format, options)
    return DecodedPhoto(
        format=file_format.name,
        width=picture.width,
        height=picture.height,
        source=picture.source,
        exif=exif,
        thumbnail=make_thumbnail(picture.image, options.thumbnail_size, options.thumbnail_quality),
        views=make_views(picture.image, options.view_spec),
    )


def identify(data: bytes, path: str) -> FileFormat:
    """The format by content; under a RAW extension LibRaw is asked about what has no clear mark.

    Raises UnsupportedFormatError.
    """
    found = sniff(data)
    extension = PurePath(path).suffix.lower()
    unclear = found is None or found.name == "TIFF"
    if unclear and extension in RAW_EXTENSIONS and is_readable(data):
        return FileFormat(extension[1:].upper(), raw=True)
    if found is None:
        raise UnsupportedFormatError("the content is of no image format that is read here")
    return found


def _pixels_and_facts(data: bytes, file_format: FileFormat, options: DecodeOptions) -> tuple[Picture, Exif]:
    need = Need.of(options.view_spec, options.thumbnail_size)
    if file_format.raw:
        picture, facts = decode_raw(data, need, options.max_pixels)
        exif = merge(read_exif(data), read_exif(picture.exif_block or b""))
        return picture, merge(exif, facts)
    picture = decode_raster(data, file_format.name, need, options.max_pixels)
    exif = read_exif(picture.exif_block or data)
    if picture.orientation is not None:
        exif = dataclasses.replace(exif, orientation=picture.orientation)
    return picture, exif
