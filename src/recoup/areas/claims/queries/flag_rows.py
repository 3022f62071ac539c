"""Flags, and what they are raised from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Finding, Flag
from recoup.areas.claims.rules.flags import Usual

LOOKED_AT = 5_000
"""What is usual is reckoned from so many claims, the newest."""


def of_claims(db: Session, claim_ids: Sequence[int]) -> dict[int, list[Flag]]:
    """Return the flags of each claim, oldest first."""
    found: dict[int, list[Flag]] = {one: [] for one in claim_ids}
    for row in db.scalars(select(Flag).where(Flag.claim_id.in_(claim_ids)).order_by(Flag.id)):
        found[row.claim_id].append(row)
    return found


def not_looked_at(db: Session, *, before: datetime, limit: int) -> Sequence[int]:
    """Return claims that were filed before an instant and that nobody has looked at, oldest first."""
    statement = select(Claim.id).where(
        Claim.looked_at.is_(None), ~Claim.is_history, Claim.updated_at < before
    )
    return db.scalars(statement.order_by(Claim.id).limit(limit)).all()


def one(db: Session, claim_id: int, flag_id: int) -> Flag | None:
    """Return a flag of that claim, locked."""
    statement = select(Flag).where(Flag.id == flag_id, Flag.claim_id == claim_id).with_for_update()
    return db.scalars(statement).one_or_none()


def still_open(db: Session, claim_id: int) -> int:
    """Return how many flags of a claim nobody has looked at."""
    statement = select(func.count()).where(Flag.claim_id == claim_id, Flag.resolved_at.is_(None))
    return db.execute(statement).scalar_one()


def usual(db: Session, claim: Claim) -> Usual | None:
    """Return what other claims of the same type and currency came to; None where there are none."""
    newest = (
        select(Claim.claim_minor)
        .where(Claim.claim_type == claim.claim_type, Claim.currency == claim.currency, Claim.id != claim.id)
        .order_by(Claim.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    amount = newest.c.claim_minor
    row = db.execute(
        select(
            func.count(),
            func.percentile_disc(0.25).within_group(amount),
            func.percentile_disc(0.75).within_group(amount),
        )
    ).one()
    return Usual(row[0], row[1], row[2]) if row[0] else None


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a kind of flag was right, of those that somebody looked at."""

    kind: str
    raised: int
    right: int
    wrong: int

    @property
    def percent(self) -> int | None:
        """The part that was right, in whole percent; None before anybody looked."""
        looked = self.right + self.wrong
        return round(100 * self.right / looked) if looked else None


def precision(db: Session) -> list[Precision]:
    """Return how each kind of flag did."""
    statement = select(
        Flag.kind,
        func.count(),
        func.count().filter(Flag.finding == Finding.RIGHT),
        func.count().filter(Flag.finding == Finding.WRONG),
    )
    return [Precision(*row) for row in db.execute(statement.group_by(Flag.kind).order_by(Flag.kind))]
