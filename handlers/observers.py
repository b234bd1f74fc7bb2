"""watchdog's observers, taught what they do not tell by themselves (read against watchdog 7.1).

An overflow of the inotify queue is logged and the watches are rebuilt, but no event says that events were lost. A
watch that cannot be had for a folder *below* the root (ENOSPC: the user's watches are used up) is passed over in
silence; only the root's own failure is raised. Every folder gets a watch, the ones nobody wants included, and a NAS
has one `@eaDir` for each folder of photographs. And our own reading of files would come back as events if the event
filter did not keep it from being asked for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from watchdog import events as wd
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify_c import InotifyFD
from watchdog.observers.polling import PollingEmitter

from handlers.events import EventKind, FileEvent
from handlers.filters import PathFilter
from handlers.folder_watches import FolderEmitter

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import CallbackId, InotifyEvent, Mask, WatchCallback, WatchDescriptor

# What is asked of the kernel. Not: opened, closed without writing (our own reading), folders modified.
WATCHED_EVENTS: list[type[wd.FileSystemEvent]] = [
    wd.FileCreatedEvent,
    wd.FileModifiedEvent,
    wd.FileAttribEvent,  # a file that could not be read is allowed to be, a time is set
    wd.FileClosedEvent,
    wd.FileMovedEvent,
    wd.FileDeletedEvent,
    wd.DirCreatedEvent,
    wd.DirMovedEvent,
    wd.DirDeletedEvent,
]

_KINDS = {
    wd.EVENT_TYPE_CREATED: EventKind.CREATED,
    wd.EVENT_TYPE_MODIFIED: EventKind.MODIFIED,
    wd.EVENT_TYPE_ATTRIB: EventKind.MODIFIED,
    wd.EVENT_TYPE_CLOSED: EventKind.CLOSED,
    wd.EVENT_TYPE_MOVED: EventKind.MOVED,
    wd.EVENT_TYPE_DELETED: EventKind.DELETED,
}


class Inotify(InotifyFD):
    """The inotify instance of all roots. Raises OSError (EMFILE) when the user has too many instances.

    `wants` says whether a folder deserves a watch. `on_overflow` is called after the watches were rebuilt,
    and `on_exhausted` with a folder that no watch was left for; both on other threads.
    """

    def __init__(
        self,
        wants: Callable[[str], bool],
        on_overflow: Callable[[], None],
        on_exhausted: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._wants = wants
        self._on_overflow = on_overflow
        self._on_exhausted = on_exhausted

    def add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Watch a folder. The emitter takes an OSError for a folder below the root as "not this one"."""
        folder = os.fsdecode(path)
        if not self._wants(folder):
            raise OSError(errno.ECANCELED, "not wanted", folder)
        try:
            with self._lock:
                watch = self._get_or_create_watch(path, mask)
                # Not the inherited method, which warns where the callback is there already, as it is where a folder's
                # event is read after the folder was met in a walk.
                watch.callbacks[id_] = callback
                return watch.wd
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._on_exhausted(folder)
            raise

    def handle_event(self, event: InotifyEvent) -> None:
        """Pass an event to the watches it concerns."""
        super().handle_event(event)
        if event.is_queue_overflow:
            self._on_overflow()


class InotifyObserver(BaseObserver):
    """Observes with one inotify instance, which it starts and ends."""

    def __init__(self, inotify: Inotify) -> None:
        super().__init__(FolderEmitter, inotify_fd=inotify)
        self._inotify = inotify

    @property
    def is_whole(self) -> bool:
        """Whether all its threads run. None ends before `stop` but by a fault, and then events are lost for good."""
        return all(thread.is_alive() for thread in (self, self._inotify, *self.emitters))

    def on_thread_start(self) -> None:
        """Start reading events."""
        self._inotify.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        """End the emitters, then the instance with its thread and descriptors."""
        super().on_thread_stop()
        self._inotify.stop()
        self._inotify.join()


class PollingObserver(BaseObserver):
    """Compares the wanted part of a tree with what it was `interval` seconds ago. Links are not followed."""

    def __init__(self, interval: float, wants: Callable[[str, bool], bool]) -> None:
        # lstat and not stat: watchdog descends wherever it finds a folder, round and round in a loop of
        # links.
        super().__init__(PollingEmitter, timeout=interval, stat=os.lstat, listdir=_listing(wants))


def _listing(wants: Callable[[str, bool], bool]) -> Callable[[str], Iterator[os.DirEntry[str]]]:
    def listdir(folder: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(folder) as entries:
            yield from (e for e in entries if wants(e.path, e.is_dir(follow_symlinks=False)))

    return listdir


class Relay(wd.FileSystemEventHandler):
    """Hands the wanted events of one root on, in this project's terms, on the observer's thread."""

    def __init__(self, wanted: PathFilter, owns: Callable[[str], bool], emit: Callable[[FileEvent], None]) -> None:
        self._wanted = wanted
        self._owns = owns
        self._emit = emit

    def dispatch(self, event: wd.FileSystemEvent) -> None:
        """Called by the observer."""
        # What is synthesized follows a folder's own event, which stands for all below it.
        if event.is_synthetic or event.event_type not in _KINDS:
            return
        if (translated := translate(event, self._takes)) is not None:
            self._emit(translated)

    def _takes(self, path: str, is_directory: bool) -> bool:
        wanted = self._wanted.wants_directory(path) if is_directory else self._wanted.wants_file(path)
        return wanted and self._owns(path)


def translate(event: wd.FileSystemEvent, takes: Callable[[str, bool], bool]) -> FileEvent | None:
    """The event in this project's terms, or None if no path of it is taken.

    A move with one end outside of what is taken is an arrival or a departure. A file that arrives so was
    renamed into place, which is how programs say that it is complete.
    """
    kind, is_directory = _KINDS[event.event_type], event.is_directory
    path = _clean(event.src_path)
    if kind is not EventKind.MOVED:
        return FileEvent(kind, path, is_directory) if takes(path, is_directory) else None
    dest = _clean(event.dest_path)
    leaves, arrives = takes(path, is_directory), takes(dest, is_directory)
    if leaves and arrives:
        return FileEvent(kind, path, is_directory, dest)
    if arrives:
        return FileEvent(EventKind.CLOSED, dest, is_directory)
    return FileEvent(EventKind.DELETED, path, is_directory) if leaves else None


def _clean(path: bytes | str) -> str:
    """A root is watched as `root/`, and is told of as such when it is deleted itself."""
    text = os.fsdecode(path)
    return text.rstrip("/") or "/"
