"""Every SELECT of the search: by index, and few at a time. It is asked at every letter that somebody types."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Policy
from recoup.areas.claims.queries.narrowing import LAST_CHARACTER, begins, spellings
from recoup.office.people.models import Person

MOST = 5


def by_number(db: Session, start: str) -> Sequence[Claim]:
    """Return the latest claims whose number begins with ``start``, in capitals."""
    statement = select(Claim).where(Claim.claim_number >= start, Claim.claim_number < start + LAST_CHARACTER)
    return db.scalars(statement.order_by(Claim.claim_number.desc()).limit(MOST)).all()


def by_policy(db: Session, number: str) -> Sequence[Claim]:
    """Return the latest claims on a policy, by its whole number."""
    statement = select(Claim).where(Claim.policy_number == number)
    return db.scalars(statement.order_by(Claim.id.desc()).limit(MOST)).all()


def policies(db: Session, start: str) -> Sequence[Policy]:
    """Return policies whose number begins with ``start``."""
    statement = select(Policy).where(
        Policy.policy_number >= start, Policy.policy_number < start + LAST_CHARACTER
    )
    return db.scalars(statement.order_by(Policy.policy_number).limit(MOST)).all()


def by_claimant(db: Session, typed: str) -> Sequence[Claim]:
    """Return a few claims of whoever's name or address begins so; addresses count where the reader may see people."""
    start = typed.lower()
    people = db.scalars(
        select(Person.id)
        .where(Person.address >= start, Person.address < start + LAST_CHARACTER)
        .order_by(Person.address)
        .limit(MOST)
    ).all()
    named = (begins(Claim.person_name, one) for one in spellings(typed))
    # A few of each, and only then the latest: ordered at once, a common name would be sorted whole at every letter.
    found: dict[int, Claim] = {}
    for meant in (Claim.person_id.in_(people), or_(*named)) if people else (or_(*named),):
        some = select(Claim).where(meant).limit(MOST)
        found |= {one.id: one for one in db.scalars(some)}
    return sorted(found.values(), key=lambda one: -one.id)[:MOST]
