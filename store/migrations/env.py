"""Run by alembic: `store.migrate` hands over the connection."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite's is; alembic assumes the old driver that committed before each statement
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
