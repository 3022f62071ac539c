"""Pages of runs: what ran and runs, one run with its log, two runs side by side, and what a person can do."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid, NotFound
from recoup.core.system import System
from recoup.office.jobs import queries, service, views
from recoup.office.jobs.lists import RUNS, took
from recoup.office.jobs.models import Run
from recoup.office.jobs.rules import comparison, trouble
from recoup.office.jobs.shown import run_in_full
from recoup.web import pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import LONGEST_NOTE

router = Router(prefix="/desk/runs", dependencies=[Depends(may("jobs.look"))])

Before = Annotated[str | None, Query(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")]


@router.get("")
def runs(request: Request, db: Db) -> Response:
    """List runs."""
    lead = "Every execution of a job: by its schedule, by a person, by a program. A row leads to its log."
    return pages.listed(request, db, RUNS, lead=lead)


@router.get("/{run_id}")
def one_run(
    *, request: Request, db: Db, system: Running, now: Now, me: SignedIn, run_id: UUID, before: Before = None
) -> Response:
    """Show one run. A part of the page that asks again once the run is over is told to load all of it."""
    run = found(db, run_id)
    shown = run_in_full(db, system, run, me=me, now=now)
    answer = pages.render(
        request,
        "jobs/run.html",
        **standing(system, run),
        log=views.log_of(db, run, before=views.place(before) if before else None),
        is_earlier=before is not None,
        attempts=views.attempts_of(db, run),
        artifacts=shown.artifacts,
        params=[(name, comparison.value(value)) for name, value in run.params.items()],
        previous=queries.previous_run(db, run),
        history=views.history_of(db, f"jobs/run/{run.id}") if me.may("journal.look") else [],
    )
    if "hx-request" in request.headers and before is None and run.state not in views.ACTIVE:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.get("/{run_id}/compare")
def compare(
    request: Request,
    db: Db,
    system: Running,
    run_id: UUID,
    other: Annotated[UUID | None, Query(alias="with")] = None,
) -> Response:
    """Show a run beside the one before it, or beside another of the same job."""
    run = found(db, run_id)
    before = queries.previous_run(db, run) if other is None else found(db, other)
    if before is None:
        raise NotFound(f"Run {run_id} is the first of {run.job}, so there is none to compare it with.")
    if before.job != run.job:
        raise Invalid("Two runs can be compared that are of the same job.")
    first, second = sorted((before, run), key=lambda one: one.id)
    return pages.render(
        request,
        "jobs/compare.html",
        run=run,
        title=_title(system, run),
        two=views.compared(db, first, second),
        took=took,
    )


@router.post("/{run_id}/cancel", dependencies=[Depends(may("jobs.run"))])
def cancel(*, db: Db, now: Now, actor: Actor, run_id: UUID) -> Response:
    """Ask a run to stop."""
    run = service.cancel(db, run_id, actor=actor, now=now)
    said = (
        "It was asked to stop, and does at its next step; what was committed stays."
        if run.cancel_requested
        else "Cancelled before it started."
    )
    return pages.lead_on(f"/desk/runs/{run.id}", said)


@router.post("/{run_id}/again", dependencies=[Depends(may("jobs.run"))])
def again(*, db: Db, system: Running, now: Now, actor: Actor, run_id: UUID) -> Response:
    """Run the same again."""
    run = service.run_again(db, system.parts.jobs, run_id, actor=actor, now=now)
    return pages.lead_on(f"/desk/runs/{run.id}", "Queued again, with the same parameters.")


@router.post("/{run_id}/looked-after", dependencies=[Depends(may("jobs.run"))])
def looked_after(*, db: Db, now: Now, actor: Actor, run_id: UUID, typed: Typed) -> Response:
    """Note that somebody looked after it."""
    note = typed.get("note", "")
    if not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise Invalid(f"A note has at most {LONGEST_NOTE:,} characters.")
    service.look_after(db, run_id, note=note.strip(), actor=actor, now=now)
    return pages.lead_on(f"/desk/runs/{run_id}", "Noted: somebody looked after this run.")


def found(db: Session, run_id: UUID) -> Run:
    """Return a run, or raise NotFound as a page says it."""
    run = queries.run(db, run_id)
    if run is None:
        raise NotFound(
            f"There is no run {run_id}.", fix="It may have been removed; look in the list of runs."
        )
    return run


def standing(system: System, run: Run) -> dict[str, Any]:
    """Return what the part of the page needs that is renewed while the run runs."""
    cause, more = trouble.cause(run.summary)
    job = system.parts.jobs.get(run.job)
    return {
        "run": run,
        "title": _title(system, run),
        "job": job,
        "cause": cause,
        "more": more,
        "took": took(run),
        "is_active": run.state in views.ACTIVE,
        "most_attempts": job.max_attempts if job else None,
    }


def _title(system: System, run: Run) -> str:
    job = system.parts.jobs.get(run.job)
    return job.title if job else run.job
