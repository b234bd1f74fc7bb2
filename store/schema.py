"""The tables of the catalog. `migrations/` makes them; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from store.columns import Float32Vector, FsPath, Message, UInt64, UtcTime, choice
from store.records import FileState, JobKind, JobState, RootOrigin, RootState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# -- what is in the library ----------------------------------------------------------------------------------

collection = Table(
    "collection",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,  # points carry the id: a deleted one must never mean another collection
)

watch_root = Table(
    "watch_root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", FsPath, nullable=False, unique=True),
    Column("collection_id", ForeignKey("collection.id"), nullable=False, index=True),
    Column("origin", choice(RootOrigin), nullable=False),
    Column("recursive", Boolean, nullable=False),
    Column("method", Text, nullable=False),
    Column("exclude", JSON, nullable=False),
    Column("state", choice(RootState), nullable=False),
    Column("last_scan_at", UtcTime),
    Column("device", UInt64),  # of the folder when it was last seen; NULL before
    Column("inode", UInt64),
    Column("accept_empty", Boolean, nullable=False, server_default=false()),  # believe the folder when it is empty
    sqlite_autoincrement=True,  # a late outcome must not land in another root
)

image = Table(
    "image",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("decode_source", Text, nullable=False),
    Column("taken_at", Text),
    Column("camera_make", Text),
    Column("camera_model", Text),
    Column("lens", Text),
    Column("iso", Integer),
    Column("f_number", Float),
    Column("exposure_seconds", Float),
    Column("focal_length_mm", Float),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("altitude_m", Float),
    Column("orientation", Integer, nullable=False),
    Column("caption", Text),
    Column("rating", Integer),
    Column("indexed_at", UtcTime, nullable=False),
    Column("sorts_at", UtcTime, nullable=False),  # when taken, or else when indexed
    Column("orphaned_since", UtcTime),  # when its last file became another image; means nothing while it has a file
    Index(None, "sorts_at", "id"),
    Index("ix_image_orphaned", "orphaned_since", sqlite_where=text("orphaned_since IS NOT NULL")),
)

image_tag = Table(
    "image_tag",
    metadata,
    Column("image_id", ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("score", Float, nullable=False),
    Index(None, "name"),
    sqlite_with_rowid=False,
)

collection_image = Table(
    "collection_image",
    metadata,
    Column("collection_id", ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True),
    Column("image_id", ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "image_id"),
    sqlite_with_rowid=False,
)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("watch_root.id"), nullable=False),
    Column("path", FsPath, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", UInt64, nullable=False),
    Column("device", UInt64, nullable=False),
    Column("state", choice(FileState), nullable=False),
    Column("image_id", ForeignKey("image.id")),
    Column("failure_code", Text),
    Column("failure_message", Message),
    Column("failure_attempts", Integer),
    Column("failed_at", UtcTime),
    Column("missing_since", UtcTime),  # of a missing file, NULL for any other
    # A failed file has a reason and no image; any other has an image and no reason.
    CheckConstraint("(state = 'failed') = (failed_at IS NOT NULL)", "reason"),
    CheckConstraint("(state = 'failed') = (image_id IS NULL)", "image"),
    Index(None, "root_id", "path"),
    Index(None, "root_id", "state"),
    Index(None, "image_id", "state"),
    Index(None, "inode", "device"),
    Index("ix_file_failed", "failed_at", "id", sqlite_where=text("failed_at IS NOT NULL")),
    Index("ix_file_missing", "missing_since", sqlite_where=text("missing_since IS NOT NULL")),
    sqlite_autoincrement=True,  # a late move must not land on another file's row
)

# -- work ----------------------------------------------------------------------------------------------------

job = Table(
    "job",
    metadata,
    Column("number", Integer, primary_key=True),  # order of creation
    Column("id", Text, nullable=False, unique=True),
    Column("kind", choice(JobKind), nullable=False),
    Column("state", choice(JobState), nullable=False, index=True),
    Column("path", FsPath),
    Column("collection", Text),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("error_code", Text),
    Column("error_message", Message),
)

job_log = Table(
    "job_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Message, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", FsPath, nullable=False, unique=True),
    Column("root_id", ForeignKey("watch_root.id"), nullable=False, index=True),
    Column("job_id", ForeignKey("job.id"), nullable=False, index=True),
    Column("priority", Integer, nullable=False),
    Column("force", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("generation", Integer, nullable=False),  # 1 when inserted, raised each time the path is put again
    Column("not_before", Float, nullable=False),  # seconds since 1970, by the catalog's clock; 0 once it is due
    Column("lease_until", Float),  # likewise; NULL while nobody works on it
    Column("leases", Integer, nullable=False, server_default="0"),  # ever: what tells one lease from the next
    Column("abandoned", Integer, nullable=False, server_default="0"),  # leases in a row that ended without an outcome
    # All that leasing asks, in the order it takes: free, due, the most urgent, the oldest.
    Index("ix_task_lease", "lease_until", "not_before", "priority", "id"),
    Index("ix_task_suspect", "lease_until", "not_before", "id", sqlite_where=text("abandoned > 1")),
    sqlite_autoincrement=True,  # an outcome that comes late must not complete another task
)

# -- what the models gave ------------------------------------------------------------------------------------

vector_space = Table(
    "vector_space",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("identity", Text, nullable=False),  # JSON: all that makes two models' vectors comparable
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_vector_space_active", "active", unique=True, sqlite_where=text("active")),
)

# No foreign key to image: what a model gave outlives an image that left with its collection, and serves when it is
# back.
ml_cache = Table(
    "ml_cache",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("space_id", ForeignKey("vector_space.id"), nullable=False),
    Column("vector", Float32Vector, nullable=False),
    Column("text", JSON, nullable=False),  # {"caption": str | null, "tags": [[name, score], …]}
    UniqueConstraint("sha256", "space_id"),
)

# No foreign key to image here either: the point of a forgotten image is the one that must be deleted.
stale_point = Table(
    "stale_point",
    metadata,
    Column("mark", Integer, primary_key=True),  # a new one each time the image is marked
    Column("image_id", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# -- what was switched while the daemon ran, and holds at the next start -----------------------------------------------

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
