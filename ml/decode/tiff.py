"""Just enough TIFF 6.0 to tell a camera's RAW from a picture: the directories' small values.

Not a TIFF reader: pixels are for Pillow and LibRaw. Damaged data gives fewer entries, never an exception.
"""

from __future__ import annotations

import struct

SUB_IFDS = 330
_MAX_DIRECTORIES = 12
_MAX_ENTRIES = 512
_TEXT, _SHORT, _LONG, _IFD = 2, 3, 4, 13
_SIZES = {1: 1, _TEXT: 1, _SHORT: 2, _LONG: 4, 7: 1, _IFD: 4}

Directory = dict[int, tuple[int, ...] | str]


def directories(data: bytes) -> list[Directory]:
    """The first directory and the sub-directories it names, in order: tag to integers or text."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return []
    found: list[Directory] = []
    pending = [struct.unpack_from(order + "I", data, 4)[0]]
    while pending and len(found) < _MAX_DIRECTORIES:
        directory = _directory(data, order, pending.pop(0))
        if not found:
            children = directory.get(SUB_IFDS, ())
            pending = [offset for offset in children if isinstance(offset, int)]
        found.append(directory)
    return found


def _directory(data: bytes, order: str, offset: int) -> Directory:
    entries: Directory = {}
    try:
        (count,) = struct.unpack_from(order + "H", data, offset)
        for index in range(min(count, _MAX_ENTRIES)):
            position = offset + 2 + 12 * index
            tag, kind, length = struct.unpack_from(order + "HHI", data, position)
            value = _value(data, order, kind, length, position + 8)
            if value is not None:
                entries[tag] = value
    except struct.error:
        pass  # cut short: what was read so far counts
    return entries


def _value(data: bytes, order: str, kind: int, length: int, position: int) -> tuple[int, ...] | str | None:
    size = _SIZES.get(kind, 0) * length
    if not 0 < size <= 256:  # no tag that decides here is longer
        return None
    if size > 4:
        (position,) = struct.unpack_from(order + "I", data, position)
    if kind == _TEXT:
        return data[position : position + size].rstrip(b"\0 ").decode("latin-1")
    code = {_SHORT: "H", _LONG: "I", _IFD: "I"}.get(kind, "B")
    values: tuple[int, ...] = struct.unpack_from(f"{order}{length}{code}", data, position)
    return values
