"""Policies."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Policy
from recoup.office.people.models import Person

MOST_OF_A_PERSON = 500


def of_person(db: Session, person_id: UUID) -> Sequence[Policy]:
    """Return a person's policies, those that end last first."""
    statement = select(Policy).where(Policy.person_id == person_id)
    return db.scalars(statement.order_by(Policy.end_date.desc(), Policy.id).limit(MOST_OF_A_PERSON)).all()


def of_id(db: Session, policy_id: int, *, owner: UUID | None = None) -> Policy | None:
    """Return a policy; ``owner`` says whose it has to be."""
    if not 0 < policy_id < 2**63:
        return None
    statement = select(Policy).where(Policy.id == policy_id)
    if owner is not None:
        statement = statement.where(Policy.person_id == owner)
    return db.scalars(statement).one_or_none()


def holder_name(db: Session, policy: Policy) -> str:
    """Return what a policy's holder is called, or their address."""
    row = db.execute(select(Person.name, Person.address).where(Person.id == policy.person_id)).one()
    name: str = row.name or row.address
    return name


def has_any(db: Session) -> bool:
    """Say whether there is any policy."""
    return db.scalar(select(Policy.id).limit(1)) is not None
