"""Every SELECT of jobs, schedules, slots and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from recoup.core.tasks import STALLED_AFTER
from recoup.office.jobs.models import JobRow, Run, RunArtifact, RunLine, RunState, Schedule, Slot


def job(db: Session, name: str) -> JobRow | None:
    """Return what a person changed about a job."""
    return db.get(JobRow, name)


def jobs(db: Session) -> Sequence[JobRow]:
    """Return every job that was ever set up here."""
    return db.scalars(select(JobRow).order_by(JobRow.name)).all()


def job_names(db: Session) -> Sequence[str]:
    """Return the name of every job that was ever set up here."""
    return db.scalars(select(JobRow.name).order_by(JobRow.name)).all()


def schedules(db: Session, *, job_name: str | None = None) -> Sequence[Schedule]:
    """Return the schedules, of one job or of all."""
    statement = select(Schedule)
    if job_name is not None:
        statement = statement.where(Schedule.job == job_name)
    return db.scalars(statement.order_by(Schedule.job, Schedule.id)).all()


def schedules_behind(db: Session, *, now: datetime) -> Sequence[UUID]:
    """Return enabled schedules whose watermark is before ``now``."""
    statement = select(Schedule.id).where(Schedule.enabled, Schedule.watermark < now)
    return db.scalars(statement).all()


def locked_schedule(db: Session, schedule_id: UUID) -> Schedule | None:
    """Lock a schedule for this tick; None when another process ticks it right now."""
    return db.scalars(
        select(Schedule).where(Schedule.id == schedule_id).with_for_update(skip_locked=True)
    ).one_or_none()


def recent_slots(db: Session, *, job_name: str, limit: int = 50) -> Sequence[Slot]:
    """Return a job's latest slots, newest first."""
    statement = (
        select(Slot).join(Schedule).where(Schedule.job == job_name).order_by(Slot.at.desc()).limit(limit)
    )
    return db.scalars(statement).all()


def run(db: Session, run_id: UUID, *, for_update: bool = False) -> Run | None:
    """Return one run, on request locked until the transaction ends."""
    return db.get(Run, run_id, with_for_update=for_update or None, populate_existing=True)


def holds(db: Session, run_id: UUID, attempt: int) -> bool:
    """Say whether ``attempt`` still holds the run, and keep it so until this transaction ends."""
    statement = (
        select(Run.id)
        .where(Run.id == run_id, Run.attempt == attempt, Run.state == RunState.RUNNING)
        .with_for_update(read=True)
    )
    return db.execute(statement).first() is not None


def runs(
    db: Session,
    *,
    job_name: str | None = None,
    state: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Run]:
    """Return runs, newest first; ``before`` continues a page."""
    statement = select(Run)
    if job_name is not None:
        statement = statement.where(Run.job == job_name)
    if state is not None:
        statement = statement.where(Run.state == state)
    if before is not None:
        statement = statement.where(Run.id < before)
    return db.scalars(statement.order_by(Run.id.desc()).limit(limit)).all()


def previous_run(db: Session, run: Run) -> Run | None:
    """Return the run of the same job that ended before this one began."""
    over = Run.state.not_in([RunState.QUEUED, RunState.RUNNING])
    statement = select(Run).where(Run.job == run.job, Run.id < run.id, over)
    return db.scalars(statement.order_by(Run.id.desc()).limit(1)).first()


def runs_between(db: Session, first: UUID, last: UUID, *, limit: int) -> Sequence[Run]:
    """Return runs whose ids lie between two, newest first."""
    statement = select(Run).where(Run.id >= first, Run.id <= last)
    return db.scalars(statement.order_by(Run.id.desc()).limit(limit)).all()


def moving(db: Session) -> tuple[int, int]:
    """Return how many runs are running, and how many wait for a worker."""
    statement = (
        select(Run.state, func.count())
        .where(Run.state.in_([RunState.QUEUED, RunState.RUNNING]))
        .group_by(Run.state)
    )
    found: dict[str, int] = dict(db.execute(statement).all())
    return found.get(RunState.RUNNING, 0), found.get(RunState.QUEUED, 0)


def failed_since(db: Session, since: datetime) -> int:
    """Return how many runs failed or were parked since then."""
    ended_badly = Run.state.in_([RunState.FAILED, RunState.PARKED])
    statement = select(func.count()).select_from(Run).where(ended_badly, Run.finished_at >= since)
    return int(db.execute(statement).scalar_one())


