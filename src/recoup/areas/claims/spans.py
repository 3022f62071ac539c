"""Figures of a period as its page and its lists show them: counted once, looked at from several sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from recoup.areas.claims.queries import desk_rows, figure_rows, standing_rows
from recoup.areas.claims.queries.figure_rows import Decided, Filed, Narrowed
from recoup.areas.claims.rules import figures as rules
from recoup.areas.claims.rules.figures import Period, Step
from recoup.core.db import database_now
from recoup.core.errors import Invalid
from recoup.core.keyset import Slice
from recoup.core.money import Money
from recoup.office.journal.telling import who
from recoup.web.lists import Wanted

HALF, MOST = 50, 90
"""Percent of the claims within whose time deciding is told: the median, and what most took at longest."""
CURSOR_DIGITS = 9

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Amounts:
    """What claims of one type came to in one currency; ``of_approved`` is what the approved ones had claimed."""

    claim_type: str
    filed: int
    claimed: Money
    approved: int
    rejected: int
    of_approved: Money
    paid: Money
    """What was approved."""


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span of a period, one type, one currency."""

    first: date
    last: date
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What somebody decided within the period, and how many open claims they have; None where that is not shown."""

    name: str
    approved: int
    rejected: int
    hours: int | None
    open: int | None

    @property
    def decided(self) -> int:
        """How many claims they decided."""
        return self.approved + self.rejected


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted; each side of it is one of the methods, by spans in their order."""

    period: Period
    filed: Sequence[Filed]
    decided: Sequence[Decided]
    hours: Mapping[int, Counter[int]]

    @property
    def spans(self) -> int:
        """How many spans there are."""
        return len(self.period.begins)

    @property
    def currencies(self) -> list[str]:
        """The currencies, the most frequent first."""
        counts: Counter[str] = Counter()
        for filed in self.filed:
            counts[filed.currency] += filed.claims
        for one in self.decided:
            counts[one.currency] += one.approved + one.rejected
        return [currency for currency, _ in counts.most_common()]

    def inflow(self) -> list[int]:
        """Return how many claims were filed."""
        return self._by_span((one.span, one.claims) for one in self.filed)

    def approved(self) -> list[int]:
        """Return how many were approved."""
        return self._by_span((one.span, one.approved) for one in self.decided)

    def rejected(self) -> list[int]:
        """Return how many were rejected."""
        return self._by_span((one.span, one.rejected) for one in self.decided)

    def within(self, percent: int) -> list[int | None]:
        """Return within how many hours so many percent were decided."""
        return [rules.percentile(self.hours.get(span, Counter()), percent) for span in range(self.spans)]

    def all_hours(self) -> Counter[int]:
        """Return how many claims of the period took how many hours."""
        return sum(self.hours.values(), Counter())

    def amounts(self, currency: str) -> list[Amounts]:
        """Return what each type came to, the largest claimed sum first."""
        types = {one.claim_type for one in self._both() if one.currency == currency}
        found = [self._amounts(one, currency) for one in types]
        return sorted(found, key=lambda one: (-one.claimed.minor, one.claim_type))

    def rows(self) -> list[SpanRow]:
        """Return everything, a row for each span, type and currency of which there is anything."""
        keys = {(one.span, one.claim_type, one.currency) for one in self._both()}
        begins = self.period.begins
        return [
            SpanRow(begins[span], self.period.ends(span), self._amounts(kind, currency, span))
            for span, kind, currency in sorted(keys)
        ]

    def _both(self) -> list[Filed | Decided]:
        return [*self.filed, *self.decided]

    def _amounts(self, claim_type: str, currency: str, span: int | None = None) -> Amounts:
        filed = [one for one in self.filed if _is(one, claim_type, currency, span)]
        decided = [one for one in self.decided if _is(one, claim_type, currency, span)]
        return Amounts(
            claim_type=claim_type,
            filed=sum(one.claims for one in filed),
            claimed=Money(sum(one.claimed for one in filed), currency),
            approved=sum(one.approved for one in decided),
            rejected=sum(one.rejected for one in decided),
            of_approved=Money(sum(one.claimed for one in decided), currency),
            paid=Money(sum(one.approved_minor for one in decided), currency),
        )

    def _by_span(self, counts: Iterable[tuple[int, int]]) -> list[int]:
        found = [0] * self.spans
        for span, count in counts:
            found[span] += count
        return found


