"""Rights: series of reports, reports, versions of claims and assets, changes; what is owed may have a weight."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "rights_series",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("report_type", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("listed_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reauth_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reauth_reason", sa.Text(), nullable=True),
        sa.Column("stale_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('claim', 'asset')", name=op.f("ck_rights_series_kind")),
        sa.CheckConstraint(
            "(reauth_since is null) = (reauth_reason is null)", name=op.f("ck_rights_series_reauth")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_series")),
        sa.UniqueConstraint("owner", "kind", name=op.f("uq_rights_series_owner_kind")),
    )
    op.create_table(
        "rights_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("columns", ARRAY(sa.Text()), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_baseline", sa.Boolean(), nullable=False),
        sa.Column("is_forced", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("things", sa.BigInteger(), nullable=False),
        sa.Column("folded_rows", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("rewritten", sa.BigInteger(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("causes", JSONB(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'taken') = (taken_at is not null)", name=op.f("ck_rights_reports_taken")
        ),
        sa.CheckConstraint(
            "state in ('found', 'kept', 'taken', 'parked', 'rejected', 'superseded', 'lapsed')",
            name=op.f("ck_rights_reports_state"),
        ),
        sa.CheckConstraint(
            "state not in ('kept', 'taken', 'parked') or sha256 is not null",
            name=op.f("ck_rights_reports_has_bytes"),
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_rights_reports_file_id_files")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["rights_series.id"], name=op.f("fk_rights_reports_series_id_rights_series")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_reports")),
        sa.UniqueConstraint("series_id", "report_id", name=op.f("uq_rights_reports_series_id_report_id")),
    )
    op.create_index("ix_rights_reports_day_id", "rights_reports", ["day", "id"], unique=False)
    op.create_index(
        "ix_rights_reports_series_day", "rights_reports", ["series_id", "day", "made_at"], unique=False
    )
    op.create_index(
        "uq_rights_reports_snapshot",
        "rights_reports",
        ["series_id", "day"],
        unique=True,
        postgresql_where=sa.text("state = 'taken'"),
    )
    op.create_table(
        "rights_things",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("claims", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), nullable=False),
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "key", name=op.f("pk_rights_things")),
        postgresql_with={"fillfactor": "80"},
    )
    there = sa.text("not is_gone")
    op.create_index(
        "ix_rights_things_views", "rights_things", ["series_id", "views", "key"], postgresql_where=there
    )
    op.create_index(
        "ix_rights_things_unusual",
        "rights_things",
        ["series_id", "status", "views", "key"],
        postgresql_where=sa.text("not is_gone and status <> 'ACTIVE'"),
    )
    op.create_index("ix_rights_things_asset", "rights_things", ["asset_id", "key"], postgresql_where=there)
    op.create_index("ix_rights_things_video", "rights_things", ["video_id", "key"], postgresql_where=there)
    op.create_table(
        "rights_versions",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("before", sa.Date(), nullable=True),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.CheckConstraint("is_gone = (cells = '')", name=op.f("ck_rights_versions_gone_has_no_cells")),
        sa.CheckConstraint("before < since", name=op.f("ck_rights_versions_chain")),
        sa.PrimaryKeyConstraint("series_id", "since", "key", name=op.f("pk_rights_versions")),
    )
    op.create_table(
        "rights_changes",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("causes", ARRAY(sa.Text()), nullable=False),
        sa.Column("columns", ARRAY(sa.Text()), nullable=False),
        sa.Column("before", ARRAY(sa.Text()), nullable=False),
        sa.Column("after", ARRAY(sa.Text()), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("claims", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artist", sa.Text(), nullable=False),
        sa.CheckConstraint("sort in ('added', 'gone', 'changed')", name=op.f("ck_rights_changes_sort")),
        sa.PrimaryKeyConstraint("report_id", "key", name=op.f("pk_rights_changes")),
    )
    op.create_index(
        "ix_rights_changes_cause", "rights_changes", ["report_id", "cause", "weight", "key"], unique=False
    )
    op.create_index("ix_rights_changes_day", "rights_changes", ["series_id", "day"], unique=False)
    op.create_index(
        "ix_rights_changes_weight", "rights_changes", ["report_id", "weight", "key"], unique=False
    )
    op.add_column("owed_items", sa.Column("weight", sa.BigInteger(), nullable=True))
    op.add_column("owed_items", sa.Column("weight_unit", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_owed_items_weight_with_unit"), "owed_items", "(weight is null) = (weight_unit is null)"
    )