def slots_since(db: Session, *, job_name: str, since: datetime) -> Sequence[tuple[Slot, Run | None]]:
    """Return a job's slots since then with their runs, oldest first."""
    statement = (
        select(Slot, Run)
        .join(Schedule, Schedule.id == Slot.schedule_id)
        .outerjoin(Run, Run.id == Slot.run_id)
        .where(Schedule.job == job_name, Slot.at >= since)
        .order_by(Slot.at)
    )
    return db.execute(statement).all()


def standing_still(db: Session, *, now: datetime) -> Sequence[UUID]:
    """Return runs that should be moving and are not: queued and due, or running with the lease over."""
    queued = and_(Run.state == RunState.QUEUED, Run.not_before <= now)
    abandoned = and_(Run.state == RunState.RUNNING, Run.lease_until < func.now())
    return db.scalars(select(Run.id).where(or_(queued, abandoned)).order_by(Run.id)).all()


def running(db: Session, *, job_name: str | None = None) -> Sequence[Run]:
    """Return runs that somebody holds."""
    statement = select(Run).where(Run.state == RunState.RUNNING)
    if job_name is not None:
        statement = statement.where(Run.job == job_name)
    return db.scalars(statement.order_by(Run.id)).all()


def beside(db: Session, run_id: UUID, *, worker: str) -> Sequence[bool]:
    """Return of each other run that a worker runs whether it is to be alone."""
    others = Run.state == RunState.RUNNING, Run.worker == worker, Run.id != run_id
    return db.scalars(select(Run.alone).where(*others)).all()


def oldest_due(db: Session, *, now: datetime) -> datetime | None:
    """Return since when the oldest run that should have started is due."""
    statement = select(func.min(Run.not_before)).where(Run.state == RunState.QUEUED, Run.not_before <= now)
    return db.execute(statement).scalar_one()


def workers_alive(db: Session) -> int:
    """Return how many workers gave a sign of life not long ago, by the database's clock and the engine's table."""
    statement = text("select count(*) from procrastinate_workers where last_heartbeat > now() - :within")
    return int(db.execute(statement, {"within": STALLED_AFTER}).scalar_one())


def last_good_run(db: Session, job_name: str) -> UUID | None:
    """Return the latest run of a job that went well and needed nobody."""
    good = select(Run.id).where(
        Run.job == job_name, Run.state == RunState.SUCCEEDED, Run.needs_person.is_(False)
    )
    return db.scalars(good.order_by(Run.id.desc()).limit(1)).first()


def lines(
    db: Session, run_id: UUID, *, after: tuple[int, int] = (0, 0), limit: int = 1_000
) -> Sequence[RunLine]:
    """Return log lines of a run after (attempt, number), oldest first."""
    statement = (
        select(RunLine)
        .where(RunLine.run_id == run_id, tuple_(RunLine.attempt, RunLine.number) > after)
        .order_by(RunLine.attempt, RunLine.number)
        .limit(limit)
    )
    return db.scalars(statement).all()


def last_lines(
    db: Session, run_id: UUID, *, before: tuple[int, int] | None = None, limit: int
) -> Sequence[RunLine]:
    """Return the last log lines of a run, or the last before (attempt, number), oldest first."""
    statement = select(RunLine).where(RunLine.run_id == run_id)
    if before is not None:
        statement = statement.where(tuple_(RunLine.attempt, RunLine.number) < before)
    newest = statement.order_by(RunLine.attempt.desc(), RunLine.number.desc()).limit(limit)
    return db.scalars(newest).all()[::-1]


def attempts(db: Session, run_id: UUID) -> Sequence[tuple[int, datetime, datetime, int]]:
    """Return each attempt that wrote a line: its number, its first and last line's instants, how many lines."""
    statement = (
        select(RunLine.attempt, func.min(RunLine.at), func.max(RunLine.at), func.count())
        .where(RunLine.run_id == run_id)
        .group_by(RunLine.attempt)
        .order_by(RunLine.attempt)
    )
    return db.execute(statement).all()


def artifacts(db: Session, run_id: UUID) -> Sequence[RunArtifact]:
    """Return the files that a run left behind."""
    return db.scalars(
        select(RunArtifact).where(RunArtifact.run_id == run_id).order_by(RunArtifact.name)
    ).all()


def artifact(db: Session, run_id: UUID, name: str) -> RunArtifact | None:
    """Return the file that a run left behind under a name."""
    return db.get(RunArtifact, (run_id, name))


def cancel_requested(db: Session, run_id: UUID) -> bool:
    """Say whether a person asked the run to stop."""
    return bool(db.execute(select(Run.cancel_requested).where(Run.id == run_id)).scalar_one_or_none())
