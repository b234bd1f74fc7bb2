"""Every colour mode and profile to plain 8-bit sRGB."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageCms

# The colour space of a profile's input side, and the Pillow mode that it describes.
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}


def to_reducible(image: Image.Image) -> Image.Image:
    """The picture in a mode whose pixels may be averaged: no palette, no bilevel, 8 bits a channel."""
    if image.mode.startswith(("I", "F")):
        return _to_8_bit(image)
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB: alpha laid over white, then converted by the profile if a sound one fits."""
    opaque = _over_white(image)
    transform = _transform(profile, opaque.mode) if profile else None
    if transform is not None:
        return transform.apply(opaque)
    if opaque.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return ImageCms.buildTransform(lab, ImageCms.createProfile("sRGB"), "LAB", "RGB").apply(opaque)
    return opaque.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floats: 16 bits keep their scale, anything wider is stretched to its range."""
    pixels = np.asarray(image)
    if pixels.dtype.itemsize == 2 or (image.mode == "I" and pixels.min() >= 0 and pixels.max() <= 65535):
        return Image.fromarray((pixels >> 8).astype(np.uint8))
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    stretched = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(stretched.astype(np.uint8))


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    opaque_mode = "L" if image.mode in ("LA", "La") else "RGB"
    layer = image.convert("LA" if opaque_mode == "L" else "RGBA")
    opaque = Image.new(opaque_mode, image.size, "white")
    opaque.paste(layer.convert(opaque_mode), mask=layer.getchannel("A"))
    return opaque


@functools.lru_cache(maxsize=8)  # the photos of one camera share one profile
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None when it is sRGB already, damaged, or of another colour space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        fits = _PROFILE_MODES.get(source.profile.xcolor_space.strip().upper()) == mode
        if not fits or "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
