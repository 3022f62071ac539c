"""People: who may come in, how, what they hold, what they did; sealed payloads in the outbox; row security."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Who asks is said per transaction (core/db.act_as). A connection that does not say it is nobody, and sees nothing.
ROLE = "current_setting('recoup.role', true)"
PERSON = "nullif(current_setting('recoup.person', true), '')::uuid"
HOUSE = f"{ROLE} = 'system'"
RUNS = f"{ROLE} in ('system', 'administrator')"

OWNED = (
    "people_sessions",
    "people_refresh_tokens",
    "people_keys",
    "people_totp",
    "people_passkeys",
    "people_passkey_challenges",
    "people_factor_tries",
)
"""Their owner, administrators and the house itself see and write a row."""
FOR_THE_HOUSE = ("people_challenges", "people_failures", "people_links")
"""What lets people in is nobody's to look at."""

GUARD = f"""
create function people_guard() returns trigger language plpgsql as $$
begin
    if {RUNS} then
        return new;
    end if;
    if (new.id, new.address, new.role, new.state, new.factor_policy, new.created_at, new.created_by)
        is distinct from
        (old.id, old.address, old.role, old.state, old.factor_policy, old.created_at, old.created_by)
    then
        raise insufficient_privilege using message = 'only administrators change what somebody is';
    end if;
    return new;
end
$$
"""


