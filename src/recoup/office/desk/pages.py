"""The desk's pages: the overview, search, and the forms that start what belongs to no single part."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from recoup.core.errors import Invalid
from recoup.office.desk import search, service, shown
from recoup.office.jobs import service as jobs
from recoup.office.journal import telling
from recoup.office.journal.jobs import VERIFY
from recoup.web import forms, pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.lists import LONGEST_QUERY

router = Router()


@router.get("/")
def front() -> Response:
    """Lead to the desk."""
    return RedirectResponse("/desk")


@router.get("/desk")
def overview(request: Request, db: Db, system: Running, now: Now, me: SignedIn) -> Response:
    """Show how everything stands; whom that does not concern is led to the first line of their own menu."""
    if not me.may("overview.look"):
        return RedirectResponse(pages.first_place(request, me), HTTPStatus.SEE_OTHER)
    parts = shown.parts_for(system, me)
    waiting = shown.waiting(db, parts, now=now)
    return pages.render(
        request,
        "desk/overview.html",
        standing=shown.standing(db, system, now=now) if me.may("jobs.look") else None,
        tiles=shown.tiles(db, parts, now=now),
        waiting=waiting[: shown.MOST_WAITING],
        waiting_more=max(len(waiting) - shown.MOST_WAITING, 0),
        steps=shown.first_steps(db, system, parts),
        health=_checked(request).health(system) if me.may("health.look") else None,
        job_title=lambda name: system.parts.jobs[name].title if name in system.parts.jobs else name,
        who=telling.who,
    )


@router.get("/desk/waiting", dependencies=[Depends(may("overview.look"))])
def waiting(request: Request, db: Db, system: Running, now: Now, me: SignedIn) -> Response:
    """Show all that waits for a person."""
    found = shown.waiting(db, shown.parts_for(system, me), now=now)
    return pages.render(request, "desk/waiting.html", waiting=found)


@router.get("/desk/search", dependencies=[Depends(may("overview.look"))])
def find(
    request: Request, db: Db, system: Running, me: SignedIn, q: Annotated[str, Query(max_length=2_000)] = ""
) -> Response:
    """Find what has an id or a name, in whatever the reader may see."""
    wanted = search.readable(q)
    found = None
    if len(wanted) >= search.SHORTEST:
        found = search.search(db, system, shown.parts_for(system, me), wanted)
    return pages.render(request, "desk/search.html", q=wanted, found=found, shortest=search.SHORTEST)


@router.get("/desk/about/{subject:path}", dependencies=[Depends(may("overview.look"))])
def about(system: Running, subject: str) -> Response:
    """Lead to the page of whatever a subject names, or to its timeline where it has no page."""
    to = telling.Telling(system.parts.desk).href(subject)
    return RedirectResponse(to or f"/desk/journal?{urlencode({'subject': subject})}", HTTPStatus.SEE_OTHER)


@router.post("/desk/journal/verify", dependencies=[Depends(may("journal.look"))])
def verify(db: Db, system: Running, now: Now, actor: Actor) -> Response:
    """Start the run that verifies the journal, and lead to it."""
    run = jobs.start(db, system.parts.jobs[VERIFY.name], {}, trigger="page", actor=actor, now=now)
    return pages.lead_on(
        f"/desk/runs/{run.id}",
        "The journal is being verified. How that ended stands here, and in the journal.",
    )


def _checked(request: Request) -> shown.Checked:
    """Return what this server remembers of its checks."""
    state = request.app.state
    if not hasattr(state, "desk_checked"):
        state.desk_checked = shown.Checked()
    checked: shown.Checked = state.desk_checked
    return checked


class ExportForm(BaseModel):
    """What stands below every list."""

    model_config = ConfigDict(extra="forbid")

    list: str = Field(max_length=100)
    query: str = Field(default="", max_length=LONGEST_QUERY)
    format: service.Format


@router.post("/desk/exports", dependencies=[Depends(may("lists.export"))])
def export(*, db: Db, system: Running, now: Now, me: SignedIn, actor: Actor, typed: Typed) -> Response:
    """Start the run that writes a list into a file, and lead to it."""
    asked, errors = forms.read(ExportForm, typed)
    if asked is None:
        raise Invalid("This export cannot be read.", fix=" ".join(errors.values()))
    run = service.start(
        db,
        system.parts,
        name=asked.list,
        query=asked.query,
        format=asked.format,
        caller=me,
        actor=actor,
        now=now,
    )
    title = service.listing(system.parts, asked.list).title
    return pages.lead_on(
        f"/desk/runs/{run.id}", f"{title} is being written into a file. It appears here when it is whole."
    )
