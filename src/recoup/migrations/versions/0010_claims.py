"""Claims: policies, claims and all that hangs on them; files that were withdrawn; row security."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# In brackets, Postgres asks once for each statement, not for each row, and no longer takes staff for a few rows: of a
# million claims a sum is then twice as fast, and the queue is read in the order of its indexes.
ROLE = "current_setting('recoup.role', true)"
PERSON = "(select nullif(current_setting('recoup.person', true), '')::uuid)"
STAFF = f"(select {ROLE} in ('system', 'administrator', 'reviewer', 'analyst'))"
OPEN = sa.text("status in ('pending', 'under_review')")

OWNED = (
    "claims_policies",
    "claims",
    "claims_lines",
    "claims_documents",
    "claims_history",
    "claims_payments",
    "claims_notes",
    "claims_drafts",
    "claims_filings",
)
"""The policy holder sees their own rows, who works here all of them."""
FOR_STAFF = ("claims_decisions", "claims_flags", "claims_proposals", "claims_estimates")
"""What helps a reviewer to decide is not the claimant's to look at."""
OWN = ("claims_views",)
"""Whoever saved one sees it."""


def upgrade() -> None:
    """Create them all, and close them."""
    op.create_table(
        "claims_model_cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("data_sha256", sa.Text(), nullable=False),
        sa.Column("error", sa.BigInteger(), nullable=False),
        sa.Column("median_error", sa.BigInteger(), nullable=False),
        sa.Column("is_used", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_model_cards")),
    )
    op.create_table(
        "claims_policies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("policy_number", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("premium_minor", sa.BigInteger(), nullable=False),
        sa.Column("sum_insured_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("auto_renew", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('auto', 'health', 'life', 'home', 'travel', 'other')",
            name=op.f("ck_claims_policies_kind"),
        ),
        sa.CheckConstraint(
            "status in ('active', 'expired', 'cancelled')", name=op.f("ck_claims_policies_status")
        ),
        sa.CheckConstraint(
            "char_length(currency) = 3 and currency = upper(currency)",
            name=op.f("ck_claims_policies_currency"),
        ),
        sa.CheckConstraint("end_date >= start_date", name=op.f("ck_claims_policies_days")),
        sa.CheckConstraint(
            "length(policy_number) between 1 and 64", name=op.f("ck_claims_policies_number_length")
        ),
        sa.CheckConstraint("premium_minor >= 0", name=op.f("ck_claims_policies_premium_not_negative")),
        sa.CheckConstraint("sum_insured_minor > 0", name=op.f("ck_claims_policies_sum_insured_positive")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_policies_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_policies")),
        sa.UniqueConstraint("policy_number", name=op.f("uq_claims_policies_policy_number")),
    )
    op.create_index("ix_claims_policies_person_id_id", "claims_policies", ["person_id", "id"], unique=False)
    op.create_table(
        "claims_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(name) between 1 and 60", name=op.f("ck_claims_views_name_length")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_views_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_views")),
        sa.UniqueConstraint("person_id", "name", name=op.f("uq_claims_views_person_id_name")),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_number", sa.Text(), nullable=False),
        sa.Column("claim_type", sa.Text(), nullable=False),
        sa.Column("incident_date", sa.Date(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claim_minor", sa.BigInteger(), nullable=False),
        sa.Column("approved_minor", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_notes", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("open_flags", sa.BigInteger(), nullable=False),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("loss_time", sa.Time(), nullable=True),
        sa.Column("loss_location", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("police_report_no", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(approved_minor is not null) = (status in ('approved', 'completed'))",
            name=op.f("ck_claims_approved_with_amount"),
        ),
        sa.CheckConstraint(
            "(decided_at is not null) = (status in ('approved', 'rejected', 'completed'))",
            name=op.f("ck_claims_decided"),
        ),
        sa.CheckConstraint("claim_number ~ '^CLM-[0-9]{8}-[0-9A-F]{8}$'", name=op.f("ck_claims_number")),
        sa.CheckConstraint(
            "claim_type in ('medical', 'accident', 'property_damage', 'theft', 'fire', 'natural_disaster', 'other')",
            name=op.f("ck_claims_type"),
        ),
        sa.CheckConstraint(
            "status <> 'rejected' or status_notes <> ''", name=op.f("ck_claims_rejected_with_notes")
        ),
        sa.CheckConstraint(
            "status in ('pending', 'under_review', 'approved', 'rejected', 'completed')",
            name=op.f("ck_claims_status"),
        ),
        sa.CheckConstraint(
            "approved_minor > 0 and approved_minor <= claim_minor", name=op.f("ck_claims_approved_bounded")
        ),
        sa.CheckConstraint(
            "char_length(currency) = 3 and currency = upper(currency)", name=op.f("ck_claims_currency")
        ),
        sa.CheckConstraint("claim_minor > 0", name=op.f("ck_claims_amount_positive")),
        sa.CheckConstraint(
            "length(description) between 1 and 10000", name=op.f("ck_claims_description_length")
        ),
        sa.CheckConstraint("open_flags >= 0", name=op.f("ck_claims_open_flags")),
        sa.CheckConstraint(
            "due_at is not null or not (status in ('pending', 'under_review'))",
            name=op.f("ck_claims_open_is_due"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_claims_version")),
        sa.ForeignKeyConstraint(["assignee_id"], ["people.id"], name=op.f("fk_claims_assignee_id_people")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_person_id_people")),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["claims_policies.id"], name=op.f("fk_claims_policy_id_claims_policies")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("claim_number", name=op.f("uq_claims_claim_number")),
    )
    op.create_index(
        "ix_claims_open_asked",
        "claims",
        ["asked_at", "id"],
        unique=False,
        postgresql_where=sa.text("asked_at is not null and status in ('pending', 'under_review')"),
    )
    op.create_index(
        "ix_claims_not_looked_at",
        "claims",
        ["id"],
        unique=False,
        postgresql_where=sa.text("looked_at is null and not is_history"),
    )
    op.create_index(
        "ix_claims_imported",
        "claims",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("is_history"),
    )
    # What is decided has a reviewer and waits for nothing, so that of what is open Postgres would expect next to none.
    op.execute(
        "create statistics claims_standing (mcv, dependencies) on status, assignee_id, asked_at from claims"
    )
    op.create_index("ix_claims_amount_id", "claims", ["claim_minor", "id"], unique=False)
    op.create_index(
        "ix_claims_open_assignee_id",
        "claims",
        ["assignee_id", "id"],
        unique=False,
        postgresql_where=OPEN,
        postgresql_include=["person_id"],
    )
    op.create_index(
        "ix_claims_created_at",
        "claims",
        ["created_at", "id"],
        unique=False,
        postgresql_include=["claim_type", "currency", "claim_minor", "is_history", "person_id"],
    )
    op.create_index(
        "ix_claims_decided_at",
        "claims",
        ["decided_at", "id"],
        unique=False,
        postgresql_where=sa.text("decided_at is not null"),
        postgresql_include=[
            "created_at",
            "claim_type",
            "currency",
            "claim_minor",
            "approved_minor",
            "status",
            "reason_code",
            "is_history",
            "person_id",
        ],
    )
    op.create_index(
        "ix_claims_policy_number",
        "claims",
        ["policy_number", "id"],
        unique=False,
        postgresql_ops={"policy_number": "text_pattern_ops"},
    )
    op.create_index(
        "ix_claims_person_name",
        "claims",
        ["person_name", "id"],
        unique=False,
        postgresql_ops={"person_name": "text_pattern_ops"},
    )
    op.create_index(
        "ix_claims_open_amount",
        "claims",
        ["claim_minor", "id"],
        unique=False,
        postgresql_where=OPEN,
    )
    op.create_index(
        "ix_claims_open_due",
        "claims",
        ["due_at", "id"],
        unique=False,
        postgresql_where=OPEN,
        postgresql_include=[
            "claim_minor",
            "currency",
            "open_flags",
            "status",
            "created_at",
            "claim_type",
            "assignee_id",
            "person_id",
        ],
    )
    op.create_index(
        "ix_claims_open_flags",
        "claims",
        ["open_flags", "id"],
        unique=False,
        postgresql_where=OPEN,
    )
    op.create_index(
        "ix_claims_open_id",
        "claims",
        ["id"],
        unique=False,
        postgresql_where=OPEN,
        postgresql_include=["person_id"],
    )
    op.create_index("ix_claims_person_id_id", "claims", ["person_id", "id"], unique=False)
    op.create_index("ix_claims_policy_id", "claims", ["policy_id"], unique=False)
    op.create_index("ix_claims_status_id", "claims", ["status", "id"], unique=False)
    _what_hangs_on_claims()
    op.create_table(
        "withdrawn_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_withdrawn_files_file_id_files")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_withdrawn_files")),
    )
    _secure()


def _what_hangs_on_claims() -> None:
    op.create_table(
        "claims_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("lines", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("first_by", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_by", sa.Text(), nullable=True),
        sa.Column("second_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("second_note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'applied', 'declined')", name=op.f("ck_claims_decisions_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_claims_decisions_amount_positive")),
        sa.CheckConstraint(
            "second_by is distinct from first_by or second_by is null",
            name=op.f("ck_claims_decisions_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_claims_decisions_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_decisions_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_decisions")),
    )
    op.create_index("ix_claims_decisions_person_id", "claims_decisions", ["person_id"], unique=False)
    op.create_index(
        "ix_claims_decisions_waiting",
        "claims_decisions",
        ["claim_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "claims_drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("typed", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("filed_claim_id", sa.BigInteger(), nullable=True),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(filed_claim_id is null) = (filed_at is null)", name=op.f("ck_claims_drafts_filed")
        ),
        sa.ForeignKeyConstraint(
            ["filed_claim_id"], ["claims.id"], name=op.f("fk_claims_drafts_filed_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_drafts_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_drafts")),
    )
    op.create_index("ix_claims_drafts_person_id", "claims_drafts", ["person_id", "id"], unique=False)
    op.create_table(
        "claims_estimates",
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("low_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("high_minor", sa.BigInteger(), nullable=False),
        sa.Column("similar", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "low_minor <= expected_minor and expected_minor <= high_minor",
            name=op.f("ck_claims_estimates_ordered"),
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_claims_estimates_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_estimates_person_id_people")
        ),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claims_estimates")),
    )
    op.create_index("ix_claims_estimates_person_id", "claims_estimates", ["person_id"], unique=False)
    op.create_table(
        "claims_filings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(key) between 1 and 255", name=op.f("ck_claims_filings_key_length")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_filings_claim_id_claims")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_filings_person_id_people")
        ),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_claims_filings")),
    )
    op.create_table(
        "claims_flags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("finding in ('right', 'wrong')", name=op.f("ck_claims_flags_finding")),
        sa.CheckConstraint(
            "kind in ('same_document', 'similar_picture', 'early', 'before_start', 'large', 'outlier', 'velocity', "
            "'round', 'file_date')",
            name=op.f("ck_claims_flags_kind"),
        ),
        sa.CheckConstraint(
            "(resolved_at is null) = (finding is null)", name=op.f("ck_claims_flags_resolved")
        ),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_flags_claim_id_claims")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_flags_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_flags")),
        sa.UniqueConstraint("claim_id", "kind", "about", name=op.f("uq_claims_flags_claim_id_kind_about")),
    )
    op.create_index("ix_claims_flags_kind_finding", "claims_flags", ["kind", "finding"], unique=False)
    op.create_index("ix_claims_flags_person_id", "claims_flags", ["person_id"], unique=False)
    op.create_table(
        "claims_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_history_claim_id_claims")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_history_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_history")),
    )
    op.create_index(
        "ix_claims_history_decided",
        "claims_history",
        ["actor", "at"],
        unique=False,
        postgresql_where=sa.text("status in ('approved', 'rejected') and reason_code <> 'withdrawn'"),
        postgresql_include=["status", "claim_id", "person_id"],
    )
    op.create_index("ix_claims_history_claim_id", "claims_history", ["claim_id", "id"], unique=False)
    op.create_index("ix_claims_history_person_id", "claims_history", ["person_id"], unique=False)
    op.create_table(
        "claims_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("claimed_minor", sa.BigInteger(), nullable=False),
        sa.Column("approved_minor", sa.BigInteger(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "approved_minor between 0 and claimed_minor", name=op.f("ck_claims_lines_approved_bounded")
        ),
        sa.CheckConstraint("claimed_minor > 0", name=op.f("ck_claims_lines_claimed_positive")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_lines_claim_id_claims")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_lines_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_lines")),
        sa.UniqueConstraint("claim_id", "position", name=op.f("uq_claims_lines_claim_id_position")),
    )
    op.create_index("ix_claims_lines_person_id", "claims_lines", ["person_id"], unique=False)
    op.create_table(
        "claims_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("from_staff", sa.Boolean(), nullable=False),
        sa.Column("is_request", sa.Boolean(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("length(text) between 1 and 4000", name=op.f("ck_claims_notes_text_length")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_notes_claim_id_claims")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_claims_notes_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_notes")),
    )
    op.create_index("ix_claims_notes_claim_id", "claims_notes", ["claim_id", "id"], unique=False)
    op.create_index("ix_claims_notes_person_id", "claims_notes", ["person_id"], unique=False)
    op.create_table(
        "claims_payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'open') = (ended_at is null)", name=op.f("ck_claims_payments_ended")),
        sa.CheckConstraint("state in ('open', 'paid', 'void')", name=op.f("ck_claims_payments_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_claims_payments_amount_positive")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claims_payments_claim_id_claims")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_payments_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_payments")),
    )
    op.create_index("ix_claims_payments_claim_id", "claims_payments", ["claim_id"], unique=False)
    op.create_index(
        "ix_claims_payments_open",
        "claims_payments",
        ["claim_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_claims_payments_person_id", "claims_payments", ["person_id"], unique=False)
    op.create_table(
        "claims_documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("original_size", sa.BigInteger(), nullable=False),
        sa.Column("original_sha256", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.BigInteger(), nullable=True),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("removed", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('pdf', 'jpeg', 'png', 'doc', 'docx')", name=op.f("ck_claims_documents_kind")
        ),
        sa.CheckConstraint(
            "state in ('kept', 'held', 'infected', 'withdrawn')", name=op.f("ck_claims_documents_state")
        ),
        sa.CheckConstraint(
            "(claim_id is null) <> (draft_id is null)", name=op.f("ck_claims_documents_on_one_thing")
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_claims_documents_size_positive")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_claims_documents_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["claims_drafts.id"], name=op.f("fk_claims_documents_draft_id_claims_drafts")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_claims_documents_file_id_files")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_documents_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_documents")),
    )
    op.create_index("ix_claims_documents_claim_id", "claims_documents", ["claim_id", "id"], unique=False)
    op.create_index(
        "ix_claims_documents_draft_id",
        "claims_documents",
        ["draft_id", "id"],
        unique=False,
        postgresql_where=sa.text("draft_id is not null"),
    )
    op.create_index(
        "ix_claims_documents_fingerprint",
        "claims_documents",
        ["id"],
        unique=False,
        postgresql_where=sa.text("fingerprint is not null"),
    )
    op.create_index(
        "ix_claims_documents_held",
        "claims_documents",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_claims_documents_original_sha256", "claims_documents", ["original_sha256"], unique=False
    )
    op.create_index("ix_claims_documents_person_id", "claims_documents", ["person_id"], unique=False)
    op.create_table(
        "claims_proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("page", sa.BigInteger(), nullable=False),
        sa.Column("box", JSONB(), nullable=False),
        sa.Column("confidence", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "field in ('date', 'amount', 'currency', 'supplier')", name=op.f("ck_claims_proposals_field")
        ),
        sa.CheckConstraint("confidence between 0 and 1000", name=op.f("ck_claims_proposals_confidence")),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["claims_documents.id"],
            name=op.f("fk_claims_proposals_document_id_claims_documents"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_proposals_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims_proposals")),
    )
    op.create_index("ix_claims_proposals_document_id", "claims_proposals", ["document_id"], unique=False)
    op.create_index("ix_claims_proposals_person_id", "claims_proposals", ["person_id"], unique=False)


def _secure() -> None:
    rules = {
        **dict.fromkeys(OWNED, f"{STAFF} or person_id = {PERSON}"),
        **dict.fromkeys(FOR_STAFF, STAFF),
        **dict.fromkeys(OWN, f"{ROLE} = 'system' or person_id = {PERSON}"),
    }
    for table, rule in rules.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using ({rule}) with check ({rule})")