def upgrade() -> None:
    """Create them all, and close them."""
    op.create_table(
        "access_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "action in ('opened', 'downloaded', 'changed', 'signed in', 'signed out', 'refused')",
            name=op.f("ck_access_log_action"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
    )
    op.create_index("ix_access_log_action_id", "access_log", ["action", "id"], unique=False)
    op.create_index("ix_access_log_person_id_id", "access_log", ["person_id", "id"], unique=False)
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("factor_policy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "address = lower(address) and address ~ '^[^@\\s]+@[^@\\s]+$'",
            name=op.f("ck_people_address_normal"),
        ),
        sa.CheckConstraint("factor_policy in ('role', 'always')", name=op.f("ck_people_factor_policy")),
        sa.CheckConstraint(
            "role in ('customer', 'analyst', 'reviewer', 'administrator')", name=op.f("ck_people_role")
        ),
        sa.CheckConstraint("state in ('active', 'disabled')", name=op.f("ck_people_state")),
        sa.CheckConstraint("length(address) <= 254", name=op.f("ck_people_address_length")),
        sa.CheckConstraint("length(name) <= 100", name=op.f("ck_people_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("address", name=op.f("uq_people_address")),
    )
    op.create_index("ix_people_role_id", "people", ["role", "id"], unique=False)
    op.create_table(
        "people_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("attempt_hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "expires_at > created_at and expires_at <= created_at + interval '10 minutes'",
            name=op.f("ck_people_challenges_ten_minutes"),
        ),
        sa.CheckConstraint(
            "(salt is null) = (code_hash is null)", name=op.f("ck_people_challenges_hash_with_salt")
        ),
        sa.CheckConstraint(
            "octet_length(attempt_hash) = 32", name=op.f("ck_people_challenges_attempt_hash_length")
        ),
        sa.CheckConstraint("tries between 0 and 5", name=op.f("ck_people_challenges_tries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_challenges")),
    )
    op.create_index(
        "ix_people_challenges_address_created_at",
        "people_challenges",
        ["address", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_people_challenges_network_created_at",
        "people_challenges",
        ["network", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_people_challenges_open",
        "people_challenges",
        ["attempt_hash"],
        unique=True,
        postgresql_where="used_at is null and replaced_at is null and ended_at is null",
    )
    op.create_table(
        "people_failures",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("failures > 0", name=op.f("ck_people_failures_failures_positive")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_people_failures")),
    )
    op.create_table(
        "people_factor_tries",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("tries > 0", name=op.f("ck_people_factor_tries_tries_positive")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_people_factor_tries_person_id_people")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people_factor_tries")),
    )
    op.create_table(
        "people_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("with_factor", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.CheckConstraint("scope in ('look', 'all')", name=op.f("ck_people_keys_scope")),
        sa.CheckConstraint(
            "(revoked_at is null) = (revoked_by is null)", name=op.f("ck_people_keys_revoked_by")
        ),
        sa.CheckConstraint("length(name) between 1 and 100", name=op.f("ck_people_keys_name_length")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_people_keys_token_hash_length")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_people_keys_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_people_keys_token_hash")),
    )
    op.create_index("ix_people_keys_person_id_id", "people_keys", ["person_id", "id"], unique=False)
    op.create_table(
        "people_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("counts_as_factor", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_people_links_expires_later")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_people_links_token_hash_length")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_people_links_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_people_links_token_hash")),
    )
    op.create_index("ix_people_links_person_id", "people_links", ["person_id"], unique=False)
    op.create_table(
        "people_passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(name) between 1 and 100", name=op.f("ck_people_passkeys_name_length")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_people_passkeys_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_passkeys")),
        sa.UniqueConstraint("credential", name=op.f("uq_people_passkeys_credential")),
    )
    op.create_index("ix_people_passkeys_person_id", "people_passkeys", ["person_id"], unique=False)
    op.create_table(
        "people_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column("factor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotated_from", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(factor = 'none') = (factor_at is null)", name=op.f("ck_people_sessions_factor_at")
        ),
        sa.CheckConstraint(
            "(kind = 'browser') = (token_hash is not null)",
            name=op.f("ck_people_sessions_token_of_a_browser"),
        ),
        sa.CheckConstraint(
            "factor in ('none', 'totp', 'passkey', 'console')", name=op.f("ck_people_sessions_factor")
        ),
        sa.CheckConstraint("kind in ('browser', 'program')", name=op.f("ck_people_sessions_kind")),
        sa.CheckConstraint(
            "(ended_at is null) = (ended_by is null)", name=op.f("ck_people_sessions_ended_by")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_people_sessions_expires_later")),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_people_sessions_token_hash_length")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_people_sessions_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_people_sessions_token_hash")),
    )
    op.create_index(
        "ix_people_sessions_going",
        "people_sessions",
        ["expires_at"],
        unique=False,
        postgresql_where="ended_at is null",
    )
    op.create_index("ix_people_sessions_person_id_id", "people_sessions", ["person_id", "id"], unique=False)
    op.create_table(
        "people_totp",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_people_totp_person_id_people")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people_totp")),
    )
    op.create_table(
        "people_passkey_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose in ('enrol', 'show')", name=op.f("ck_people_passkey_challenges_purpose")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_people_passkey_challenges_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["people_sessions.id"],
            name=op.f("fk_people_passkey_challenges_session_id_people_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_passkey_challenges")),
    )
    op.create_index(
        op.f("ix_people_passkey_challenges_person_id"),
        "people_passkey_challenges",
        ["person_id"],
        unique=False,
    )
    op.create_table(
        "people_refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_people_refresh_tokens_token_hash_length")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_people_refresh_tokens_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["people_sessions.id"],
            name=op.f("fk_people_refresh_tokens_session_id_people_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_people_refresh_tokens")),
    )
    op.create_index(
        "ix_people_refresh_tokens_session_id", "people_refresh_tokens", ["session_id"], unique=False
    )
    # What is planned already carries no secret.
    op.add_column(
        "deliveries", sa.Column("is_secret", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.alter_column("deliveries", "is_secret", server_default=None)
    op.add_column("deliveries", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(
        op.f("ck_deliveries_sealed"),
        "deliveries",
        "sealed is null or (is_secret and state in ('planned', 'leased', 'handing', 'held'))",
    )
    _secure()


def _secure() -> None:
    for table in ("people", "access_log", *OWNED, *FOR_THE_HOUSE):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
    for table in OWNED:
        owner = f"{RUNS} or person_id = {PERSON}"
        op.execute(f"create policy owner on {table} using ({owner}) with check ({owner})")
    for table in FOR_THE_HOUSE:
        op.execute(f"create policy house on {table} using ({HOUSE}) with check ({HOUSE})")
    # A person sees themselves; reviewers see whose claims they decide.
    seen = f"{ROLE} in ('system', 'administrator', 'reviewer') or id = {PERSON}"
    op.execute(f"create policy seen on people for select using ({seen})")
    op.execute(f"create policy made on people for insert with check ({RUNS})")
    op.execute(f"create policy own on people for update using ({RUNS} or id = {PERSON})")
    op.execute(GUARD)
    op.execute("create trigger guard before update on people for each row execute function people_guard()")
    op.execute(f"create policy seen on access_log for select using ({RUNS} or person_id = {PERSON})")
    op.execute(f"create policy written on access_log for insert with check ({RUNS} or person_id = {PERSON})")
