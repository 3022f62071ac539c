"""Every SELECT of the desk: what runs now, what failed, whether anything was ever done here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.office.jobs.models import Run, RunState
from recoup.office.people.models import Person

MOST_COUNTED = 1_000
_BADLY = Run.state.in_([RunState.FAILED, RunState.PARKED])


def running(db: Session, *, limit: int) -> Sequence[Run]:
    """Return what runs, the longest first."""
    statement = select(Run).where(Run.state == RunState.RUNNING).order_by(Run.id).limit(limit)
    return db.scalars(statement).all()


def moving(db: Session) -> tuple[int, int]:
    """Return how many run, and how many are queued: a small index holds these alone."""
    states = [RunState.RUNNING, RunState.QUEUED]
    statement = select(Run.state, func.count()).where(Run.state.in_(states)).group_by(Run.state)
    found = {state: int(number) for state, number in db.execute(statement)}
    return found.get(RunState.RUNNING, 0), found.get(RunState.QUEUED, 0)


def ended_badly(db: Session, *, since: datetime, limit: int) -> Sequence[Run]:
    """Return what failed or was parked since then, the latest first."""
    statement = (
        select(Run).where(_BADLY, Run.finished_at >= since).order_by(Run.finished_at.desc()).limit(limit)
    )
    return db.scalars(statement).all()


def ended_badly_count(db: Session, *, since: datetime) -> int:
    """Return how many failed or were parked since then, at most a thousand."""
    some = select(Run.id).where(_BADLY, Run.finished_at >= since).limit(MOST_COUNTED).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())


def has_succeeded(db: Session, jobs: Collection[str]) -> bool:
    """Say whether any of these jobs ever went well."""
    went_well = select(Run.id).where(Run.job.in_(jobs), Run.state == RunState.SUCCEEDED).limit(1)
    return db.execute(went_well).first() is not None


def has_people(db: Session) -> bool:
    """Say whether anybody was ever let in."""
    return db.execute(select(Person.id).limit(1)).first() is not None
