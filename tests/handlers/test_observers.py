from __future__ import annotations

import pytest
from watchdog import events as wd

from handlers.events import EventKind, FileEvent
from handlers.filters import PathFilter
from handlers.observers import Relay, translate

WANTED = PathFilter("/r")


def takes(path: str, is_directory: bool) -> bool:
    return WANTED.wants_directory(path) if is_directory else WANTED.wants_file(path)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (wd.FileCreatedEvent("/r/a.jpg"), FileEvent(EventKind.CREATED, "/r/a.jpg")),
        (wd.FileModifiedEvent("/r/a.jpg"), FileEvent(EventKind.MODIFIED, "/r/a.jpg")),
        (wd.FileAttribEvent("/r/a.jpg"), FileEvent(EventKind.MODIFIED, "/r/a.jpg")),
        (wd.FileClosedEvent("/r/a.jpg"), FileEvent(EventKind.CLOSED, "/r/a.jpg")),
        (wd.FileDeletedEvent("/r/a.jpg"), FileEvent(EventKind.DELETED, "/r/a.jpg")),
        (wd.FileCreatedEvent("/r/a.txt"), None),
        (wd.FileMovedEvent("/r/a.jpg", "/r/b.jpg"), FileEvent(EventKind.MOVED, "/r/a.jpg", dest="/r/b.jpg")),
        (wd.FileMovedEvent("/r/.a.tmp", "/r/b.jpg"), FileEvent(EventKind.CLOSED, "/r/b.jpg")),
        (wd.FileMovedEvent("/r/a.jpg", "/r/.trash.jpg"), FileEvent(EventKind.DELETED, "/r/a.jpg")),
        (wd.FileMovedEvent("/r/.a.tmp", "/r/.b.tmp"), None),
        (wd.DirMovedEvent("/r/d", "/r/e"), FileEvent(EventKind.MOVED, "/r/d", True, "/r/e")),
        (wd.DirMovedEvent("/r/.d", "/r/e"), FileEvent(EventKind.CLOSED, "/r/e", True)),
        (wd.DirMovedEvent("/r/d", "/r/#recycle"), FileEvent(EventKind.DELETED, "/r/d", True)),
        (wd.DirCreatedEvent("/r/@eaDir"), None),
        (wd.DirDeletedEvent("/r/"), FileEvent(EventKind.DELETED, "/r", True)),
        (wd.FileCreatedEvent(b"/r/\xff.jpg"), FileEvent(EventKind.CREATED, "/r/\udcff.jpg")),
    ],
    ids=str,
)
def test_translation(event: wd.FileSystemEvent, expected: FileEvent | None) -> None:
    assert translate(event, takes) == expected


@pytest.mark.parametrize(
    "event",
    [
        wd.FileOpenedEvent("/r/a.jpg"),
        wd.FileClosedNoWriteEvent("/r/a.jpg"),
        wd.FileMovedEvent("/r/d/a.jpg", "/r/e/a.jpg", is_synthetic=True),
        wd.FileCreatedEvent("/r/inner/a.jpg"),
    ],
    ids=str,
)
def test_relay_drops_what_says_nothing_new_or_belongs_to_another_root(event: wd.FileSystemEvent) -> None:
    emitted: list[FileEvent] = []
    Relay(WANTED, lambda path: not path.startswith("/r/inner"), emitted.append).dispatch(event)
    assert emitted == []
