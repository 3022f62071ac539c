"""The desk's pages: the overview, and search."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from recoup.web import pages
from recoup.web.area import Hit
from recoup.web.auth import SignedIn
from recoup.web.deps import Db, Now, Running

MOST_HITS = 20

router = APIRouter()


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
