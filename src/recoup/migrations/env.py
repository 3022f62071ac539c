"""Alembic's entry: runs on the connection that ``schema.upgrade`` holds, in one transaction."""

from __future__ import annotations

from alembic import context

from recoup.core.db import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
