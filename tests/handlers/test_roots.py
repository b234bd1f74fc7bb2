from __future__ import annotations

import pytest

from handlers.roots import RootMap, deepest, is_below
from store.records import Root, RootOrigin

OUTER = Root(1, "/photos", 1, "default", RootOrigin.CONFIG)
INNER = Root(2, "/photos/kids", 2, "kids", RootOrigin.CONFIG)
INGESTED = Root(3, "/photos/2024/trip", 3, "trip", RootOrigin.INGEST)
APART = Root(4, "/media/card", 1, "default", RootOrigin.INGEST)
ROOTS = RootMap([OUTER, INNER, INGESTED, APART])


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
        ("/", "/", True),
    ],
)
def test_is_below(path: str, folder: str, expected: bool) -> None:
    assert is_below(path, folder) is expected


def test_deepest_of_nested_folders() -> None:
    assert deepest("/a/b/c.jpg", ["/", "/a", "/a/b", "/a/b/c"]) == "/a/b"
    assert deepest("/a", []) is None


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/photos/a.jpg", OUTER),
        ("/photos/kids/a.jpg", INNER),
        ("/photos/kids", INNER),
        ("/photos/kids2/a.jpg", OUTER),
        ("/photos/2024/trip/a.jpg", INGESTED),
        ("/elsewhere/a.jpg", None),
    ],
)
def test_innermost_root_owns(path: str, owner: Root | None) -> None:
    assert ROOTS.owner(path) == owner


def test_kept_roots_are_the_watched_and_those_inside_them() -> None:
    assert ROOTS.watched() == [OUTER, INNER]
    assert ROOTS.kept() == [OUTER, INNER, INGESTED]


def test_covering_a_folder_takes_the_roots_inside_it_too() -> None:
    assert ROOTS.covering("/photos/2024") == [(OUTER, "/photos/2024"), (INGESTED, None)]
    assert ROOTS.covering("/photos") == [(OUTER, None), (INNER, None), (INGESTED, None)]
    assert ROOTS.covering("/photos/kids/x") == [(INNER, "/photos/kids/x")]
    assert ROOTS.covering("/nowhere") == []
