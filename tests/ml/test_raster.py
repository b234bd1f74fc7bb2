from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from ml.decode.limits import Need
from ml.decode.raster import Picture, decode_raster
from ml.decode.types import DecodeSource

Encode = Callable[..., bytes]
Marked = Callable[[int, int], Image.Image]
NEED = Need(shorter=128, longer=200, preview=100)
ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A camera whose red is our blue: sRGB with two primaries exchanged, under another name.
SWAPPED = (
    SRGB.replace(b"rXYZ", b"????")
    .replace(b"bXYZ", b"rXYZ")
    .replace(b"????", b"bXYZ")
    .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
)
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def decode(data: bytes, name: str, need: Need = NEED) -> Picture:
    picture = decode_raster(data, name, need, max_pixels=50_000_000)
    assert picture.image.mode == "RGB"
    return picture


def colour(image: Image.Image, x: float, y: float) -> str:
    """The nearest of the two colours of a marked picture, at a place given in parts of its size."""
    pixel = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return "red" if pixel[0] > pixel[2] else "blue"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_format(name: str, marked: Marked, encode: Encode) -> None:
    pillow_heif.register_heif_opener()
    picture = decode(encode(marked(96, 64), name), name)
    assert (picture.width, picture.height) == picture.image.size == (96, 64)
    assert picture.source is DecodeSource.FULL
    assert [colour(picture.image, x, y) for x, y in ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8))] == [
        "red",
        "blue",
        "blue",
    ]


# Where the red quarter of the stored picture is shown, and whether width and height change places.
SHOWN = {
    1: (0.2, 0.2, False),
    2: (0.8, 0.2, False),
    3: (0.8, 0.8, False),
    4: (0.2, 0.8, False),
    5: (0.2, 0.2, True),
    6: (0.8, 0.2, True),
    7: (0.8, 0.8, True),
    8: (0.2, 0.8, True),
}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", SHOWN)
def test_orientation_is_applied_once(name: str, orientation: int, marked: Marked, encode: Encode) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = marked(96, 64)
    image.info["exif"] = exif.tobytes()  # where the HEIF encoder looks: it turns the container, as phones do
    options = {} if name == "HEIF" else {"exif": exif}
    picture = decode(encode(image, name, **options), name)
    x, y, sideways = SHOWN[orientation]
    assert picture.image.size == (picture.width, picture.height) == ((64, 96) if sideways else (96, 64))
    corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    assert [corner for corner in corners if colour(picture.image, *corner) == "red"] == [(x, y)]


def test_a_nonsensical_orientation_changes_nothing(marked: Marked, encode: Encode) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 99
    assert decode(encode(marked(96, 64), "JPEG", exif=exif), "JPEG").image.size == (96, 64)


def test_jpeg_is_scaled_while_decoding_but_never_below_the_need(marked: Marked, encode: Encode) -> None:
    picture = decode(encode(marked(1600, 1201), "JPEG"), "JPEG")
    assert (picture.width, picture.height) == (1600, 1201)
    assert picture.source is DecodeSource.SCALED
    assert picture.image.size == (200, 151)


def test_an_oriented_jpeg_is_scaled_too(marked: Marked, encode: Encode) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture = decode(encode(marked(1600, 1200), "JPEG", exif=exif), "JPEG")
    assert (picture.width, picture.height, picture.image.size) == (1200, 1600, (150, 200))


def test_other_formats_are_averaged_down(marked: Marked, encode: Encode) -> None:
    picture = decode(encode(marked(1600, 1200), "PNG"), "PNG")
    assert (picture.width, picture.height, picture.source) == (1600, 1200, DecodeSource.FULL)
    assert picture.image.size == (200, 150)


def test_a_narrow_panorama_keeps_its_shorter_edge(marked: Marked, encode: Encode) -> None:
    assert min(decode(encode(marked(3000, 130), "JPEG"), "JPEG").image.size) == 130


def test_only_the_first_frame_counts(marked: Marked, encode: Encode) -> None:
    frames = [Image.new("RGB", (96, 64), "blue")]
    for name in ("GIF", "TIFF", "WEBP", "PNG", "AVIF"):
        data = encode(marked(96, 64), name, save_all=True, append_images=frames)
        assert colour(decode(data, name).image, 0.2, 0.2) == "red"


