"""Which watch stands for which folder, right whatever moves where (read against watchdog 7.1).

A watch sits on a folder, not on a path, and says nothing when the folder moves. watchdog keeps the path of each watch
in two tables, and goes by them when a folder moves. But a folder that was moved out keeps its entries, and one that
moved on before its event was read is entered under another's path. Then the tables disagree: events come with the path
of another folder, and the first folder deleted after it ends the reading thread with a KeyError. So here nothing is
concluded from the tables: a folder that moves away loses its watches, and one that arrives is walked and watched anew,
from wherever it came. A move is followed by a scan of the folder, which sees what happened in it between the two.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import InotifyEvent, WatchDescriptor


class FolderWatches(InotifyWatchGroup):
    """The watches of one root."""

    def on_event(self, event: InotifyEvent) -> None:
        """Called for each event of each watch."""
        if event.is_moved_from and event.is_directory:
            with self._lock:
                if self.is_active and (folder := self._build_event_source_path(event)) is not None:
                    self._unwatch(folder)
        super().on_event(event)

    def _unwatch(self, folder: bytes) -> None:
        below = folder + os.fsencode(os.sep)
        watches = self._active_callbacks_by_watch.items()
        self._remove_callbacks([wd for wd, path in watches if path == folder or path.startswith(below)])

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        """The path may be another folder's by now, or nobody's."""
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]

    def _recursive_simulate(self, src_path: bytes) -> list[InotifyEvent]:  # noqa: ARG002 - as inherited
        """Events for all that is in a folder which arrived: its own event stands for them."""
        return []


class FolderEmitter(InotifyEmitter):
    """watchdog's emitter, with these watches."""

    def on_thread_start(self) -> None:
        """Watch the root and all below it. Raises OSError when the root itself cannot be."""
        self._inotify = FolderWatches(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=self.watch.is_recursive,
            event_mask=self.get_event_mask_from_filter(),
            follow_symlink=self.watch.follow_symlink,
        )
