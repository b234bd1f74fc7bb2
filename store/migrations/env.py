"""Run by alembic: `store.migrate` hands over the connection."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite's is; alembic thinks of the old driver, which committed before each
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
