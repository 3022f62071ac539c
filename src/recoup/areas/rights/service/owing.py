"""What rights writes into the book of what is owed: claims that wait for an answer, reports that were not fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, Series
from recoup.areas.rights.rules import lapsing
from recoup.areas.rights.rules.causes import Cause
from recoup.areas.rights.rules.pricing import Price
from recoup.office.owed import queries as owed_queries
from recoup.office.owed import service as owed
from recoup.office.owed.service import Owed

T = TypeVar("T")

AREA = "rights"
VIEWS = "views"
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim that is in the middle of something, since the end of a data day."""

    key: str
    standing: Cause
    title: str
    views: int
    since: datetime


def put_claims(
    db: Session, series: Series, claims: Sequence[Standing], *, price: Price, now: datetime
) -> None:
    """Write down claims that lapse unless somebody answers."""
    items = [
        Owed(
            key=_claim_key(series, claim.key),
            area=AREA,
            party=series.title,
            title=f"Claim {claim.key} is {claim.standing}: {claim.title or 'no title'}",
            link=f"rights/claim/{series.owner}/{claim.key}",
            amount=price.of(claim.views),
            lapses_at=until,
            weight=(claim.views, VIEWS),
        )
        for claim in claims
        if (until := lapsing.answer_until(claim.standing, claim.since)) is not None
    ]
    for some in _parts(items):
        owed.put_all(db, some, now=now)


def settle_claims(db: Session, series: Series, keys: Iterable[str], *, now: datetime) -> None:
    """Close the items of claims that wait for nothing any more."""
    for some in _parts(list(keys)):
        owed.settle(
            db, *(_claim_key(series, key) for key in some), reason="The report says that it is over.", now=now
        )


def open_claims(db: Session, series: Series) -> list[str]:
    """Return the claims of a series that have an open item."""
    prefix = _claim_key(series, "")
    return [key.removeprefix(prefix) for key in owed_queries.open_keys(db, prefix)]


def put_report(db: Session, series: Series, report: Report, *, now: datetime) -> None:
    """Write down a report that could not be fetched: YouTube keeps it for a while only."""
    item = Owed(
        key=_report_key(report),
        area=AREA,
        party=series.title,
        title=f"The report of {report.day} ({series.kind}s) was not fetched yet",
        link=f"rights/report/{report.id}",
        amount=None,
        lapses_at=report.lapses_at,
    )
    owed.put(db, item, now=now)


def settle_report(db: Session, report: Report, *, reason: str, now: datetime) -> None:
    """Close a report's item."""
    owed.settle(db, _report_key(report), reason=reason, now=now)


def lapse_report(db: Session, report: Report, *, now: datetime) -> None:
    """Close a report's item as lost."""
    owed.lapse(db, _report_key(report), reason=report.reason, now=now)


def _claim_key(series: Series, key: str) -> str:
    return f"rights:{series.owner}:{key}"


def _report_key(report: Report) -> str:
    return f"rights:report:{report.id}"


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
