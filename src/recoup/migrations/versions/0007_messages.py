"""Messages: what each mail was made from, templates as versions, drafts; indexes for the pages of the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_index("ix_deliveries_channel_id", "deliveries", ["channel", "id"], unique=False)
    op.create_index("ix_deliveries_kind_id", "deliveries", ["kind", "id"], unique=False)
    op.create_index(
        "ix_deliveries_key_prefix",
        "deliveries",
        ["key"],
        unique=False,
        postgresql_ops={"key": "text_pattern_ops"},
    )
    op.create_table(
        "messages",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("context", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("version >= 0", name=op.f("ck_messages_version")),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name=op.f("fk_messages_delivery_id_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_template_delivery_id", "messages", ["template", "delivery_id"], unique=False)
    op.create_index(
        "ix_messages_recipient",
        "messages",
        ["recipient"],
        unique=False,
        postgresql_ops={"recipient": "text_pattern_ops"},
    )
    op.create_table(
        "message_templates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_message_templates_version_positive")),
        sa.CheckConstraint(
            "(subject is null) = (text is null) and (text is null) = (html is null)",
            name=op.f("ck_message_templates_all_or_nothing"),
        ),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_message_templates")),
    )
    op.create_table(
        "message_drafts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("seen_version", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "actor", name=op.f("pk_message_drafts")),
    )
    # What was planned before says of its template and its recipient as much as its delivery does.
    op.execute(
        "insert into messages (delivery_id, template, version, recipient, subject, is_test, context) "
        "select id, split_part(subject, '/', 2), 0, lower(headers ->> 'to'), "
        "replace(split_part(subject, '/', 2), '_', ' '), false, '{}' "
        "from deliveries where subject like 'messages/%' and headers ? 'to'"
    )
