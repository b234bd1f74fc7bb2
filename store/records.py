"""What the catalog gives and takes: plain frozen records, free of SQL."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

# An image's id is a UUIDv5 (RFC 9562) of its SHA-256 in this namespace: the same content has the same id everywhere.
IMAGE_NAMESPACE = uuid.UUID("6f2f4b0e-6a0c-5d0e-9d1c-3b8f6d7a1c55")


def image_id_of(sha256: str) -> str:
    """The id of the image with this content (64 lower-case hexadecimal digits)."""
    return str(uuid.uuid5(IMAGE_NAMESPACE, sha256))


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells, without reading, that a file is the same as before: (device, inode, size, mtime)."""

    size: int
    mtime_ns: int
    inode: int
    device: int


class FileState(enum.StrEnum):
    """State of a path that the catalog knows."""

    PRESENT = "present"  # on disk and indexed
    MISSING = "missing"  # gone from disk; its image is kept
    FAILED = "failed"  # on disk and quarantined: see the failure


class Priority(enum.IntEnum):
    """Order of the queue; lower goes first."""

    UPLOAD = 0
    EVENT = 1
    SCAN = 2


class JobKind(enum.StrEnum):
    """What started a job."""

    SCAN = "scan"
    EVENTS = "events"
    INGEST = "ingest"
    RETRY = "retry"


class JobState(enum.StrEnum):
    """A job runs until it is closed (nothing will be added) and all its tasks are accounted for."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # the job itself could not be carried out (its folder went away, say)
    CANCELLED = "cancelled"  # the user ended it: what was queued is dropped, what was in work is finished


class RootOrigin(enum.StrEnum):
    """Where a watch root comes from: the configuration, or one `POST /ingest` of a folder (indexed, not watched)."""

    CONFIG = "config"
    INGEST = "ingest"


class RootState(enum.StrEnum):
    """What is known of a root's folder. An offline root loses nothing."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class DirectoryIdentity:
    """What tells a directory from another one at the same path."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Root:
    """A folder whose photos are indexed into one collection."""

    id: int
    path: str
    collection_id: int
    collection: str
    origin: RootOrigin
    recursive: bool = True
    method: str = "auto"
    exclude: tuple[str, ...] = ()
    state: RootState = RootState.ONLINE
    last_scan_at: datetime | None = None
    identity: DirectoryIdentity | None = None  # of its folder when it was last online, None until then
    accept_empty: bool = False  # the user said that this very folder is empty on purpose


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file is in quarantine."""

    path: str
    code: str
    message: str
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One path that the catalog knows."""

    id: int
    root_id: int
    path: str
    stat: FileStat
    state: FileState
    image_id: str | None
    failure: Failure | None = None
    missing_since: datetime | None = None  # of a missing file, None for any other


@dataclass(frozen=True, slots=True)
class TagFact:
    """A tag and who gave it: a model (with its probability) or the user (score 1)."""

    name: str
    score: float = 1.0
    source: str = "model"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is stored of a content when it is first seen. Times are RFC 3339 text as the camera wrote them."""

    sha256: str
    size: int
    width: int
    height: int
    format: str
    decode_source: str
    taken_at: str | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    iso: int | None = None
    f_number: float | None = None
    exposure_seconds: float | None = None
    focal_length_mm: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    orientation: int = 1
    caption: str | None = None
    tags: tuple[TagFact, ...] = ()

    @property
    def id(self) -> str:
        """The image's id, which follows from its content."""
        return image_id_of(self.sha256)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image with its files and collections."""

    id: str
    facts: ImageFacts
    rating: int | None
    indexed_at: datetime
    files: tuple[str, ...]  # paths present on disk, those in roots that are online first, then the oldest row
    collections: tuple[str, ...]
    offline: bool = False  # it has present files, and every one lies in a root that is offline

    @property
    def path(self) -> str | None:
        """First present file, or None while all are missing."""
        return self.files[0] if self.files else None


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A named set of images, with its counts. Only images with a present file count."""

    id: int
    name: str
    description: str
    created_at: datetime
    images: int
    bytes: int
    roots: tuple[str, ...]  # paths of the roots that feed it
    first_taken_at: str | None = None
    last_taken_at: str | None = None


@dataclass(frozen=True, slots=True)
class NewTask:
    """ "Make the index agree with the disk at this path." What there is to do is found out when it is done."""

    path: str
    root_id: int
    job_id: str
    priority: Priority = Priority.EVENT
    force: bool = False  # decode and embed even what is known and unchanged


@dataclass(frozen=True, slots=True)
class Task:
    """A leased queue row."""

    id: int
    path: str
    root_id: int
    job_id: str
    priority: Priority
    attempts: int  # 1 at the first lease
    lease: int  # which lease of its row this is: an outcome counts only while it is the last
    abandoned: int  # leases before this one, in a row, that ended without an outcome: the process died, it seems
    generation: int  # raised when the path is put again while leased: completing this lease then frees the row
    force: bool

    @property
    def suspected(self) -> bool:
        """Twice in a row the process ended while this was leased: it is leased alone now, to tell it from others."""
        return self.abandoned > 1


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job and its counts; total grows while a scan still looks."""

    id: str
    kind: JobKind
    state: JobState
    path: str | None
    collection: str | None
    total: int
    done: int
    skipped: int
    failed: int
    closed: bool
    created_at: datetime
    finished_at: datetime | None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log."""

    at: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class CachedResult:
    """What a model gave for a content; enough to build the vector index again without the model."""

    sha256: str
    vector: NDArray[np.float32]  # unit length


# -- outcomes: what became of a task, to be committed -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Indexed:
    """New content (or forced): image, file, model result."""

    task: Task
    stat: FileStat
    facts: ImageFacts
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Attached:
    """Known content at this path: a file row for an image that exists, and nothing else."""

    task: Task
    stat: FileStat
    image_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A known file under a new path: its row changes."""

    task: Task
    stat: FileStat
    file_id: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """Nothing on disk at this path any more. No row at the path is fine: then there is nothing to do."""

    task: Task


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The catalog already agrees with the disk."""

    task: Task


@dataclass(frozen=True, slots=True)
class Failed:
    """To quarantine, with the reason."""

    task: Task
    stat: FileStat
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Try again, not before this many seconds from now."""

    task: Task
    delay: float
    code: str
    message: str


Outcome = Indexed | Attached | Moved | Vanished | Unchanged | Failed | Deferred


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What one commit changed, for progress and metrics."""

    jobs: tuple[JobRecord, ...] = ()  # jobs whose counts changed, as they are now
    stale_points: frozenset[str] = field(default_factory=frozenset)  # image ids whose vector point must be synced
