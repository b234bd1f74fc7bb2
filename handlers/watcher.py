"""Observers on the watch roots, and their events on the event loop.

What comes out is a hint: events may be lost, doubled or late. Whoever takes them scans a root that `sync`
names, and one that an OVERFLOW event names.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from watchdog.observers.api import BaseObserver, ObservedWatch

from handlers.events import EventKind, FileEvent
from handlers.filters import PathFilter
from handlers.inotify_limits import Resource, advice, limiting_sysctl
from handlers.mounts import MountTable
from handlers.observers import WATCHED_EVENTS, Inotify, InotifyObserver, PollingObserver, Relay
from handlers.roots import deepest, is_below
from handlers.watch_place import WatchPlace, place_of
from store.records import Root

POLL_INTERVAL = 10.0  # seconds between two looks at a polled root, on top of what a look takes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Armed:
    root: Root
    method: str  # of the root's own folder
    place: WatchPlace
    watches: list[tuple[str, ObservedWatch]]  # the root's own, then those of polled mounts; each with its method


class Watcher:
    """Watches roots by inotify, or by polling where that cannot see everything or has run out of watches.

    Under `auto`, network mounts in a root are polled and the rest is not. `events` gets what passes the roots'
    filters, on the loop that `sync` runs on.
    """

    def __init__(self, *, poll_interval: float = POLL_INTERVAL) -> None:
        self.events: asyncio.Queue[FileEvent] = asyncio.Queue()
        self._poll_interval = poll_interval
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()  # a cancelled `sync` still runs in its thread when `stop` is called
        self._armed: dict[int, _Armed] = {}
        self._filters: dict[str, PathFilter] = {}  # by root path; replaced, never changed: other threads read it
        self._exhausted: set[str] = set()  # paths of roots that inotify had no watch left for
        self._polled: frozenset[str] = frozenset()  # mounts that are polled in a root that is not; as the filters
        self._inotify: InotifyObserver | None = None
        self._polling: PollingObserver | None = None

    async def sync(self, roots: Sequence[Root]) -> list[Root]:
        """Watch exactly these roots; returns those that are watched anew and so need a scan from now on.

        Anew: not watched before, now another folder than before, with a mount in it that came or went, moved to
        polling because the watches ran out, or watched by an observer that broke. A root whose folder is not there is
        not watched; call again when it is.
        """
        self._loop = asyncio.get_running_loop()
        return await asyncio.to_thread(self._locked_sync, roots)

    async def stop(self) -> None:
        """End all observers and their threads. No event arrives after it."""
        await asyncio.to_thread(self._stop)
        self._loop = None

    def method(self, root_id: int) -> str | None:
        """How a root is watched now: "inotify", "polling", or None if it is not."""
        armed = self._armed.get(root_id)
        return armed.method if armed else None

    @property
    def limited(self) -> frozenset[str]:
        """Paths of the roots that are polled because inotify's watches, or instances, ran out."""
        return frozenset(self._exhausted)

    def _locked_sync(self, roots: Sequence[Root]) -> list[Root]:
        with self._lock:
            return self._sync(roots)

    def _sync(self, roots: Sequence[Root]) -> list[Root]:
        self._filters = {
            root.path: PathFilter(root.path, recursive=root.recursive, exclude=root.exclude) for root in roots
        }
        self._let_go_of_broken_observer()
        places = self._places(roots)
        wanted = {root.id: root for root in roots}
        for armed in list(self._armed.values()):
            if not self._still_good(armed, wanted.get(armed.root.id), places.get(armed.root.id)):
                self._disarm(armed)
        self._polled = frozenset(point for root in roots for point in _polled(root, places.get(root.id)))
        return [root for root in roots if root.id not in self._armed and self._arm(root, places.get(root.id))]

    def _let_go_of_broken_observer(self) -> None:
        if self._inotify is None or self._inotify.is_whole:
            return
        log.error("observer_broken", advice="its roots are watched anew and scanned; please report the fault")
        for armed in [armed for armed in self._armed.values() if armed.method == "inotify"]:
            self._disarm(armed)
        _end(self._inotify)
        self._inotify = None

    def _places(self, roots: Sequence[Root]) -> dict[int, WatchPlace | None]:
        mounts = MountTable.read()
        return {root.id: place_of(root, mounts, partial(self._looks_into, root)) for root in roots}

    def _still_good(self, armed: _Armed, root: Root | None, place: WatchPlace | None) -> bool:
        return (
            root is not None
            and _watched_part(root) == _watched_part(armed.root)
            and place == armed.place
            and not (armed.method == "inotify" and root.path in self._exhausted)
        )

    def _arm(self, root: Root, place: WatchPlace | None) -> bool:
        if place is None:
            return False
        for method in self._methods(root, place):
            armed = _Armed(root, method, place, [])
            try:
                self._schedule(armed, root.path, method)
            except OSError as error:
                self._explain(root, error)
                continue
            if method == "inotify" and root.path in self._exhausted:  # a folder below the root got no watch
                self._disarm(armed)
                continue
            polled = _polled(root, place) if method == "inotify" else []
            for point in polled:
                self._schedule(armed, point, "polling")
            self._armed[root.id] = armed
            log.info("root_watched", root=root.path, method=method, polled=polled)
            return True
        return False

    def _methods(self, root: Root, place: WatchPlace) -> list[str]:
        if root.method == "polling" or root.path in self._exhausted or (root.method == "auto" and place.is_remote):
            return ["polling"]
        return ["inotify", "polling"]

    def _schedule(self, armed: _Armed, folder: str, method: str) -> None:
        root = armed.root
        relay = Relay(self._filters[root.path], lambda path: deepest(path, self._filters) == root.path, self._emit)
        # With the slash the folder itself is watched where the root is a symbolic link: watchdog asks for
        # IN_DONT_FOLLOW.
        watch = self._observer(method).schedule(
            relay, folder.rstrip("/") + "/", recursive=root.recursive, event_filter=WATCHED_EVENTS
        )
        armed.watches.append((method, watch))

    def _observer(self, method: str) -> BaseObserver:
        if method == "inotify":
            if self._inotify is None:
                self._inotify = InotifyObserver(Inotify(self._wants_watch, self._overflowed, self._ran_out))
                self._inotify.start()
            return self._inotify
        if self._polling is None:
            self._polling = PollingObserver(self._poll_interval, self._wants)
            self._polling.start()
        return self._polling

    def _disarm(self, armed: _Armed) -> None:
        self._armed.pop(armed.root.id, None)
        for method, watch in armed.watches:
            self._observer(method).unschedule(watch)

    def _stop(self) -> None:
        with self._lock:
            self._armed.clear()
            for observer in (self._inotify, self._polling):
                if observer is not None:
                    _end(observer)
            self._inotify = self._polling = None

    # -- called on the observers' threads

    def _emit(self, event: FileEvent) -> None:
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self.events.put_nowait, event)

    def _wants_watch(self, path: str) -> bool:
        return self._wants_folder(path) and not any(is_below(path, point) for point in self._polled)

    def _wants_folder(self, path: str) -> bool:
        return self._owner(path.rstrip("/") or "/") is not None

    def _looks_into(self, root: Root, folder: str) -> bool:
        return self._owner(folder) == root.path

    def _owner(self, folder: str) -> str | None:
        """The root that looks into a folder."""
        filters = self._filters
        owner = deepest(folder, filters)
        return owner if owner is not None and filters[owner].wants_directory(folder) else None

    def _wants(self, path: str, is_directory: bool) -> bool:
        if is_directory:
            return self._wants_folder(path)
        filters = self._filters
        owner = deepest(path, filters)
        return owner is not None and filters[owner].wants_file(path)

    def _overflowed(self) -> None:
        for armed in list(self._armed.values()):
            if armed.method == "inotify":
                self._emit(FileEvent(EventKind.OVERFLOW, armed.root.path, is_directory=True))

    def _ran_out(self, folder: str) -> None:
        root = deepest(folder.rstrip("/") or "/", self._filters)
        if root is not None and root not in self._exhausted:
            self._exhausted.add(root)
            self._explain_limit(root, "watches")

    def _explain(self, root: Root, error: OSError) -> None:
        if error.errno == errno.EMFILE:
            self._exhausted.add(root.path)
            self._explain_limit(root.path, "instances")
        elif error.errno != errno.ENOSPC:  # which was explained where it was met
            log.warning("root_not_watched", root=root.path, reason=error.strerror or str(error))

    @staticmethod
    def _explain_limit(root: str, resource: Resource) -> None:
        sysctl, value = limiting_sysctl(resource)
        log.warning("inotify_limit", root=root, sysctl=sysctl, value=value, advice=advice(sysctl, value, resource))


def _end(observer: BaseObserver) -> None:
    observer.stop()
    observer.join()


def _watched_part(root: Root) -> tuple[object, ...]:
    return root.path, root.recursive, root.method, root.exclude


def _polled(root: Root, place: WatchPlace | None) -> list[str]:
    """Mounts in a root that are polled, although the root is not."""
    return place.polled() if place is not None and root.method == "auto" and not place.is_remote else []
