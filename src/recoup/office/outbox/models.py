"""Tables of the outbox: deliveries, and channels that are stopped as a whole."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class State(StrEnum):
    """Where a delivery stands; see ``rules.py`` for who may move it."""

    PLANNED = "planned"
    LEASED = "leased"
    HANDING = "handing"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    HELD = "held"
    CANCELLED = "cancelled"


STATES = ", ".join(f"'{state}'" for state in State)
KEEPS_SECRETS = "'planned', 'leased', 'handing', 'held'"
"""The states in which the sealed bytes of a secret delivery are still there; a state beyond them erases them."""
MOVING = "state in ('planned', 'leased', 'handing', 'unknown')"


class Delivery(Base):
    """One effect on the outside world, named by ``key``; its payload is frozen when it is planned.

    Where it carries a secret, such as a sign-in code, ``payload`` is what people may see of it; the bytes that leave
    are ``sealed``, opened by the hand-over alone, and gone once it is over.

    ``attempt`` counts claims and is the fence: whoever finishes must name it. ``handings`` counts how often the
    byte that the far side could act on was about to go out. ``crashes`` counts claims that nobody finished.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(f"state in ({STATES})", name="state"),
        CheckConstraint("(state in ('leased', 'handing')) = (lease_until is not null)", name="lease"),
        CheckConstraint(f"sealed is null or (is_secret and state in ({KEEPS_SECRETS}))", name="sealed"),
        Index("ix_deliveries_moving", "channel", "next_attempt_at", postgresql_where=MOVING),
        Index("ix_deliveries_state_id", "state", "id"),
        Index("ix_deliveries_channel_id", "channel", "id"),
        Index("ix_deliveries_kind_id", "kind", "id"),
        Index("ix_deliveries_key_prefix", "key", postgresql_ops={"key": "text_pattern_ops"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    channel: Mapped[str]
    subject: Mapped[str]
    payload: Mapped[bytes]
    is_secret: Mapped[bool]
    sealed: Mapped[bytes | None]
    sha256: Mapped[str]
    headers: Mapped[dict[str, Any]]
    state: Mapped[str]
    attempt: Mapped[int]
    handings: Mapped[int]
    crashes: Mapped[int]
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    reason: Mapped[str | None]
    reference: Mapped[str | None]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class StoppedChannel(Base):
    """A channel whose credentials fail: nothing leaves through it until ``until``, when one delivery tries again."""

    __tablename__ = "stopped_channels"

    channel: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
