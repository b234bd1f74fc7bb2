"""Which files are photographs, by extension alone. What is in them is found out by decoding."""

from __future__ import annotations

_COMMON = "jpg jpeg jpe jfif png webp gif tif tiff bmp heic heif hif avif"
# Camera RAW that LibRaw reads: Adobe, Canon, Nikon, Sony, Fujifilm, Olympus, Panasonic, Leica, Pentax,
# Samsung, Hasselblad, Phase One, Kodak, Minolta, Sigma, Epson, Leaf, Mamiya, and the plain `.raw` of several
# makers.
_RAW = "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 rwl pef srw 3fr fff iiq dcr kdc mrw x3f erf mef mos raw"

# Lower case, with the dot.
SUPPORTED_EXTENSIONS: frozenset[str] = frozenset(f".{extension}" for extension in f"{_COMMON} {_RAW}".split())
