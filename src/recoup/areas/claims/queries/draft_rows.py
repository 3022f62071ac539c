"""Drafts of claims."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Draft, Policy
from recoup.areas.claims.queries import policy_rows

ID_DIGITS = 19


def by_id(db: Session, draft_id: UUID, *, owner: UUID, for_update: bool = False) -> Draft | None:
    """Return somebody's own draft."""
    statement = select(Draft).where(Draft.id == draft_id, Draft.person_id == owner)
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return db.scalars(statement).one_or_none()


def open_of(db: Session, person_id: UUID) -> Sequence[Draft]:
    """Return what somebody has begun and neither filed nor discarded, the last touched first."""
    statement = select(Draft).where(
        Draft.person_id == person_id, Draft.filed_at.is_(None), Draft.discarded_at.is_(None)
    )
    return db.scalars(statement.order_by(Draft.updated_at.desc())).all()


def policy_of(db: Session, draft: Draft) -> Policy | None:
    """Return the policy that was chosen in a draft, if it is the drafter's own."""
    chosen = str(draft.typed.get("user_policy_id", ""))
    if not (chosen.isascii() and chosen.isdecimal() and len(chosen) <= ID_DIGITS):
        return None
    return policy_rows.of_id(db, int(chosen), owner=draft.person_id)
