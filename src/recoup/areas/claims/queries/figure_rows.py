"""Claims counted and summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from recoup.areas.claims.models import DECIDED, Claim, History, Status
from recoup.areas.claims.rules.figures import LONGEST_HOURS, Period

MOST_REVIEWERS = 200
LATEST = 200
"""Decisions of a reviewer from which it is reckoned how long they take."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many claims there are, pend, and are flagged; what was approved, in minor units by currency."""

    claims: int
    pending: int
    flagged: int
    approved: Mapping[str, int]


def totals(db: Session) -> Totals:
    """Count them all; claims that were imported as history are left out."""
    own = ~Claim.is_history
    count = func.count()
    row = db.execute(
        select(count, count.filter(Claim.status == Status.PENDING), count.filter(Claim.open_flags > 0)).where(
            own
        )
    ).one()
    sums = (
        select(Claim.currency, func.sum(Claim.approved_minor))
        .where(own, Claim.approved_minor.is_not(None))
        .group_by(Claim.currency)
    )
    approved = {currency: int(minor or 0) for currency, minor in db.execute(sums)}
    return Totals(row[0], row[1], row[2], approved)


# ---------------------------------------------------------------- by spans of a period


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which claims figures are about; None: all of them. ``history``: those that were imported as history, too."""

    claim_type: str | None = None
    currency: str | None = None
    history: bool = True

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return them for a statement on claims."""
        wanted: list[ColumnElement[bool]] = []
        if self.claim_type is not None:
            wanted.append(Claim.claim_type == self.claim_type)
        if self.currency is not None:
            wanted.append(Claim.currency == self.currency)
        if not self.history:
            wanted.append(~Claim.is_history)
        return wanted


@dataclass(frozen=True, slots=True)
class Filed:
    """Claims of a type and currency that were filed within a span (counted from 0), and what they claim."""

    span: int
    claim_type: str
    currency: str
    claims: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Decided:
    """Claims of a type and currency that were decided within a span; amounts in minor units.

    ``claimed`` is what the approved ones had claimed.
    """

    span: int
    claim_type: str
    currency: str
    approved: int
    rejected: int
    claimed: int
    approved_minor: int


def filed(db: Session, period: Period, narrowed: Narrowed) -> list[Filed]:
    """Count what was filed; an index holds all that this looks at."""
    span = _span(Claim.created_at, period)
    statement = (
        select(span, Claim.claim_type, Claim.currency, func.count(), func.sum(Claim.claim_minor))
        .where(Claim.created_at >= period.edges[0], Claim.created_at < period.until, *narrowed.conditions())
        .group_by(span, Claim.claim_type, Claim.currency)
    )
    return [
        Filed(at - 1, kind, currency, count, int(sum_))
        for at, kind, currency, count, sum_ in db.execute(statement)
    ]


def decided(db: Session, period: Period, narrowed: Narrowed) -> list[Decided]:
    """Count what was decided, without what was withdrawn; an index holds all that this looks at."""
    span = _span(Claim.decided_at, period)
    is_rejected = Claim.status == Status.REJECTED
    of_approved = func.sum(case((is_rejected, 0), else_=Claim.claim_minor))
    statement = _decided(
        select(
            span,
            Claim.claim_type,
            Claim.currency,
            func.count().filter(~is_rejected),
            func.count().filter(is_rejected),
            of_approved,
            func.coalesce(func.sum(Claim.approved_minor), 0),
        ),
        period,
        narrowed,
    ).group_by(span, Claim.claim_type, Claim.currency)
    return [
        Decided(at - 1, kind, currency, approved, rejected, int(claimed or 0), int(minor))
        for at, kind, currency, approved, rejected, claimed, minor in db.execute(statement)
    ]


def hours_to_decide(db: Session, period: Period, narrowed: Narrowed) -> dict[int, Counter[int]]:
    """Return how many claims took how many whole hours from filing to their decision, by span.

    Imported history is left out: nobody here decided it.
    """
    span = _span(Claim.decided_at, period)
    seconds = func.date_part("epoch", Claim.decided_at - Claim.created_at)
    hours = cast(func.least(func.floor(func.greatest(seconds, 0) / 3600), LONGEST_HOURS), Integer)
    statement = _decided(select(span, hours, func.count()), period, narrowed)
    found: dict[int, Counter[int]] = {}
    for at, hour, count in db.execute(statement.where(~Claim.is_history).group_by(span, hours)):
        found.setdefault(at - 1, Counter())[hour] += count
    return found


def _decided(
    statement: Select[*tuple[Any, ...]], period: Period, narrowed: Narrowed
) -> Select[*tuple[Any, ...]]:
    return statement.where(
        Claim.decided_at >= period.edges[0],
        Claim.decided_at < period.until,
        Claim.reason_code != "withdrawn",
        *narrowed.conditions(),
    )


def _span(at: Any, period: Period) -> ColumnElement[int]:
    """Return the number of the span, from 1, that an instant lies in."""
    edges = literal(period.edges, ARRAY(DateTime(timezone=True)))
    return func.width_bucket(at, edges, type_=Integer)


# ---------------------------------------------------------------- reviewers


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What somebody decided within a period; ``hours`` is the median from filing, of their latest decisions."""

    actor: str
    approved: int
    rejected: int
    hours: int | None


def reviewers(db: Session, period: Period) -> list[Reviewed]:
    """Return what each reviewer decided, who decided most first."""
    actors = _actors(db)
    if not actors:
        return []
    who = func.unnest(cast(actors, ARRAY(Text))).table_valued("actor").render_derived()
    within = (
        text(DECIDED),
        History.actor == who.c.actor,
        History.at >= period.edges[0],
        History.at < period.until,
    )
    one = select(History.status).where(*within).lateral()
    counted = (
        select(
            who.c.actor,
            func.count().filter(one.c.status == Status.APPROVED),
            func.count().filter(one.c.status == Status.REJECTED),
        )
        .select_from(who.join(one, true()))
        .group_by(who.c.actor)
    )
    latest = (
        select(History.claim_id, History.at)
        .where(*within)
        .order_by(History.at.desc())
        .limit(LATEST)
        .lateral()
    )
    took = func.date_part("epoch", latest.c.at - Claim.created_at) / 3600
    speed = (
        select(who.c.actor, func.percentile_disc(0.5).within_group(took))
        .select_from(who.join(latest, true()).join(Claim, Claim.id == latest.c.claim_id))
        .where(~Claim.is_history)
        .group_by(who.c.actor)
    )
    hours = {actor: max(int(took), 0) for actor, took in db.execute(speed)}
    found = [Reviewed(actor, yes, no, hours.get(actor)) for actor, yes, no in db.execute(counted)]
    return sorted(found, key=lambda one: (-one.approved - one.rejected, one.actor))


def _actors(db: Session) -> list[str]:
    """Return everybody who ever decided: each is one step along an index."""
    found: list[str] = []
    while len(found) < MOST_REVIEWERS:
        statement = select(History.actor).where(text(DECIDED))
        if found:
            statement = statement.where(History.actor > found[-1])
        actor = db.scalar(statement.order_by(History.actor).limit(1))
        if actor is None:
            break
        found.append(actor)
    return found
