"""Pages of policies: the list, one policy, and bringing a sheet in: chosen, looked at, then done or left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, BinaryIO
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy.orm import Session

from recoup.areas.claims import importing, sheet_runs
from recoup.areas.claims.api.common import today_of
from recoup.areas.claims.api.policies import BOUNDS
from recoup.areas.claims.jobs.bringing_in import APPLIED, written
from recoup.areas.claims.policy_lists import HERE, MAY, POLICIES, premium, sum_insured
from recoup.areas.claims.queries import policy_sheets
from recoup.areas.claims.rules import cover, differing, telling
from recoup.areas.claims.rules import policies as layout
from recoup.areas.claims.service import policies
from recoup.areas.claims.service.policies import Plan
from recoup.areas.claims.sheet_runs import Look
from recoup.core.downloads import attachment
from recoup.core.errors import Conflict, Invalid, RecoupError, TooLarge
from recoup.core.money import Money
from recoup.core.system import System
from recoup.office.files import rules as file_rules
from recoup.office.files.models import File
from recoup.office.jobs.models import Run
from recoup.web import pages, uploads
from recoup.web.auth import Actor, SignedIn, may, permit
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.uploads import Form
from recoup.web.wire import found

PORTION = 64 * 1024

router = Router(prefix=HERE, dependencies=[Depends(may(MAY))])
imports = Depends(may(policies.MAY))


@router.get("")
def all_policies(request: Request, db: Db) -> Response:
    """List policies."""
    lead = (
        "What each policy covers, and when. Claims are filed on one that applies on the day of the incident."
    )
    return pages.listed(request, db, POLICIES, template="claims/policies.html", lead=lead)


# ---------------------------------------------------------------- bringing a sheet in


async def chosen_sheet(request: Request, system: Running, me: SignedIn) -> AsyncIterator[Form | RecoupError]:
    """Give the form with the sheet, or why it could not be read: the page says so beside the field."""
    permit(me, policies.MAY)
    async with AsyncExitStack() as stack:
        try:
            form = await stack.enter_async_context(uploads.received(request, system.home, BOUNDS))
        except (Invalid, TooLarge) as error:
            yield error
            return
        yield form


Chosen = Annotated[Form | RecoupError, Depends(chosen_sheet, scope="function")]


@router.get("/import", dependencies=[imports])
def choose(request: Request) -> Response:
    """Show where to choose a sheet, and what it has to look like."""
    return _choose(request)


@router.post("/import", dependencies=[imports])
def look(*, request: Request, db: Db, system: Running, actor: Actor, now: Now, sent: Chosen) -> Response:
    """Show what a sheet would change, and change nothing; the file is kept for a day, so that exactly it is applied."""
    if isinstance(sent, RecoupError):
        return _choose(request, problem=sent)
    upload = next((one for one in sent.files if one.name or one.size), None)
    if upload is None:
        return _choose(
            request, problem=Invalid("No file was chosen.", fix="Choose a CSV file or a workbook.")
        )
    name = file_rules.clean_name(upload.name)
    with upload.path.open("rb") as body:
        if sheet_runs.is_large(upload.size):
            file = _kept(db, system, body, name=name, actor=actor, now=now)
            db.flush()
            sheet_runs.look(db, file, actor=actor, now=now)
            return pages.lead_on(f"{HERE}/import/{file.id}")
        try:
            with importing.sheet(system, db, body, name=name) as read:
                plan = policies.plan(db, read)
        except RecoupError as error:
            return _choose(request, problem=error)
        file = _kept(db, system, body, name=name, actor=actor, now=now)
    return _preview(request, plan, file)


@router.get("/import/{file_id}", dependencies=[imports])
def look_again(request: Request, db: Db, system: Running, file_id: UUID) -> Response:
    """Show again what a sheet would change by now; of a large one, what the last look at it saw, or how far that is."""
    file = policies.preview(db, file_id)
    found = sheet_runs.looked(db, system.ports.files, file)
    if found is not None:
        return _looked(request, found, file, applying=sheet_runs.applying(db, file))
    with importing.stored(system, file) as body, importing.sheet(system, db, body, name=file.name) as read:
        return _preview(request, policies.plan(db, read), file)


@router.get("/import/{file_id}/rejected", dependencies=[imports])
def rejected(db: Db, system: Running, file_id: UUID) -> Response:
    """Download the lines that are not taken, each with its reason, to mend and to bring in again."""
    file = policies.preview(db, file_id)
    found = sheet_runs.looked(db, system.ports.files, file)
    if found is not None and found.rejected is not None:
        return RedirectResponse(f"/desk/files/{found.rejected}/download", HTTPStatus.SEE_OTHER)
    with importing.stored(system, file) as body, importing.sheet(system, db, body, name=file.name) as read:
        policies.plan(db, read)
        lines = written(system, read.header, policies.every_rejection(db, read))
    stem = file.name.rpartition(".")[0] or file.name
    headers = {"Content-Disposition": attachment(f"{stem} rejected.csv")}
    return StreamingResponse(_portions(lines), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/import/{file_id}/apply", dependencies=[imports])
def apply(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, file_id: UUID, typed: Typed
) -> Response:
    """Do what was looked at, all of it or nothing."""
    file = policies.preview(db, file_id)
    seen = str(typed.get("seen", ""))
    if sheet_runs.is_large(file.size):
        run = sheet_runs.apply(db, file, seen, actor=actor, now=now)
        return pages.lead_on(f"/desk/runs/{run.id}", "The policies are being written: all of them, or none.")
    with importing.stored(system, file) as body, importing.sheet(system, db, body, name=file.name) as read:
        try:
            with db.begin_nested():
                done = policies.apply(
                    db,
                    system.ports.files,
                    read,
                    body=body,
                    media_type=file.media_type,
                    seen=seen,
                    actor=actor,
                    now=now,
                )
        except Conflict as error:
            return _preview(request, policies.plan(db, read), file, problem=error)
    policies.end_preview(db, file, reason=APPLIED, actor=actor, now=now)
    return pages.lead_on(HERE, policies.said(done))


@router.post("/import/{file_id}/look", dependencies=[imports])
def look_by_now(db: Db, actor: Actor, now: Now, file_id: UUID) -> Response:
    """Queue another look at a large sheet: what stands may have changed since the last one."""
    file = policies.preview(db, file_id)
    if sheet_runs.is_large(file.size):
        sheet_runs.look(db, file, actor=actor, now=now)
    return pages.lead_on(f"{HERE}/import/{file_id}")


@router.post("/import/{file_id}/leave", dependencies=[imports])
def leave(db: Db, actor: Actor, now: Now, file_id: UUID) -> Response:
    """Give a preview up; its file is withdrawn."""
    file = policies.preview(db, file_id)
    sheet_runs.stop(db, file, actor=actor, now=now)
    policies.end_preview(db, file, reason="It was not applied.", actor=actor, now=now)
    return pages.lead_on(f"{HERE}/import", "Everything was left as it is.", tone="calm")


# ---------------------------------------------------------------- one policy


@router.get("/{policy_id}")
def one_policy(request: Request, db: Db, now: Now, me: SignedIn, policy_id: int) -> Response:
    """Show a policy and the claims on it."""
    row = found(policy_sheets.one(db, policy_id), f"policy {policy_id}", see="claims policies list")
    return pages.render(
        request,
        "claims/policy.html",
        row=row,
        policy=row.policy,
        premium=premium(row),
        sum_insured=sum_insured(row),
        applies=cover.is_active(row.policy, today=today_of(me, now)),
        claims=policy_sheets.claims_on(db, policy_id),
        Money=Money,
        here=HERE,
    )


def _choose(request: Request, *, problem: RecoupError | None = None) -> Response:
    return pages.render(
        request,
        "claims/policies_import.html",
        status=problem.status if problem else 200,
        error=problem.sentence() if problem else "",
        required=layout.COLUMNS.required,
        optional=[name for name in layout.COLUMNS.spellings if name not in layout.COLUMNS.required],
        most_rows=layout.MOST_ROWS,
        here=HERE,
    )


def _kept(db: Session, system: System, body: BinaryIO, *, name: str, actor: str, now: datetime) -> File:
    kind = importing.media_type(body)
    store = system.ports.files
    return policies.keep_preview(db, store, name=name, body=body, media_type=kind, actor=actor, now=now)


def _looked(request: Request, found: Look, file: File, *, applying: Run | None) -> Response:
    """Show what a run saw, or how far it is; and what became of the run that was to apply it."""
    if found.plan is not None and (applying is None or applying.id < found.run.id):
        return _preview(request, found.plan, file)
    return pages.render(
        request,
        "claims/policies_looking.html",
        run=applying if found.plan is not None and applying is not None else found.run,
        applies=found.plan is not None,
        is_active=found.is_active or (applying is not None and applying.state in sheet_runs.ACTIVE),
        file=file,
        here=HERE,
    )


def _preview(request: Request, plan: Plan, file: File, *, problem: RecoupError | None = None) -> Response:
    return pages.render(
        request,
        "claims/policies_preview.html",
        status=problem.status if problem else 200,
        plan=plan,
        file=file,
        changes=[(one, differing.differences(one, write=telling.amount)) for one in plan.changes],
        Money=Money,
        here=HERE,
        problem=problem,
    )


def _portions(body: BinaryIO) -> Iterator[bytes]:
    with body:
        while portion := body.read(PORTION):
            yield portion
