"""What this process has done since it started. Shown by `/stats`; they prove that nothing is done twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Plain numbers, changed on the event loop only."""

    events: int = 0  # file events that passed the filters
    overflows: int = 0  # roots of which the kernel lost events; each was scanned for it
    watch_limits: int = 0  # roots that inotify had no watch left for; they are polled
    scans: int = 0  # walks of a root or a folder, finished
    files_read: int = 0  # files read and hashed
    decoded: int = 0  # photos decoded
    embedded: int = 0  # photos given to the model
    attached: int = 0  # paths joined to a content already known, without decoding
    moved: int = 0  # renames recognised without reading
    vanished: int = 0
    unchanged: int = 0
    failed: int = 0
    deferred: int = 0  # put back for a later try
