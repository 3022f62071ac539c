"""Runs: whoever looked after one says so, and every way to narrow their list is carried by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("runs", sa.Column("looked_after_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("runs", sa.Column("looked_after_by", sa.Text(), nullable=True))
    op.create_index("ix_runs_queued_at_id", "runs", ["queued_at", "id"], unique=False)
    op.create_index(
        "ix_runs_kinds",
        "runs",
        ["job", "state", "trigger", "needs_person", "queued_at", "id"],
        unique=False,
    )
