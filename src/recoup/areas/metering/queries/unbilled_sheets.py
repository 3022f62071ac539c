"""Every SELECT of the lists of usage that no contract pays for: in total, and file by file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Part,
    Stream,
    UsageFile,
    Window,
)
from recoup.areas.metering.queries import narrowing
from recoup.areas.metering.rules import quantities
from recoup.core.keyset import Slice
from recoup.core.money import Money
from recoup.web.lists import Wanted


@dataclass(frozen=True, slots=True)
class UnbilledRow:
    """Usage without a contract, in total: whose, of what, how much, since when."""

    stream: str
    currency: str
    subscription: str
    dimension: str
    organization: str
    customer: str
    quantity: Decimal
    records: int
    amount: Decimal
    unpriced: Decimal
    first_hour: datetime
    last_hour: datetime

    @property
    def worth(self) -> Money | None:
        """What it is worth; None where nothing of it was priced."""
        return None if self.unpriced == self.quantity else quantities.worth(self.amount, self.currency)


def unbilled(db: Session, wanted: Wanted) -> Slice[UnbilledRow]:
    """Return usage that no contract pays for, in total; filters ``stream``, ``subscription``, ``dimension``."""
    filters = dict(wanted.filters)
    totals: Any = (
        select(
            Stream.key.label("stream"),
            Stream.currency.label("currency"),
            Part.subscription.label("subscription"),
            Part.dimension.label("dimension"),
            func.max(Part.organization).label("organization"),
            func.max(Part.customer).label("customer"),
            func.sum(Part.quantity).label("quantity"),
            func.sum(Part.records).label("records"),
            func.sum(Part.amount).label("amount"),
            func.sum(Part.unpriced).label("unpriced"),
            func.min(Window.hour).label("first_hour"),
            func.max(Window.hour).label("last_hour"),
        )
        .join(Window, Window.id == Part.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .where(Part.contract.is_(None))
        .group_by(Stream.key, Stream.currency, Part.subscription, Part.dimension)
    )
    totals = narrowing.of_stream(totals, Window.stream_id, filters)
    for name, column in (("subscription", Part.subscription), ("dimension", Part.dimension)):
        if name in filters:
            totals = totals.where(column == filters[name])
    found = totals.subquery()
    names = [found.c.subscription, found.c.dimension, found.c.stream]
    key = names if wanted.order.name == "subscription" else [found.c.amount, *names]
    part = wanted.page_of(db, select(*found.c), key=key)
    return Slice([UnbilledRow(*row) for row in part.rows], part.next)


@dataclass(frozen=True, slots=True)
class UnbilledPart:
    """What one file held of a subscription's usage without a contract."""

    part: Part
    file: str
    hour: datetime
    stream: str
    currency: str

    @property
    def id(self) -> int:
        """The part's id."""
        return self.part.id

    @property
    def worth(self) -> Money | None:
        """What it is worth; None where nothing of it was priced."""
        if self.part.unpriced == self.part.quantity:
            return None
        return quantities.worth(self.part.amount, self.currency)


def unbilled_parts(db: Session, wanted: Wanted) -> Slice[UnbilledPart]:
    """Return usage without a contract, file by file; filters stream, subscription, dimension and window."""
    statement: Any = (
        select(Part, UsageFile.key, Window.hour, Stream.key, Stream.currency)
        .join(Window, Window.id == Part.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .join(UsageFile, UsageFile.id == Part.file_id)
        .where(Part.contract.is_(None))
    )
    filters = dict(wanted.filters)
    statement = narrowing.of_stream(statement, Window.stream_id, filters)
    for name, column in (
        ("subscription", Part.subscription),
        ("dimension", Part.dimension),
        ("window", Part.window_id),
    ):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = wanted.page_of(db, statement, key=[Part.id])
    return Slice([UnbilledPart(*row) for row in part.rows], part.next)
