"""The daily cleaning: what was needed for limits and sessions goes once nothing asks for it any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from recoup.core.db import Base
from recoup.office.people.models import (
    Challenge,
    FactorTries,
    Failures,
    Link,
    PasskeyChallenge,
    SignIn,
)

CHALLENGES_KEPT = timedelta(days=1)
FAILURES_KEPT = timedelta(days=30)
SESSIONS_KEPT = timedelta(days=90)
LINKS_KEPT = timedelta(days=90)


def clean(db: Session, *, now: datetime) -> dict[str, int]:
    """End what is over, remove what is old; return how much, by name. The access log and people themselves stay."""
    over = update(SignIn).where(SignIn.ended_at.is_(None), SignIn.expires_at <= now)
    db.execute(over.values(ended_at=now, ended_by="its time was over"))
    old = {
        "codes": (Challenge, Challenge.created_at < now - CHALLENGES_KEPT),
        "failures": (Failures, Failures.last_at < now - FAILURES_KEPT),
        "sessions": (SignIn, SignIn.ended_at < now - SESSIONS_KEPT),
        "links": (Link, or_(Link.used_at < now - LINKS_KEPT, Link.expires_at < now - LINKS_KEPT)),
        "passkey_questions": (PasskeyChallenge, PasskeyChallenge.expires_at < now),
        "factor_tries": (FactorTries, FactorTries.started_at < now - CHALLENGES_KEPT),
    }
    return {name: _removed(db, table, which) for name, (table, which) in old.items()}


def _removed(db: Session, table: type[Base], which: ColumnElement[bool]) -> int:
    gone: Any = delete(table).where(which).returning(literal(1).label("one")).cte("gone")
    return int(db.execute(select(func.count()).select_from(gone)).scalar_one())
