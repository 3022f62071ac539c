"""Pages that change a job: when it is owed, with a look at what that means before it is saved, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid, RecoupError
from recoup.core.parts import Job, Missed
from recoup.office.jobs import queries, service, views
from recoup.office.jobs.rules import schedules, words
from recoup.office.jobs.schemas import NotifyForm, ScheduleForm
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed

router = Router(prefix="/desk/jobs/{name}", dependencies=[Depends(may("jobs.change"))])


@router.get("/schedule")
def schedule(request: Request, db: Db, system: Running, now: Now, name: str) -> Response:
    """Show the form, and what is typed there in words."""
    job = service.find(system.parts.jobs, name)
    standing = _standing(db, job)
    typed = {**standing, **request.query_params} if request.query_params else standing
    asked, errors = read_schedule(typed)
    plan = None
    if asked is not None:
        plan = views.planned(asked.fields, asked.zone, asked.missed, now=now)
    is_new = bool(request.query_params)
    return _page(request, job, typed, errors=errors if is_new else {}, plan=plan, is_new=is_new)


@router.post("/schedule")
def change(
    *, request: Request, db: Db, system: Running, now: Now, actor: Actor, name: str, typed: Typed
) -> Response:
    """Save the schedule."""
    job = service.find(system.parts.jobs, name)
    asked, errors = read_schedule(typed)
    if asked is None:
        return _page(request, job, typed, errors=errors, plan=None, is_new=True, status=422)
    try:
        service.change_schedule(
            db, job, cron=asked.fields, zone=asked.zone, missed=asked.missed, actor=actor, now=now
        )
    except RecoupError as error:
        plan = views.planned(asked.fields, asked.zone, asked.missed, now=now)
        return _page(
            request, job, typed, errors={}, plan=plan, is_new=True, status=error.status, problem=error
        )
    said = f"{job.title} runs {words.in_words(asked.fields, asked.zone)}."
    return pages.lead_on(f"/desk/jobs/{job.name}", said)


@router.get("/notify")
def told(request: Request, db: Db, system: Running, name: str) -> Response:
    """Show who is told how runs end."""
    job = service.find(system.parts.jobs, name)
    row = queries.job(db, job.name)
    typed = {
        "success": forms.typed_value(row.notify_success if row else []),
        "failure": forms.typed_value(row.notify_failure if row else []),
    }
    return _told_page(request, job, typed)


@router.post("/notify")
def tell(
    *, request: Request, db: Db, system: Running, now: Now, actor: Actor, name: str, typed: Typed
) -> Response:
    """Save who is told."""
    job = service.find(system.parts.jobs, name)
    asked, errors = forms.read(NotifyForm, typed)
    if asked is None:
        return _told_page(request, job, typed, errors=errors, status=422)
    service.notify(db, job, success=asked.success, failure=asked.failure, actor=actor, now=now)
    return pages.lead_on(f"/desk/jobs/{job.name}", f"Saved who is told how {job.title} ends.")


def read_schedule(typed: Mapping[str, Any]) -> tuple[ScheduleForm | None, dict[str, str]]:
    """Check what was typed, field by field."""
    asked, errors = forms.read(ScheduleForm, typed)
    if asked is None:
        return None, errors
    for field, check, text in (
        ("zone", schedules.check_zone, asked.zone),
        ("cron", schedules.fields_of, asked.fields),
    ):
        try:
            check(text)
        except Invalid as error:
            errors[field] = error.sentence()
    return (None if errors else asked), errors


def _standing(db: Session, job: Job) -> dict[str, str]:
    """Return the schedule that a job has, as it is typed."""
    usual = forms.values_of(ScheduleForm)
    found = next(iter(queries.schedules(db, job_name=job.name)), None)
    if found is None:
        return usual
    monthly = schedules.monthly_of(found.cron)
    typed = {**usual, "zone": found.zone, "missed": found.missed, "cron": found.cron, "how": "cron"}
    if monthly is not None:
        day, hour, minute = monthly
        typed |= {"how": "monthly", "day": str(day or "last"), "hour": str(hour), "minute": str(minute)}
    return typed


def _page(
    request: Request,
    job: Job,
    typed: Mapping[str, Any],
    *,
    errors: Mapping[str, str],
    plan: views.Planned | None,
    is_new: bool,
    status: int = 200,
    problem: RecoupError | None = None,
) -> Response:
    return pages.render(
        request,
        "jobs/schedule.html",
        status=status,
        job=job,
        fields={one.name: one for one in forms.fields_of(ScheduleForm)},
        typed=typed,
        errors=errors,
        plan=plan,
        is_new=is_new,
        zones=_zones(),
        policies=[(str(one), words.MISSED[one]) for one in Missed],
        problem=problem,
    )


def _told_page(
    request: Request,
    job: Job,
    typed: Mapping[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    fields = forms.fields_of(NotifyForm)
    shown = {name: forms.typed_value(value) for name, value in typed.items()}
    return pages.render(
        request, "jobs/notify.html", status=status, job=job, fields=fields, typed=shown, errors=errors or {}
    )


@cache
def _zones() -> list[str]:
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")