def _is(one: Filed | Decided, claim_type: str, currency: str, span: int | None) -> bool:
    return (one.claim_type, one.currency) == (claim_type, currency) and span in {None, one.span}


def gathered(db: Session, period: Period, narrowed: Narrowed) -> Figures:
    """Count everything of a period."""
    return Figures(
        period,
        figure_rows.filed(db, period, narrowed),
        figure_rows.decided(db, period, narrowed),
        figure_rows.hours_to_decide(db, period, narrowed),
    )


def reviewers(db: Session, period: Period) -> list[Reviewer]:
    """Return what each reviewer did and has, who decided most first; one who only has claims stands below."""
    held: Counter[str] | None = None
    counts = standing_rows.open_by_assignee(db)
    addresses = desk_rows.addresses(db, [person for person in counts if person is not None])
    if addresses or not any(counts):
        held = Counter({addresses[one]: count for one, count in counts.items() if one in addresses})
    found: dict[str, Reviewer] = {}
    for one in figure_rows.reviewers(db, period):
        name = _reviewer(one.actor)
        known = found.get(name, Reviewer(name, 0, 0, None, None))
        hours = one.hours if known.hours is None else known.hours
        found[name] = Reviewer(
            name, known.approved + one.approved, known.rejected + one.rejected, hours, None
        )
    names = [*found, *(name for name in sorted(held or ()) if name not in found)]
    rows = (found.get(name, Reviewer(name, 0, 0, None, None)) for name in names)
    return [
        Reviewer(one.name, one.approved, one.rejected, one.hours, None if held is None else held[one.name])
        for one in rows
    ]


def _reviewer(actor: str) -> str:
    """Return who decided: a person is one person, whether they came in by a session or with a token."""
    how, _, name = actor.partition(":")
    return name if how in {"session", "token"} else who(actor)


# ---------------------------------------------------------------- as lists


def asked_for(db: Session, wanted: Wanted, *, now: datetime | None = None) -> tuple[Period, Narrowed]:
    """Return the period and the claims that a list's filters ask for; without ``now`` the database's clock counts."""
    filters = wanted.filters
    today = (now or database_now(db)).astimezone(ZoneInfo(wanted.zone)).date()
    step = filters.get("step")
    period = rules.period(
        filters.get("since"),
        filters.get("until"),
        Step(step) if step else None,
        today=today,
        zone=wanted.zone,
    )
    return period, Narrowed(filters.get("type"), filters.get("currency"), filters.get("history") != "no")


def span_rows(db: Session, wanted: Wanted) -> Slice[SpanRow]:
    """Return a page of the list of figures."""
    rows = gathered(db, *asked_for(db, wanted)).rows()
    return _paged(rows if not wanted.order.descending else rows[::-1], wanted)


def reviewer_rows(db: Session, wanted: Wanted) -> Slice[Reviewer]:
    """Return a page of the list of reviewers."""
    return _paged(reviewers(db, asked_for(db, wanted)[0]), wanted)


def _paged(rows: Sequence[R], wanted: Wanted) -> Slice[R]:
    """Return a page of rows that are all there; a cursor is the number of the first one."""
    start = 0
    if wanted.after is not None:
        if not (wanted.after.isascii() and wanted.after.isdecimal() and len(wanted.after) <= CURSOR_DIGITS):
            raise Invalid("This page of the list cannot be found.", fix="Start from the first page.")
        start = int(wanted.after)
    end = start + wanted.limit
    return Slice(rows[start:end], str(end) if end < len(rows) else None)
