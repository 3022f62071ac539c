"""Pages of jobs: what can run, what each is for, when it ran, and starting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.core.parts import Job
from recoup.core.system import Caller
from recoup.office.jobs import service, views
from recoup.office.jobs.rules import trouble
from recoup.web import forms, pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed

DRY_RUN = "dry_run"

router = Router(prefix="/desk/jobs", dependencies=[Depends(may("jobs.look"))])


@router.get("")
def jobs(request: Request, db: Db, system: Running, now: Now) -> Response:
    """List what can run."""
    lines = views.jobs_listed(db, system.parts.jobs, now=now)
    return pages.render(request, "jobs/jobs.html", lines=lines)


@router.get("/{name}")
def one_job(*, request: Request, db: Db, system: Running, now: Now, me: SignedIn, name: str) -> Response:
    """Show one job."""
    job = service.find(system.parts.jobs, name)
    return _page(request, db, job, me=me, now=now, typed=forms.values_of(job.params))


@router.post("/{name}/runs", dependencies=[Depends(may("jobs.run"))])
def run_now(
    *,
    request: Request,
    db: Db,
    system: Running,
    now: Now,
    me: SignedIn,
    actor: Actor,
    name: str,
    typed: Typed,
) -> Response:
    """Queue a run with what was typed."""
    job = service.find(system.parts.jobs, name)
    params, errors = forms.read(job.params, typed)
    if params is None:
        return _page(request, db, job, me=me, now=now, typed=typed, errors=errors, status=422)
    try:
        asked = params.model_dump(mode="json")
        run = service.start(db, job, asked, trigger="page", actor=actor, now=now)
    except RecoupError as error:
        return _page(request, db, job, me=me, now=now, typed=typed, problem=error, status=error.status)
    return pages.lead_on(f"/desk/runs/{run.id}", f"{job.title} is queued; a worker takes it at once.")


@router.post("/{name}/pause", dependencies=[Depends(may("jobs.change"))])
def pause(*, db: Db, system: Running, now: Now, actor: Actor, name: str) -> Response:
    """Stop what the job's schedule starts."""
    job = service.find(system.parts.jobs, name)
    service.pause(db, job, paused=True, actor=actor, now=now)
    said = f"{job.title} is paused: its schedule starts nothing, a person still may."
    return pages.lead_on(f"/desk/jobs/{job.name}", said, tone="warn")


@router.post("/{name}/resume", dependencies=[Depends(may("jobs.change"))])
def resume(*, db: Db, system: Running, now: Now, actor: Actor, name: str) -> Response:
    """Let the job's schedule start runs again."""
    job = service.find(system.parts.jobs, name)
    service.pause(db, job, paused=False, actor=actor, now=now)
    return pages.lead_on(f"/desk/jobs/{job.name}", f"{job.title} runs by its schedule again.")


def _page(
    request: Request,
    db: Session,
    job: Job,
    *,
    me: Caller,
    now: datetime,
    typed: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    problem: RecoupError | None = None,
    status: int = 200,
) -> Response:
    view = views.job_viewed(db, job, now=now)
    fields = [replace(one, help=_sentence(one.help)) for one in forms.fields_of(job.params)]
    history = views.history_of(db, f"jobs/job/{job.name}") if me.may("journal.look") else []
    return pages.render(
        request,
        "jobs/job.html",
        status=status,
        view=view,
        line=view.line,
        job=job,
        fields=[one for one in fields if one.name != DRY_RUN],
        switches=[one for one in fields if one.name == DRY_RUN],
        typed=typed,
        errors=errors or {},
        history=history,
        problem=problem,
        first_sentence=lambda text: trouble.cause(text)[0],
    )


def _sentence(text: str) -> str:
    """Begin with a capital letter, but leave what is no sentence as it is written: ``service:environment:plan``."""
    return text[:1].upper() + text[1:] if " " in text else text
