"""Metering: streams, windows, files, parts, entries, remainders, adjustments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them all."""
    op.create_table(
        "metering_streams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("first_hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marker_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before_start", sa.Text(), nullable=False),
        sa.Column("lease_run", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_streams")),
        sa.UniqueConstraint("key", name=op.f("uq_metering_streams_key")),
    )
    op.create_table(
        "metering_remainders",
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("carried", sa.Numeric(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["metering_streams.id"],
            name=op.f("fk_metering_remainders_stream_id_metering_streams"),
        ),
        sa.PrimaryKeyConstraint("stream_id", "contract", "dimension", name=op.f("pk_metering_remainders")),
    )
    op.create_table(
        "metering_windows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_by", sa.Text(), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("folded_records", sa.BigInteger(), nullable=False),
        sa.Column("unbilled_records", sa.BigInteger(), nullable=False),
        sa.Column("quarantined_records", sa.BigInteger(), nullable=False),
        sa.Column("quarantined_quantity", sa.Numeric(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'taken') = (taken_at is not null)", name=op.f("ck_metering_windows_taken")
        ),
        sa.CheckConstraint(
            "date_trunc('hour', hour, 'UTC') = hour", name=op.f("ck_metering_windows_whole_hour")
        ),
        sa.CheckConstraint("state in ('waiting', 'held', 'taken')", name=op.f("ck_metering_windows_state")),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["metering_streams.id"],
            name=op.f("fk_metering_windows_stream_id_metering_streams"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_windows")),
        sa.UniqueConstraint("stream_id", "hour", name=op.f("uq_metering_windows_stream_id_hour")),
    )
    op.create_index(
        "ix_metering_windows_open",
        "metering_windows",
        ["stream_id", "hour"],
        unique=False,
        postgresql_where=sa.text("state <> 'taken'"),
    )
    op.create_table(
        "metering_adjustments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("before_quantity", sa.Numeric(), nullable=False),
        sa.Column("after_quantity", sa.Numeric(), nullable=False),
        sa.Column("difference", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state in ('open', 'carried', 'dismissed')", name=op.f("ck_metering_adjustments_state")
        ),
        sa.CheckConstraint(
            "after_quantity - before_quantity = difference", name=op.f("ck_metering_adjustments_difference")
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["metering_windows.id"],
            name=op.f("fk_metering_adjustments_window_id_metering_windows"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_adjustments")),
    )
    op.create_index("ix_metering_adjustments_window_id", "metering_adjustments", ["window_id"], unique=False)
    op.create_table(
        "metering_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("measured", sa.Numeric(), nullable=False),
        sa.Column("carried_in", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("carried_out", sa.Numeric(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=True),
        sa.Column("submissions", sa.BigInteger(), nullable=False),
        sa.Column("handings", sa.BigInteger(), nullable=False),
        sa.Column("answer", JSONB(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('planned', 'accepted', 'rejected', 'duplicate', 'unknown', 'expired', "
            "'held', 'carried', 'restamped', 'dismissed')",
            name=op.f("ck_metering_entries_state"),
        ),
        sa.CheckConstraint(
            "measured + carried_in = quantity + carried_out",
            name=op.f("ck_metering_entries_nothing_vanishes"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_metering_entries_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["metering_streams.id"],
            name=op.f("fk_metering_entries_stream_id_metering_streams"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["deliveries.id"], name=op.f("fk_metering_entries_submission_id_deliveries")
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["metering_windows.id"],
            name=op.f("fk_metering_entries_window_id_metering_windows"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_entries")),
        sa.UniqueConstraint(
            "window_id",
            "contract",
            "dimension",
            name=op.f("uq_metering_entries_window_id_contract_dimension"),
        ),
    )
    op.create_index(
        "ix_metering_entries_open",
        "metering_entries",
        ["state", "hour"],
        unique=False,
        postgresql_where=sa.text("state not in ('accepted', 'carried')"),
    )
    op.create_index("ix_metering_entries_submission_id", "metering_entries", ["submission_id"], unique=False)
    op.create_index(
        "uq_metering_entries_marketplace",
        "metering_entries",
        ["contract", "dimension", "hour"],
        unique=True,
        postgresql_where=sa.text("submission_id is not null"),
    )
    op.create_table(
        "metering_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["window_id"], ["metering_windows.id"], name=op.f("fk_metering_files_window_id_metering_windows")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_files")),
        sa.UniqueConstraint("window_id", "key", "etag", name=op.f("uq_metering_files_window_id_key_etag")),
    )
    op.create_table(
        "metering_parts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("unpriced", sa.Numeric(), nullable=False),
        sa.Column("folded_records", sa.BigInteger(), nullable=False),
        sa.Column("folded_quantity", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["metering_files.id"], name=op.f("fk_metering_parts_file_id_metering_files")
        ),
        sa.ForeignKeyConstraint(
            ["window_id"], ["metering_windows.id"], name=op.f("fk_metering_parts_window_id_metering_windows")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_parts")),
    )
    op.create_index(
        "ix_metering_parts_unbilled",
        "metering_parts",
        ["window_id"],
        unique=False,
        postgresql_where=sa.text("contract is null"),
    )
    op.create_index(
        "ix_metering_parts_window_contract",
        "metering_parts",
        ["window_id", "contract", "dimension"],
        unique=False,
    )
    op.create_table(
        "metering_quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("start_byte", sa.BigInteger(), nullable=False),
        sa.Column("end_byte", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_id"], ["metering_files.id"], name=op.f("fk_metering_quarantine_file_id_metering_files")
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["metering_windows.id"],
            name=op.f("fk_metering_quarantine_window_id_metering_windows"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_quarantine")),
    )
    op.create_index(
        "ix_metering_quarantine_window_id_id", "metering_quarantine", ["window_id", "id"], unique=False
    )
