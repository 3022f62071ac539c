"""Tables of the journal. Events and seals are only ever inserted; the application may not change them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class Event(Base):
    """One line of the journal: at ``at``, ``actor`` did ``kind`` to ``subject`` (``metering/window/…``)."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_at_id", "at", "id"),
        Index("ix_events_subject_id", "subject", "id"),
        Index("ix_events_kind_id", "kind", "id"),
        Index("ix_events_actor_id", "actor", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]


class Unsealed(Base):
    """An event that no seal covers yet."""

    __tablename__ = "events_unsealed"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)


class Seal(Base):
    """A batch of events, hashed together with the seal before it."""

    __tablename__ = "seals"
    __table_args__ = (CheckConstraint("number > 0", name="number_positive"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed_at: Mapped[datetime]
    event_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    previous: Mapped[bytes]
    hash: Mapped[bytes]
