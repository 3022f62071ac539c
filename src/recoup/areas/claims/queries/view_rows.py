"""Views of the desk that somebody saved."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import View


def of_person(db: Session, person_id: UUID) -> Sequence[View]:
    """Return somebody's views by name."""
    statement = select(View).where(View.person_id == person_id)
    return db.scalars(statement.order_by(func.lower(View.name), View.id)).all()


def one(db: Session, view_id: UUID, person_id: UUID) -> View | None:
    """Return a view of somebody's own."""
    return db.scalars(select(View).where(View.id == view_id, View.person_id == person_id)).one_or_none()


def named(db: Session, name: str, person_id: UUID) -> View | None:
    """Return somebody's view of that name."""
    statement = select(View).where(View.name == name, View.person_id == person_id)
    return db.scalars(statement.with_for_update()).one_or_none()
