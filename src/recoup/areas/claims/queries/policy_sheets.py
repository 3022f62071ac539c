"""Policies with their holders, as lists show and the API pages them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Policy, PolicyStatus
from recoup.core.keyset import Slice, slice_of
from recoup.office.people.models import Person
from recoup.web.lists import Wanted

MOST_CLAIMS = 50


@dataclass(frozen=True, slots=True)
class Held:
    """A policy and who holds it; the holder is None for those who may not see people."""

    policy: Policy
    address: str | None
    name: str | None


def policies(db: Session, wanted: Wanted) -> Slice[Held]:
    """Return a page of the list of policies; filters ``text``, ``kind``, ``status`` and ``applies`` narrow it."""
    filters = wanted.filters
    statement = _narrowed(
        filters.get("text"),
        kind=filters.get("kind"),
        status=filters.get("status"),
        applies=filters.get("applies"),
    )
    key = [Policy.policy_number] if wanted.order.name == "number" else [Policy.id]
    return _held(wanted.page_of(db, statement, key=key))


def page(
    db: Session,
    *,
    text: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    after: str | None,
    limit: int,
) -> Slice[Held]:
    """Return policies of everybody, the last added first."""
    statement = _narrowed(text, kind=kind, status=status)
    return _held(slice_of(db, statement, key=[Policy.id], after=after, limit=limit))


def one(db: Session, policy_id: int) -> Held | None:
    """Return a policy and who holds it."""
    if not 0 < policy_id < 2**63:
        return None
    row = db.execute(_narrowed(None).where(Policy.id == policy_id)).one_or_none()
    return None if row is None else Held(*row)


def by_number(db: Session, number: str) -> Policy | None:
    """Return the policy of that number."""
    return db.scalars(select(Policy).where(Policy.policy_number == number)).one_or_none()


def claims_on(db: Session, policy_id: int) -> Sequence[Claim]:
    """Return the claims on a policy, the newest first."""
    statement = select(Claim).where(Claim.policy_id == policy_id).order_by(Claim.id.desc())
    return db.scalars(statement.limit(MOST_CLAIMS)).all()


def count(db: Session) -> int:
    """Return how many policies there are."""
    return db.execute(select(func.count()).select_from(Policy)).scalar_one()


def _narrowed(
    text: str | None, *, kind: str | None = None, status: str | None = None, applies: date | None = None
) -> Select[*tuple[Any, ...]]:
    holder = select(Policy, Person.address, Person.name).outerjoin(Person, Person.id == Policy.person_id)
    statement: Select[*tuple[Any, ...]] = holder
    if text:
        wanted = text.lower()
        statement = statement.where(
            or_(
                func.lower(Policy.policy_number).contains(wanted, autoescape=True),
                Person.address.contains(wanted, autoescape=True),
                func.lower(Person.name).contains(wanted, autoescape=True),
            )
        )
    if kind:
        statement = statement.where(Policy.kind == kind)
    if status:
        statement = statement.where(Policy.status == status)
    if applies:
        statement = statement.where(
            Policy.start_date <= applies, Policy.end_date >= applies, Policy.status != PolicyStatus.CANCELLED
        )
    return statement


def _held(found: Slice[Any]) -> Slice[Held]:
    return Slice([Held(*row) for row in found.rows], found.next)