def test_a_stereo_jpeg_is_a_jpeg(marked: Marked, encode: Encode) -> None:
    data = encode(marked(1600, 1200), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    picture = decode(data, "JPEG")
    assert (picture.width, picture.source) == (1600, DecodeSource.SCALED)
    assert colour(picture.image, 0.2, 0.2) == "red"


def centre(image: Image.Image, name: str, encode: Encode, **options: object) -> tuple[int, ...]:
    picture = decode(encode(image, name, **options), name).image
    pixel = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(
    ("mode", "value", "name", "expected"),
    [
        ("1", 1, "PNG", (255, 255, 255)),
        ("L", 128, "PNG", (128, 128, 128)),
        ("L", 128, "JPEG", (128, 128, 128)),
        ("LA", (0, 0), "PNG", (255, 255, 255)),
        ("LA", (0, 128), "PNG", (127, 127, 127)),
        ("RGBA", (255, 0, 0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 128), "PNG", (255, 127, 127)),
        ("RGBA", (255, 0, 0, 255), "TIFF", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (254, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("I;16", 0x80FF, "PNG", (128, 128, 128)),
        ("I;16", 0x80FF, "TIFF", (128, 128, 128)),
        ("I", 0x40FF, "TIFF", (64, 64, 64)),
        ("F", 0.5, "TIFF", (0, 0, 0)),
    ],
)
def test_colour_modes(
    mode: str, value: float | tuple[int, ...], name: str, expected: tuple[int, ...], encode: Encode
) -> None:
    assert centre(Image.new(mode, (32, 32), value), name, encode) == pytest.approx(expected, abs=1)


def test_lab_is_converted(encode: Encode) -> None:
    assert centre(Image.new("LAB", (32, 32), (136, 128, 128)), "TIFF", encode) == pytest.approx((126, 126, 126), abs=6)


def test_palettes_and_their_transparency(encode: Encode) -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    assert centre(image, "PNG", encode) == (200, 10, 10)
    assert centre(image, "GIF", encode) == (200, 10, 10)
    assert centre(image, "PNG", encode, transparency=1) == (255, 255, 255)
    assert centre(image, "GIF", encode, transparency=1) == (255, 255, 255)


def test_wide_floats_are_stretched(encode: Encode) -> None:
    ramp = np.linspace(-1000, 1000, 256, dtype=np.float32)[None].repeat(64, axis=0)
    ramp[0, 0] = np.nan
    pixels = np.asarray(decode(encode(Image.fromarray(ramp), "TIFF"), "TIFF").image)
    assert pixels[32, 0, 0] <= 1
    assert pixels[32, -1, 0] >= 254


def test_a_profile_is_converted_to_srgb(encode: Encode) -> None:
    image = Image.new("LAB", (32, 32), (255, 128, 128))
    assert centre(image, "TIFF", encode, icc_profile=LAB) == pytest.approx((255, 255, 255), abs=2)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_an_rgb_profile_is_converted_to_srgb(name: str, encode: Encode) -> None:
    image = Image.new("RGB", (32, 32), (200, 20, 20))
    assert centre(image, name, encode, icc_profile=SWAPPED) == pytest.approx((20, 20, 200), abs=8)


@pytest.mark.parametrize(
    "block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"]
)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_metadata_does_not_cost_the_photo(name: str, block: bytes, marked: Marked, encode: Encode) -> None:
    assert decode(encode(marked(96, 64), name, exif=block), name).image.size == (96, 64)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("profile", [SRGB, LAB, b"broken"], ids=["srgb", "lab", "broken"])
def test_profiles_that_do_not_fit_are_ignored(name: str, profile: bytes, encode: Encode) -> None:
    image = Image.new("RGB", (32, 32), (90, 120, 60))
    assert centre(image, name, encode, icc_profile=profile) == pytest.approx((90, 120, 60), abs=4)


def test_pixels_survive_unchanged_where_nothing_is_to_be_done(encode: Encode) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    picture = decode(encode(Image.fromarray(noise), "PNG"), "PNG")
    assert np.array_equal(np.asarray(picture.image), noise)
