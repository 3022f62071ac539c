"""The portal: what the overview and the timelines ask for is carried by indexes; a file says who may open it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("files", sa.Column("may", sa.Text(), server_default="", nullable=False))
    op.alter_column("files", "may", server_default=None)
    op.create_index("ix_events_actor_id", "events", ["actor", "id"], unique=False)
    op.create_index(
        "ix_runs_ended_badly",
        "runs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("state in ('failed', 'parked')"),
    )
    op.create_index(
        "ix_owed_items_lapse_id",
        "owed_items",
        [sa.text("coalesce(lapses_at, '9000-01-01 00:00:00+00'::timestamptz)"), "id"],
        unique=False,
    )
