"""What a file is, by its content."""

from __future__ import annotations

from dataclasses import dataclass

from ml.decode.tiff import Directory, directories

_MAKE, _PHOTOMETRIC, _COMPRESSION, _DNG_VERSION = 271, 262, 259, 50706
# TIFF/EP and DNG: colour filter array, linear RAW.
_RAW_PHOTOMETRICS = {32803, 34892}
# Nikon, Sony, Epson, Samsung, Kodak, Pentax (libtiff's and ExifTool's lists of compression codes).
_RAW_COMPRESSIONS = {34713, 32767, 32769, 32770, 65000, 65535}
_RAW_BY_MAKE = {
    "NIKON": "NEF",
    "SONY": "ARW",
    "PENTAX": "PEF",
    "RICOH": "PEF",
    "SAMSUNG": "SRW",
    "CANON": "CR2",
    "OLYMPUS": "ORF",
    "HASSELBLAD": "3FR",
    "PHASE ONE": "IIQ",
    "LEAF": "MOS",
    "KODAK": "DCR",
    "EASTMAN KODAK": "DCR",
    "SEIKO EPSON": "ERF",
    "MAMIYA": "MEF",
}
_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_RAWS = (
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIU\0", "RW2"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"FOVb", "X3F"),
    (b"\0MRM", "MRW"),
    (b"II\x1a\0\0\0HEAPCCDR", "CRW"),
    (b"IIII", "IIQ"),
    (b"MMMM", "IIQ"),
)
# Two letters are no mark: the length of the header that follows belongs to it.
_BMP_HEADERS = {length.to_bytes(4, "little") for length in (12, 16, 40, 52, 56, 64, 108, 124)}
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic, and BigTIFF
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

RAW_EXTENSIONS = frozenset(
    f".{name}"
    for name in (
        *(
            "dng",
            "cr2",
            "cr3",
            "crw",
            "nef",
            "nrw",
            "arw",
            "srf",
            "sr2",
            "raf",
            "orf",
            "rw2",
            "rwl",
            "pef",
            "srw",
        ),
        *("3fr", "fff", "iiq", "dcr", "kdc", "mrw", "x3f", "erf", "mef", "mos", "raw"),
    )
)
"""Extensions under which LibRaw is asked about a TIFF or an unknown content."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format's usual short name, and whether LibRaw (True) or Pillow (False) decodes it."""

    name: str
    raw: bool = False


def sniff(data: bytes) -> FileFormat | None:
    """The format of a file by all its bytes (RAW directories may lie anywhere); None when it is not known."""
    if (marked := _by_mark(data)) is not None:
        return marked
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    if data.startswith(_TIFFS):
        return _tiff(data)
    return None


def _by_mark(data: bytes) -> FileFormat | None:
    for marks, raw in ((_PICTURES, False), (_RAWS, True)):
        for mark, name in marks:
            if data.startswith(mark):
                return FileFormat(name, raw)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return FileFormat("WEBP")
    if data[:2] == b"BM" and data[14:18] in _BMP_HEADERS:
        return FileFormat("BMP")
    return None


def _iso_media(data: bytes) -> FileFormat | None:
    """By the brands of the `ftyp` box (ISO/IEC 14496-12, 4.3): the major one, then the compatible ones."""
    end = min(int.from_bytes(data[:4], "big"), 1024)
    major = data[8:12]
    brands = {major} | {data[at : at + 4] for at in range(16, end, 4)}
    if major == b"crx ":
        return FileFormat("CR3", raw=True)
    if brands & _AVIF_BRANDS:
        return FileFormat("AVIF")
    if brands & _HEIF_BRANDS:
        return FileFormat("HEIF")
    return None


def _tiff(data: bytes) -> FileFormat:
    found = directories(data)
    if found and _DNG_VERSION in found[0]:
        return FileFormat("DNG", raw=True)
    if data[8:10] == b"CR":
        return FileFormat("CR2", raw=True)
    if data[8:12] in (b"IIII", b"MMMM"):
        return FileFormat("IIQ", raw=True)
    if any(_holds_raw(directory) for directory in found):
        return FileFormat(_raw_name(found[0].get(_MAKE)), raw=True)
    return FileFormat("TIFF")


def _holds_raw(directory: Directory) -> bool:
    return _first(directory, _PHOTOMETRIC) in _RAW_PHOTOMETRICS or (
        _first(directory, _COMPRESSION) in _RAW_COMPRESSIONS
    )


def _first(directory: Directory, tag: int) -> int | None:
    value = directory.get(tag)
    return value[0] if isinstance(value, tuple) else None


def _raw_name(make: object) -> str:
    text = str(make).upper()
    return next((name for prefix, name in _RAW_BY_MAKE.items() if text.startswith(prefix)), "RAW")
