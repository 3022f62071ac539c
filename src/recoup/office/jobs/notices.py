"""Who is told how a run ended, planned in the transaction that ends it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.core.system import System
from recoup.office.jobs import queries
from recoup.office.jobs.models import Run, RunState
from recoup.office.messages import service as messages


def run_finished(db: Session, system: System, run: Run, *, now: datetime) -> None:
    """Plan the mails that the job's notification lists ask for.

    A success is told each time. A failure is told once a day until a run goes well again: an hourly job that waits
    for a person does not send a mail every hour.
    """
    row = queries.job(db, run.job)
    if row is None or run.state == RunState.CANCELLED:
        return
    went_well = run.state == RunState.SUCCEEDED and not run.needs_person
    recipients = row.notify_success if went_well else row.notify_failure
    job = system.parts.jobs.get(run.job)
    occasion = str(run.id) if went_well else f"{run.job}:{queries.last_good_run(db, run.job)}:{now:%Y-%m-%d}"
    for recipient in recipients:
        messages.send(
            db,
            key=f"run:{occasion}:{recipient}",
            to=str(recipient),
            template="run_finished",
            context={
                "title": job.title if job else run.job,
                "job": run.job,
                "run_id": str(run.id),
                "state": str(run.state),
                "went_well": went_well,
                "summary": run.summary,
                "counts": run.counts,
                "started_at": run.started_at,
                "finished_at": now,
                "attempt": run.attempt,
            },
            sender=system.settings.mail.sender,
            now=now,
        )
