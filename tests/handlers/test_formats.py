from __future__ import annotations

from handlers.formats import SUPPORTED_EXTENSIONS


def test_extensions_are_lower_case_with_a_dot() -> None:
    assert all(e == e.lower() and e.startswith(".") and len(e) > 2 for e in SUPPORTED_EXTENSIONS)
    assert {".jpg", ".heic", ".avif", ".tif", ".dng", ".cr3", ".3fr", ".pef"} <= SUPPORTED_EXTENSIONS
