"""Claims as the estimates are made from and for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Select, cast, func, select
from sqlalchemy.orm import Session

from recoup.areas.claims.estimating.cases import Asked, Case
from recoup.areas.claims.models import Claim, Document, DocumentState, Policy, Status

MOST_CASES = 100_000
"""The newest that a training looks at."""
MOST_ASKED = 50_000


def cases(db: Session) -> list[Case]:
    """Return decided claims, oldest decision first; withdrawn ones were not decided."""
    newest = (
        _known()
        .add_columns(Claim.approved_minor)
        .where(Claim.decided_at.is_not(None), Claim.reason_code.not_in(("withdrawn", "duplicate")))
        .order_by(Claim.decided_at.desc(), Claim.id.desc())
        .limit(MOST_CASES)
    )
    return [
        Case(**_as_asked(row), approved_minor=row.approved_minor or 0)
        for row in reversed(db.execute(newest).all())
    ]


def asked(db: Session) -> list[tuple[int, Asked]]:
    """Return the open claims, by their number."""
    statement = _known().where(Claim.status.in_((Status.PENDING, Status.UNDER_REVIEW))).order_by(Claim.id)
    return [(row.id, Asked(**_as_asked(row))) for row in db.execute(statement.limit(MOST_ASKED))]


def owners(db: Session, claim_ids: Sequence[int]) -> dict[int, UUID]:
    """Return whose claims these are."""
    rows = db.execute(select(Claim.id, Claim.person_id).where(Claim.id.in_(claim_ids)))
    return {row.id: row.person_id for row in rows}


def _known() -> Select[Any]:
    documents = (
        select(func.count())
        .where(Document.claim_id == Claim.id, Document.state == DocumentState.KEPT)
        .scalar_subquery()
    )
    return select(
        Claim.id,
        Claim.claim_type,
        func.coalesce(Policy.kind, "").label("policy_kind"),
        Claim.currency,
        Claim.claim_minor,
        func.length(Claim.description).label("description_length"),
        documents.label("documents"),
        (Claim.incident_date - cast(Policy.start_date, Date)).label("days_from_start"),
        func.extract("month", Claim.incident_date).label("month"),
    ).outerjoin(Policy, Policy.id == Claim.policy_id)


def _as_asked(row: Any) -> dict[str, Any]:
    return {
        "claim_type": row.claim_type,
        "policy_kind": row.policy_kind,
        "currency": row.currency,
        "claimed_minor": row.claim_minor,
        "description_length": row.description_length,
        "documents": row.documents,
        "days_from_start": row.days_from_start,
        "month": int(row.month),
    }
