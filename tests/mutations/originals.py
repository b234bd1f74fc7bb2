"""One small sound photo of every format that is read, and of every way of storing pixels that its decoder knows."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from tests.dng import make_dng

SIZE = (96, 64)


def original_photos() -> dict[str, bytes]:
    """File name to content; always the same ones."""
    pillow_heif.register_heif_opener()
    return dict(_all())


def _all() -> Iterator[tuple[str, bytes]]:
    photo = _photo()
    yield from _jpegs(photo)
    yield from _pngs(photo)
    yield from _tiffs(photo)
    yield from _others(photo)
    yield "plain.dng", make_dng(photo)
    yield "preview.dng", make_dng(photo, preview=_file(photo.resize((480, 320)), "JPEG"))
    yield "bitmap.dng", make_dng(photo, preview=photo.resize((420, 280)), orientation=6)


def _photo() -> Image.Image:
    """Gradients with noise: no two neighbours alike, so that every decoder has something to do."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    gradients = np.stack([columns * 2, rows * 3, (columns + rows)], axis=2)
    noise = np.random.default_rng(5).integers(0, 30, gradients.shape)
    return Image.fromarray((gradients + noise).astype(np.uint8))


def _jpegs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    yield "baseline.jpg", _file(photo, "JPEG", exif=_exif(), icc_profile=_profile())
    yield "progressive.jpg", _file(photo, "JPEG", progressive=True, subsampling=0)
    yield "cmyk.jpg", _file(photo.convert("CMYK"), "JPEG")
    yield "grey.jpeg", _file(photo.convert("L"), "JPEG", restart_marker_blocks=2)


def _pngs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    yield "rgb.png", _file(photo, "PNG", exif=_exif(), icc_profile=_profile())
    yield "palette.png", _file(photo.quantize(32), "PNG", transparency=3)
    yield "alpha.png", _file(_with_alpha(photo), "PNG")
    yield "deep.png", _file(_deep(photo), "PNG")
    yield "bilevel.png", _file(photo.convert("1"), "PNG")


def _tiffs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    yield "plain.tif", _file(photo, "TIFF", exif=_exif())
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"{compression}.tif", _file(photo, "TIFF", compression=compression)
    yield "fax.tiff", _file(photo.convert("1"), "TIFF", compression="group4")
    yield "deep.tif", _file(_deep(photo), "TIFF", compression="tiff_lzw")
    yield "float.tif", _file(photo.convert("F"), "TIFF")
    yield "lab.tif", _file(_lab(photo), "TIFF")
    yield "big.tif", _file(photo, "TIFF", big_tiff=True)
    yield "pages.tif", _file(photo, "TIFF", save_all=True, append_images=[photo.rotate(90), photo.rotate(180)])


def _others(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    frames = [photo.rotate(90), photo.rotate(180)]
    yield "lossy.webp", _file(photo, "WEBP", exif=_exif())
    yield "lossless.webp", _file(_with_alpha(photo), "WEBP", lossless=True)
    yield "moving.webp", _file(photo, "WEBP", save_all=True, append_images=frames)
    yield "still.gif", _file(photo, "GIF")
    yield "moving.gif", _file(photo, "GIF", save_all=True, append_images=frames)
    yield "rgb.bmp", _file(photo, "BMP")
    yield "palette.bmp", _file(photo.quantize(16), "BMP")
    yield "photo.heic", _file(photo, "HEIF", exif=_exif(), quality=60)
    yield "alpha.heif", _file(_with_alpha(photo), "HEIF", quality=60)
    yield "photo.avif", _file(photo, "AVIF", exif=_exif(), quality=60)
    yield "alpha.avif", _file(_with_alpha(photo), "AVIF", quality=60)


def _with_alpha(photo: Image.Image) -> Image.Image:
    layered = photo.copy()
    layered.putalpha(photo.convert("L"))
    return layered


def _deep(photo: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)


def _lab(photo: Image.Image) -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(photo)


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _exif() -> bytes:
    exif = Image.Exif()
    exif.update({0x010F: "Acme", 0x0110: "One", 0x0112: 6})
    exif.get_ifd(0x8769).update({0x9003: "2021:07:14 18:05:09", 0x829A: 0.01, 0x8827: 400})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 0.0)})
    return exif.tobytes()


def _file(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()
