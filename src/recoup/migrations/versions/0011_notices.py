"""Notices: verified telephone numbers, codes on their way to them, browsers that want to be told, our push keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROLE = "current_setting('recoup.role', true)"
PERSON = "nullif(current_setting('recoup.person', true), '')::uuid"
HOUSE = f"{ROLE} = 'system'"
OWNER = f"{ROLE} in ('system', 'administrator') or person_id = {PERSON}"
E164 = "number ~ '^[+][1-9][0-9]{6,14}$'"

WAYS_OF = """
create function notices_ways_of(whose uuid)
returns table (channel text, number text, subscription uuid, label text, sealed bytea)
language plpgsql as $$
declare
    was text := coalesce(current_setting('recoup.role', true), '');
begin
    -- Who decides on a claim plans what its claimant is told, and sees neither their number nor their browsers else.
    perform set_config('recoup.role', 'system', true);
    return query
        select 'sms', p.number, null::uuid, null::text, null::bytea
        from notices_phones p join people on people.id = p.person_id
        where p.person_id = whose and p.is_wanted and people.state = 'active'
        union all
        select 'push', null, s.id, s.label, s.sealed
        from notices_subscriptions s join people on people.id = s.person_id
        where s.person_id = whose and people.state = 'active'
        order by 1 desc, 3;
    perform set_config('recoup.role', was, true);
end
$$
"""


def upgrade() -> None:
    """Create them, and close them."""
    op.create_table(
        "notices_phones",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_wanted", sa.Boolean(), nullable=False),
        sa.Column("off_reason", sa.Text(), nullable=True),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(E164, name=op.f("ck_notices_phones_e164")),
        sa.CheckConstraint("sent >= 0", name=op.f("ck_notices_phones_sent")),
        sa.CheckConstraint("off_reason is null or not is_wanted", name=op.f("ck_notices_phones_off_reason")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_notices_phones_person_id_people")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_notices_phones")),
    )
    op.create_table(
        "notices_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.CheckConstraint(E164, name=op.f("ck_notices_codes_e164")),
        sa.CheckConstraint("tries between 0 and 5", name=op.f("ck_notices_codes_tries")),
        sa.CheckConstraint(
            "expires_at > created_at and expires_at <= created_at + interval '10 minutes'",
            name=op.f("ck_notices_codes_ten_minutes"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_notices_codes_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices_codes")),
    )
    op.create_index(
        "ix_notices_codes_open",
        "notices_codes",
        ["person_id"],
        unique=True,
        postgresql_where="used_at is null and ended_at is null",
    )
    op.create_index("ix_notices_codes_person_id_created_at", "notices_codes", ["person_id", "created_at"])
    op.create_index("ix_notices_codes_number_created_at", "notices_codes", ["number", "created_at"])
    op.create_index("ix_notices_codes_created_at", "notices_codes", ["created_at"])
    op.create_table(
        "notices_subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "octet_length(endpoint_hash) = 32", name=op.f("ck_notices_subscriptions_endpoint_hash_length")
        ),
        sa.CheckConstraint(
            "length(label) between 1 and 60", name=op.f("ck_notices_subscriptions_label_length")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_notices_subscriptions_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices_subscriptions")),
        sa.UniqueConstraint("endpoint_hash", name=op.f("uq_notices_subscriptions_endpoint_hash")),
    )
    op.create_index("ix_notices_subscriptions_person_id", "notices_subscriptions", ["person_id"])
    op.create_table(
        "notices_push_keys",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_notices_push_keys_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices_push_keys")),
    )
    _secure()


def _secure() -> None:
    for table, rule in (
        ("notices_phones", OWNER),
        ("notices_subscriptions", OWNER),
        ("notices_codes", OWNER),
        ("notices_push_keys", HOUSE),
    ):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using ({rule}) with check ({rule})")
    op.execute(WAYS_OF)
