"""The desk's pages: the overview, search, and the forms that start what belongs to no single part."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from recoup.core.errors import Invalid
from recoup.office.desk import service
from recoup.web import forms, pages
from recoup.web.area import Hit
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Running
from recoup.web.lists import LONGEST_QUERY

MOST_HITS = 20

router = APIRouter()

Typed = Annotated[Mapping[str, str | list[str]], Depends(forms.form_of)]


@router.get("/")
def front() -> Response:
    """Lead to the desk."""
    return RedirectResponse("/desk")


@router.get("/desk")
def overview(request: Request, db: Db, system: Running, now: Now, me: SignedIn) -> Response:
    """Show how everything stands; whom that does not concern is led to their own account."""
    if not me.may("overview.look"):
        return RedirectResponse("/desk/account", HTTPStatus.SEE_OTHER)
    parts = [area for area in system.parts.desk if not area.menu or me.may(area.menu[0].may)]
    tiles = [tile for area in parts if area.tiles for tile in area.tiles(db, now)]
    waiting = [one for area in parts if area.waiting for one in area.waiting(db, now)]
    return pages.render(request, "desk/overview.html", tiles=tiles, waiting=waiting)


@router.get("/desk/search")
def search(
    request: Request, db: Db, system: Running, me: SignedIn, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Find what has an id or a name, in whatever the reader may see."""
    wanted = q.strip()
    hits: list[Hit] = []
    for area in system.parts.desk if wanted else ():
        if area.search is not None and (not area.menu or me.may(area.menu[0].may)):
            hits += area.search(db, wanted)
        if area.finds is not None and (not area.menu or me.may(area.menu[0].may)):
            hits += area.finds(system, wanted)
    return pages.render(request, "desk/search.html", q=wanted, hits=hits[:MOST_HITS])


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
