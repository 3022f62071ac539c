"""Runs: the last try of what took its workers with it has no other run beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark."""
    op.add_column("runs", sa.Column("alone", sa.Boolean(), server_default=sa.false(), nullable=False))
