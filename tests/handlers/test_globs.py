from __future__ import annotations

import pytest

from handlers.globs import compile_globs


def matches(pattern: str, path: str) -> bool:
    expression = compile_globs([pattern])
    return expression is not None and expression.fullmatch(path) is not None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.png", "a.png"),
        ("*.png", "deep/down/a.png"),
        ("/*.png", "a.png"),
        ("private", "private/"),
        ("private", "2024/private/"),
        ("private", "private"),
        ("private/", "2024/private/"),
        ("/private/", "private/"),
        ("2024/raw", "2024/raw/"),
        ("2024/*.jpg", "2024/a.jpg"),
        ("**/cache", "cache/"),
        ("**/cache", "a/b/cache/"),
        ("a/**/z.jpg", "a/z.jpg"),
        ("a/**/z.jpg", "a/b/c/z.jpg"),
        ("a/**", "a/b/c.jpg"),
        ("img_?.jpg", "img_1.jpg"),
        ("img_[0-9].jpg", "img_7.jpg"),
        ("img_[!0-9].jpg", "img_a.jpg"),
        ("img_[^0-9].jpg", "img_a.jpg"),
        ("[]]x.jpg", "]x.jpg"),
        (r"a\*b.jpg", "a*b.jpg"),
        ("[ab.jpg", "[ab.jpg"),
        ("a+b (1).jpg", "a+b (1).jpg"),
        ("*", "line\nbreak.jpg"),
        ("ümlaut*", "ümlaut.jpg"),
    ],
)
def test_pattern_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.png", "a.jpg"),
        ("/*.png", "deep/a.png"),
        ("private/", "private"),
        ("2024/raw", "old/2024/raw/"),
        ("2024/*.jpg", "2024/deep/a.jpg"),
        ("a/**", "a/"),
        ("a/**/z.jpg", "az.jpg"),
        ("img_?.jpg", "img_/.jpg"),
        ("img_[!0-9].jpg", "img_7.jpg"),
        ("a[!b]c", "a/c"),
        ("img_[z-a].jpg", "img_b.jpg"),
        (r"a\*b.jpg", "axb.jpg"),
        ("cache", "cached/"),
        ("a.c", "abc"),
    ],
)
def test_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


@pytest.mark.parametrize("patterns", [[], [""], ["/"], ["", "//"]])
def test_no_pattern_excludes_nothing(patterns: list[str]) -> None:
    assert compile_globs(patterns) is None


def test_any_of_several_patterns_matches() -> None:
    expression = compile_globs(["*.png", "tmp/"])
    assert expression is not None
    assert [bool(expression.fullmatch(path)) for path in ("a.png", "tmp/", "a.jpg")] == [True, True, False]
