"""The table of what is owed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class OwedItem(Base):
    """A sum, a party, a state, a lapse date; ``key`` is the area's own name for it, ``link`` leads back there.

    ``amount_minor`` counts minor units of ``currency`` (ISO 4217); both are empty where no price is known. ``weight``
    then says how much it matters, counted in ``weight_unit``, such as views.
    """

    __tablename__ = "owed_items"
    __table_args__ = (
        CheckConstraint("state in ('open', 'settled', 'lapsed')", name="state"),
        CheckConstraint("(amount_minor is null) = (currency is null)", name="amount_with_currency"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        CheckConstraint("(weight is null) = (weight_unit is null)", name="weight_with_unit"),
        CheckConstraint("(state = 'open') = (ended_at is null)", name="ended"),
        Index("ix_owed_items_open_lapse", "lapses_at", postgresql_where="state = 'open'"),
        Index(
            "ix_owed_items_lapse_id", text("coalesce(lapses_at, '9000-01-01 00:00:00+00'::timestamptz)"), "id"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    area: Mapped[str]
    party: Mapped[str]
    title: Mapped[str]
    link: Mapped[str]
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    weight: Mapped[int | None]
    weight_unit: Mapped[str | None]
    state: Mapped[str]
    lapses_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]
