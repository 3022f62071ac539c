"""Claims counted and summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Status


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
