"""Tables of notices: verified numbers, codes on their way, browsers that want to be told, and the key they know us by.

A number stands in ``notices_phones`` only once it was verified. What a browser gave us lets anybody who has it write to
that browser, so it is sealed; only the push service's host and the device's name are readable.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base

E164 = "number ~ '^[+][1-9][0-9]{6,14}$'"
OPEN = "used_at is null and ended_at is null"


class Phone(Base):
    """Somebody's telephone, which they proved to hold."""

    __tablename__ = "notices_phones"
    __table_args__ = (
        CheckConstraint(E164, name="e164"),
        CheckConstraint("sent >= 0", name="sent"),
        CheckConstraint("off_reason is null or not is_wanted", name="off_reason"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    number: Mapped[str]
    verified_at: Mapped[datetime]
    is_wanted: Mapped[bool]
    off_reason: Mapped[str | None]
    """Why we switched it off, where it was not the person."""
    sent_on: Mapped[date | None]
    sent: Mapped[int]
    """How many notices left on ``sent_on`` (UTC)."""


class NumberCode(Base):
    """One code on its way to a number. Nothing of it stands here but a salted, peppered scrypt hash."""

    __tablename__ = "notices_codes"
    __table_args__ = (
        CheckConstraint(E164, name="e164"),
        CheckConstraint("tries between 0 and 5", name="tries"),
        CheckConstraint(
            "expires_at > created_at and expires_at <= created_at + interval '10 minutes'", name="ten_minutes"
        ),
        Index("ix_notices_codes_open", "person_id", unique=True, postgresql_where=OPEN),
        Index("ix_notices_codes_person_id_created_at", "person_id", "created_at"),
        Index("ix_notices_codes_number_created_at", "number", "created_at"),
        Index("ix_notices_codes_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    number: Mapped[str]
    salt: Mapped[bytes]
    code_hash: Mapped[bytes]
    tries: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When another took its place, or it was given up."""
    refused: Mapped[str | None]
    """Why its SMS could not be sent."""


class Subscription(Base):
    """A browser that wants to be told. ``sealed``: its address and its two keys, as JSON."""

    __tablename__ = "notices_subscriptions"
    __table_args__ = (
        CheckConstraint("octet_length(endpoint_hash) = 32", name="endpoint_hash_length"),
        CheckConstraint("length(label) between 1 and 60", name="label_length"),
        Index("ix_notices_subscriptions_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    endpoint_hash: Mapped[bytes] = mapped_column(unique=True)
    """sha256 of the address, to know it again by."""
    host: Mapped[str]
    label: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class PushKeys(Base):
    """The one key pair by which push services know this installation; every subscription is bound to it."""

    __tablename__ = "notices_push_keys"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    public: Mapped[str]
    sealed: Mapped[bytes]
    """The private one."""
    created_at: Mapped[datetime]


def about_subscription(subscription_id: UUID) -> str:
    """Return what the sealed part of a subscription is bound to."""
    return f"notices_subscriptions/sealed/{subscription_id}"


ABOUT_KEYS = "notices_push_keys/sealed/1"
