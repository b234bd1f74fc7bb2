"""Camera RAW made of any picture: DNG 1.4, alone or under a directory with a preview."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image


def make_dng(image: Image.Image, *, preview: bytes | Image.Image | None = None, orientation: int = 1) -> bytes:
    """A DNG that LibRaw decodes: uncompressed 16-bit RGGB of `image`.

    A preview is a JPEG as it is, or a picture, which is stored uncompressed.
    """
    pixels = np.asarray(image).astype(np.uint16) << 4
    sensor = pixels[:, :, 1].copy()
    sensor[::2, ::2], sensor[1::2, 1::2] = pixels[::2, ::2, 0], pixels[1::2, 1::2, 2]
    mosaic = sensor.tobytes()
    camera: Entries = [
        (271, "s", b"Acme\0"),
        (272, "s", b"One\0"),
        (274, "H", [orientation]),
        (50706, "B", [1, 4, 0, 0]),
        (50721, "r", [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        (50728, "R", [1, 1, 1, 1, 1, 1]),
        (50778, "H", [21]),
    ]
    raw: Entries = [
        (254, "I", [0]),
        *_strip(image.size, [16], compression=1, photometric=32803, length=len(mosaic)),
        (33421, "H", [2, 2]),
        (33422, "B", [0, 1, 1, 2]),
        (50717, "H", [4095]),
    ]
    if preview is None:
        return _tiff([raw + camera], [mosaic])
    stored, shown = _preview(preview)
    return _tiff([[(254, "I", [1]), *shown, *camera, (330, "I", [0])], raw], [stored, mosaic])


def _preview(preview: bytes | Image.Image) -> tuple[bytes, Entries]:
    """Its strip, and the entries that describe it."""
    if isinstance(preview, Image.Image):
        stored = preview.convert("RGB").tobytes()
        return stored, _strip(preview.size, [8, 8, 8], compression=1, photometric=2, length=len(stored))
    with Image.open(io.BytesIO(preview)) as opened:
        return preview, _strip(opened.size, [8, 8, 8], compression=7, photometric=6, length=len(preview))


Entry = tuple[int, str, list[int] | bytes]
Entries = list[Entry]
_KINDS = {"B": (1, 1), "s": (2, 1), "H": (3, 1), "I": (4, 1), "R": (5, 2), "r": (10, 2)}
_CODES = {"R": "I", "r": "i"}


def _strip(size: tuple[int, int], bits: list[int], *, compression: int, photometric: int, length: int) -> Entries:
    width, height = size
    return [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", bits),
        (259, "H", [compression]),
        (262, "H", [photometric]),
        (273, "I", [0]),  # where: known when all is laid out
        (277, "H", [len(bits)]),
        (278, "I", [height]),
        (279, "I", [length]),
    ]


def _tiff(directories: list[Entries], strips: list[bytes]) -> bytes:
    """Little-endian TIFF: header, directories (the second one a child of the first), strips."""
    lengths = [len(_directory(entries, 0)) for entries in directories]
    places = [8 + sum(lengths[:index]) for index in range(len(directories))]
    data_at = 8 + sum(lengths)
    body = b""
    for index, entries in enumerate(directories):
        strip_at = data_at + sum(map(len, strips[:index]))
        known = {273: strip_at, 330: places[-1]}
        placed = [(tag, kind, [known[tag]] if tag in known else value) for tag, kind, value in entries]
        body += _directory(placed, places[index])
    return struct.pack("<2sHI", b"II", 42, 8) + body + b"".join(strips)


def _directory(entries: Entries, offset: int) -> bytes:
    table, extra = b"", b""
    extra_at = offset + 2 + 12 * len(entries) + 4
    for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
        number, parts = _KINDS[kind]
        packed = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{_CODES.get(kind, kind)}", *value)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack("<I", extra_at + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
        table += struct.pack("<HHI", tag, number, len(value) // parts) + field
    return struct.pack("<H", len(entries)) + table + b"\0\0\0\0" + extra
