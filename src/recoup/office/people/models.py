"""Tables of people: who, how they sign in, what they hold, and what they did. Secrets are hashed or sealed.

Row security (migration 0003) shows a row with a ``person_id`` to that person, to administrators and to the house;
what signs people in is for the house alone.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base
from recoup.office.people.permissions import Role


class Factor(StrEnum):
    """What a session showed besides the mail code; ``console``: a link from this server's own command line."""

    NONE = "none"
    TOTP = "totp"
    PASSKEY = "passkey"
    CONSOLE = "console"


def _listed(words: type[StrEnum]) -> str:
    return ", ".join(f"'{word}'" for word in words)


OPEN = "used_at is null and replaced_at is null and ended_at is null"


class Person(Base):
    """Somebody who may come in. Their address is their name here, in its one spelling."""

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint(
            "address = lower(address) and address ~ '^[^@\\s]+@[^@\\s]+$'", name="address_normal"
        ),
        CheckConstraint("length(address) <= 254", name="address_length"),
        CheckConstraint("length(name) <= 100", name="name_length"),
        CheckConstraint(f"role in ({_listed(Role)})", name="role"),
        CheckConstraint("state in ('active', 'disabled')", name="state"),
        CheckConstraint("factor_policy in ('role', 'always')", name="factor_policy"),
        Index("ix_people_role_id", "role", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    zone: Mapped[str]
    state: Mapped[str]
    factor_policy: Mapped[str]
    """``role``: a second factor where the role or the person's own factor asks for it; ``always``: in any case."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    last_seen_at: Mapped[datetime | None]


class Challenge(Base):
    """One request for a mail code. Nothing of the code stands here but a salted, peppered scrypt hash."""

    __tablename__ = "people_challenges"
    __table_args__ = (
        CheckConstraint("octet_length(attempt_hash) = 32", name="attempt_hash_length"),
        CheckConstraint("(salt is null) = (code_hash is null)", name="hash_with_salt"),
        CheckConstraint("tries between 0 and 5", name="tries"),
        CheckConstraint(
            "expires_at > created_at and expires_at <= created_at + interval '10 minutes'", name="ten_minutes"
        ),
        Index("ix_people_challenges_open", "attempt_hash", unique=True, postgresql_where=OPEN),
        Index("ix_people_challenges_address_created_at", "address", "created_at"),
        Index("ix_people_challenges_network_created_at", "network", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str]
    attempt_hash: Mapped[bytes]
    """sha256 of the secret that the browser, or the program, which asked was given."""
    salt: Mapped[bytes | None]
    code_hash: Mapped[bytes | None]
    tries: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    """When the worker decided whether the address gets a code."""
    used_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When it was seen to be too old; a clock that is set back does not revive it."""
    network: Mapped[str]
    client: Mapped[str]
    agent: Mapped[str]


class Failures(Base):
    """Wrong codes of an address since its last right one."""

    __tablename__ = "people_failures"
    __table_args__ = (CheckConstraint("failures > 0", name="failures_positive"),)

    address: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]


class SignIn(Base):
    """A session: of a browser, which holds its token, or of a program, which holds refresh tokens for it."""

    __tablename__ = "people_sessions"
    __table_args__ = (
        CheckConstraint("kind in ('browser', 'program')", name="kind"),
        CheckConstraint("(kind = 'browser') = (token_hash is not null)", name="token_of_a_browser"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_length"),
        CheckConstraint(f"factor in ({_listed(Factor)})", name="factor"),
        CheckConstraint("(factor = 'none') = (factor_at is null)", name="factor_at"),
        CheckConstraint("(ended_at is null) = (ended_by is null)", name="ended_by"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_people_sessions_person_id_id", "person_id", "id"),
        Index("ix_people_sessions_going", "expires_at", postgresql_where="ended_at is null"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]
    token_hash: Mapped[bytes | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    proven_at: Mapped[datetime]
    """When the mail code or the link was shown; a second factor shown later does not renew it."""
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    address: Mapped[str]
    agent: Mapped[str]
    factor: Mapped[str]
    factor_at: Mapped[datetime | None]
    rotated_from: Mapped[UUID | None]


class RefreshToken(Base):
    """A token that a program changes for the next one, once; shown a second time it ends its session."""

    __tablename__ = "people_refresh_tokens"
    __table_args__ = (
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_length"),
        Index("ix_people_refresh_tokens_session_id", "session_id"),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("people_sessions.id", ondelete="CASCADE"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiKey(Base):
    """A person's own key for programs; shown once, kept as a hash."""

    __tablename__ = "people_keys"
    __table_args__ = (
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_length"),
        CheckConstraint("scope in ('look', 'all')", name="scope"),
        CheckConstraint("length(name) between 1 and 100", name="name_length"),
        CheckConstraint("(revoked_at is null) = (revoked_by is null)", name="revoked_by"),
        Index("ix_people_keys_person_id_id", "person_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    prefix: Mapped[str]
    scope: Mapped[str]
    with_factor: Mapped[bool]
    """Made in a session that had shown what its person must show; else it holds no more than that session did."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class Totp(Base):
    """A person's authenticator app. ``last_step`` is the last half minute whose code was taken."""

    __tablename__ = "people_totp"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    sealed: Mapped[bytes]
    last_step: Mapped[int]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class Passkey(Base):
    """A person's passkey: a phone, a computer, a security key."""

    __tablename__ = "people_passkeys"
    __table_args__ = (
        CheckConstraint("length(name) between 1 and 100", name="name_length"),
        Index("ix_people_passkeys_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    credential: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class PasskeyChallenge(Base):
    """What a browser has to sign with a passkey, once."""

    __tablename__ = "people_passkey_challenges"
    __table_args__ = (CheckConstraint("purpose in ('enrol', 'show')", name="purpose"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("people_sessions.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    challenge: Mapped[bytes]
    expires_at: Mapped[datetime]


class FactorTries(Base):
    """How often a person's second factor was guessed in the quarter of an hour that began at ``started_at``."""

    __tablename__ = "people_factor_tries"
    __table_args__ = (CheckConstraint("tries > 0", name="tries_positive"),)

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    tries: Mapped[int]
    started_at: Mapped[datetime]


class Link(Base):
    """A link that signs a person in, once; printed by the command line it stands for a second factor, too."""

    __tablename__ = "people_links"
    __table_args__ = (
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_length"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_people_links_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    counts_as_factor: Mapped[bool]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Access(Base):
    """One line of the access log: who opened, downloaded or changed what. The application only adds to it."""

    __tablename__ = "access_log"
    __table_args__ = (
        CheckConstraint(
            "action in ('opened', 'downloaded', 'changed', 'signed in', 'signed out', 'refused')",
            name="action",
        ),
        Index("ix_access_log_person_id_id", "person_id", "id"),
        Index("ix_access_log_action_id", "action", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[UUID | None]
    name: Mapped[str]
    how: Mapped[str]
    address: Mapped[str]
    agent: Mapped[str]
    method: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    status: Mapped[int | None]
    detail: Mapped[str]
