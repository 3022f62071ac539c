"""Metering's pages: lists that an index carries whatever narrows them, and the currency of a stream's prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    # Until now every stream was in the currency of the settings, whose default this is; the next run says it anew.
    op.add_column("metering_streams", sa.Column("currency", sa.Text(), server_default="USD", nullable=False))
    op.alter_column("metering_streams", "currency", server_default=None)
    op.create_index("ix_metering_windows_hour_id", "metering_windows", ["hour", "id"], unique=False)
    op.create_index("ix_metering_entries_hour_id", "metering_entries", ["hour", "id"], unique=False)
    op.create_index(
        "ix_metering_entries_stream_hour_id",
        "metering_entries",
        ["stream_id", "hour", "id"],
        unique=False,
        postgresql_include=["state"],
    )
    op.create_index(
        "ix_metering_entries_contract_hour_id", "metering_entries", ["contract", "hour", "id"], unique=False
    )
    op.create_index(
        "ix_metering_parts_unbilled_whose",
        "metering_parts",
        ["subscription", "dimension", "id"],
        unique=False,
        postgresql_where=sa.text("contract is null"),
    )
    op.create_index(
        "ix_metering_adjustments_open",
        "metering_adjustments",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
