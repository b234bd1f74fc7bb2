"""The spine: library, work, and what the models gave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _library()
    _work()
    _models()


def _library() -> None:
    op.create_table(
        "collection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_collection"),
        sa.UniqueConstraint("name", name="uq_collection_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "watch_root",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("recursive", sa.Boolean(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("exclude", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("last_scan_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name="fk_watch_root_collection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_watch_root"),
        sa.UniqueConstraint("path", name="uq_watch_root_path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_watch_root_collection_id", "watch_root", ["collection_id"])
    op.create_table(
        "image",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("decode_source", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.Text()),
        sa.Column("camera_make", sa.Text()),
        sa.Column("camera_model", sa.Text()),
        sa.Column("lens", sa.Text()),
        sa.Column("iso", sa.Integer()),
        sa.Column("f_number", sa.Float()),
        sa.Column("exposure_seconds", sa.Float()),
        sa.Column("focal_length_mm", sa.Float()),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("altitude_m", sa.Float()),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("caption", sa.Text()),
        sa.Column("rating", sa.Integer()),
        sa.Column("indexed_at", sa.BigInteger(), nullable=False),
        sa.Column("sorts_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        sa.UniqueConstraint("sha256", name="uq_image_sha256"),
    )
    op.create_index("ix_image_sorts_at_id", "image", ["sorts_at", "id"])
    op.create_table(
        "image_tag",
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_image_tag_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "source", "name", name="pk_image_tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_tag_name", "image_tag", ["name"])
    op.create_table(
        "collection_image",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name="fk_collection_image_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_collection_image_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("collection_id", "image_id", name="pk_collection_image"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_collection_image_image_id", "collection_image", ["image_id"])
    op.create_table(
        "file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("image_id", sa.Text()),
        sa.Column("failure_code", sa.Text()),
        sa.Column("failure_message", sa.Text()),
        sa.Column("failure_attempts", sa.Integer()),
        sa.Column("failed_at", sa.BigInteger()),
        sa.CheckConstraint("(state = 'failed') = (failed_at IS NOT NULL)", name="ck_file_reason"),
        sa.CheckConstraint("(state = 'failed') = (image_id IS NULL)", name="ck_file_image"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_file_image_id"),
        sa.ForeignKeyConstraint(["root_id"], ["watch_root.id"], name="fk_file_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_file"),
        sa.UniqueConstraint("path", name="uq_file_path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_file_failed", "file", ["failed_at", "id"], sqlite_where=sa.text("failed_at IS NOT NULL"))
    op.create_index("ix_file_image_id_state", "file", ["image_id", "state"])
    op.create_index("ix_file_inode_device", "file", ["inode", "device"])
    op.create_index("ix_file_root_id_path", "file", ["root_id", "path"])
    op.create_index("ix_file_root_id_state", "file", ["root_id", "state"])


def _work() -> None:
    op.create_table(
        "job",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("path", sa.LargeBinary()),
        sa.Column("collection", sa.Text()),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_job"),
        sa.UniqueConstraint("id", name="uq_job_id"),
    )
    op.create_index("ix_job_state", "job", ["state"])
    op.create_table(
        "job_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_log_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_job_log"),
    )
    op.create_index("ix_job_log_job_id", "job_log", ["job_id"])
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("leased", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_task_job_id"),
        sa.ForeignKeyConstraint(["root_id"], ["watch_root.id"], name="fk_task_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.UniqueConstraint("path", name="uq_task_path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_job_id", "task", ["job_id"])
    op.create_index("ix_task_lease", "task", ["leased", "priority", "id", "not_before"])
    op.create_index("ix_task_root_id", "task", ["root_id"])


def _models() -> None:
    op.create_table(
        "vector_space",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vector_space"),
    )
    op.create_index("ix_vector_space_active", "vector_space", ["active"], unique=True, sqlite_where=sa.text("active"))
    op.create_table(
        "ml_cache",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["vector_space.id"], name="fk_ml_cache_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ml_cache"),
        sa.UniqueConstraint("sha256", "space_id", name="uq_ml_cache_sha256_space_id"),
    )
    op.create_table(
        "stale_point",
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_stale_point"),
        sa.UniqueConstraint("image_id", name="uq_stale_point_image_id"),
        sqlite_autoincrement=True,
    )
