"""Exporting by hand: the form, a rehearsal that shows what would leave, and the run itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from recoup.areas.metering.jobs.export import ExportParams, chosen
from recoup.areas.metering.jobs.rehearsal import Rehearsal, Submission, rehearse
from recoup.areas.metering.schemas import ExportAsked
from recoup.areas.metering.service.submissions import CHANNEL
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import Conflict, RecoupError
from recoup.core.system import System
from recoup.office.jobs import service as jobs
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.forms import Field

EXPORT = "metering.export"
HERE = "/desk/metering/export"
MOST_SHOWN = 60
"""Submissions that a rehearsal shows with their bytes; all of them are counted and summed."""

router = Router(prefix=HERE, dependencies=[Depends(may("metering.export"))])


_rehearsing = Lock()


@router.get("")
def form(request: Request, system: Running, stream: Annotated[str, Query(max_length=300)] = "") -> Response:
    """Show the form."""
    return _form(request, system, typed={"stream": stream})


@router.post("")
def export_now(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, typed: Typed
) -> Response:
    """Queue a run of the export."""
    asked, errors = forms.read(ExportAsked, typed)
    if asked is None:
        return _form(request, system, typed=typed, errors=errors, status=422)
    try:
        with db.begin_nested():
            chosen(system.settings.section("metering", MeteringSettings), asked.stream)
            job = jobs.find(system.parts.jobs, EXPORT)
            run = jobs.start(db, job, asked.model_dump(), trigger="page", actor=actor, now=now)
    except RecoupError as error:
        return _form(request, system, typed=typed, problem=error, status=error.status)
    return pages.lead_on(f"/desk/runs/{run.id}", "The export is queued. A worker takes it at once.")


@router.get("/rehearsal")
def rehearsal(request: Request, system: Running) -> Response:
    """Do everything that an export does, except committing and sending, and show what would leave."""
    typed = dict(request.query_params)
    asked, errors = forms.read(ExportAsked, typed)
    if asked is None:
        return _form(request, system, typed=typed, errors=errors, status=422)
    try:
        shown = _rehearsed(system, ExportParams.model_validate(asked.model_dump()))
    except RecoupError as error:
        return _form(request, system, typed=typed, problem=error, status=error.status)
    outcome = shown.report.outcome()
    return pages.render(
        request,
        "metering/rehearsal.html",
        summary=outcome.summary,
        needs_person=outcome.needs_person,
        report=shown.report,
        total=len(shown.submissions),
        records=sum(len(_records(one)) for one in shown.submissions),
        submissions=[_Shown.of(one) for one in shown.submissions[:MOST_SHOWN]],
        typed=typed,
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """A submission as it would leave."""

    subject: str
    key: str
    payload: str
    size: int
    sha256: str
    records: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, one: Submission) -> _Shown:
        payload, digest = one.payload.decode("ascii"), sha256(one.payload).hexdigest()
        return cls(one.subject, one.key, payload, len(one.payload), digest, _records(one))


def _records(one: Submission) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = json.loads(one.payload)["request"]
    return found


def _rehearsed(system: System, params: ExportParams) -> Rehearsal:
    """Rehearse, one at a time: each reads every hour file that is due."""
    if not _rehearsing.acquire(blocking=False):
        raise Conflict(
            "Another rehearsal is reading the files at this moment.", fix="Try again when it is done."
        )
    try:
        return rehearse(system, params)
    finally:
        _rehearsing.release()


def _form(
    request: Request,
    system: System,
    *,
    typed: Mapping[str, str | list[str]],
    errors: Mapping[str, str] | None = None,
    problem: RecoupError | None = None,
    status: int = 200,
) -> Response:
    settings = system.settings.section("metering", MeteringSettings)
    try:
        configs = chosen(settings, None)
    except RecoupError as error:
        configs, problem = [], problem or error
    return pages.render(
        request,
        "metering/export.html",
        status=status,
        problem=problem,
        fields=[
            _field(one, [config.key for config in configs], settings) for one in forms.fields_of(ExportAsked)
        ],
        typed=typed,
        errors=errors or {},
        configured=bool(configs),
        has_marketplace=CHANNEL in system.ports.channels,
        dry_run_only=settings.dry_run,
    )


def _field(one: Field, keys: Sequence[str], settings: MeteringSettings) -> Field:
    if one.name == "stream":
        choices = tuple((key, key) for key in keys)
        help_ = "Streams are exported side by side, and one that fails stops none of the others."
        return replace(one, kind="choice", choices=choices, none="All streams", help=help_)
    help_ = (
        f"Per stream, the oldest first. Left empty, it is {settings.max_hours_per_run}, as the settings say. "
        "Held hours are tried again beside these."
    )
    return replace(one, title="New hours at most", kind="whole", help=help_)
