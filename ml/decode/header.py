"""Width and height out of the first bytes, for the formats of which Pillow tells them too late.

A PNG's size it tells only after sound chunks up to the pixels; for a WebP it takes two canvases of memory first.
"""

from __future__ import annotations

import struct


def header_size(data: bytes, format_name: str) -> tuple[int, int] | None:
    """Pixels by the header, however damaged what follows is; None for other formats and cut headers."""
    if format_name == "PNG" and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if format_name == "WEBP" and len(data) >= 30:
        return _webp_size(data[12:30])
    return None


def _webp_size(chunk: bytes) -> tuple[int, int] | None:
    """By the first chunk: lossy (RFC 6386, 9.1), lossless (RFC 9649, 3.4) or extended (RFC 9649, 2.7)."""
    if chunk[:4] == b"VP8 ":
        width, height = struct.unpack("<HH", chunk[14:18])
        return width & 0x3FFF, height & 0x3FFF
    if chunk[:4] == b"VP8L":
        bits = int.from_bytes(chunk[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk[:4] == b"VP8X":
        return int.from_bytes(chunk[12:15], "little") + 1, int.from_bytes(chunk[15:18], "little") + 1
    return None
