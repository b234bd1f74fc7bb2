"""Nothing lost: leases that expire, roots that are told apart, files that are forgotten in time, switches."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _leases()
    _roots()
    _what_is_gone()
    op.create_table(
        "setting",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_setting"),
        sqlite_with_rowid=False,
    )


def _leases() -> None:
    op.drop_index("ix_task_lease", "task")
    op.add_column("task", sa.Column("lease_until", sa.Float()))
    op.add_column("task", sa.Column("leases", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("task", sa.Column("abandoned", sa.Integer(), nullable=False, server_default="0"))
    op.drop_column("task", "leased")  # no process runs, so no lease is held
    op.create_index("ix_task_lease", "task", ["lease_until", "not_before", "priority", "id"])
    suspected = sa.text("abandoned > 1")
    op.create_index("ix_task_suspect", "task", ["lease_until", "not_before", "id"], sqlite_where=suspected)


def _roots() -> None:
    op.add_column("watch_root", sa.Column("device", sa.BigInteger()))
    op.add_column("watch_root", sa.Column("inode", sa.BigInteger()))
    op.add_column("watch_root", sa.Column("accept_empty", sa.Boolean(), nullable=False, server_default=sa.false()))


def _what_is_gone() -> None:
    now = {"now": time.time_ns() // 1000}
    op.add_column("file", sa.Column("missing_since", sa.BigInteger()))
    op.add_column("image", sa.Column("orphaned_since", sa.BigInteger()))
    op.get_bind().execute(sa.text("UPDATE file SET missing_since = :now WHERE state = 'missing'"), now)
    op.get_bind().execute(
        sa.text(
            "UPDATE image SET orphaned_since = :now"
            " WHERE NOT EXISTS (SELECT 1 FROM file WHERE file.image_id = image.id)"
        ),
        now,
    )
    op.create_index("ix_file_missing", "file", ["missing_since"], sqlite_where=sa.text("missing_since IS NOT NULL"))
    op.create_index(
        "ix_image_orphaned", "image", ["orphaned_since"], sqlite_where=sa.text("orphaned_since IS NOT NULL")
    )
