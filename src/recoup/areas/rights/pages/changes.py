"""Pages of changes: the newest snapshots with what they changed and why, and the list of all changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.rights.lists import CHANGES, DESK, place_of, to
from recoup.areas.rights.models import Series
from recoup.areas.rights.pages import shown
from recoup.areas.rights.queries import board_rows, narrowing, prices, report_rows
from recoup.areas.rights.settings import RightsSettings, owners_of
from recoup.office.jobs import service as jobs
from recoup.web import pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.lists import read_day
from recoup.web.wire import Word

SYNC = "rights.sync"
RECOUP_TOML = """\
[rights]
owner = "the 22 characters of its external id"
title = "What people call it"
recipients = ["rights@your-label.example"]"""

router = Router(prefix=DESK, dependencies=[Depends(may("rights.look"))])


@router.get("")
def overview(
    *,
    request: Request,
    db: Db,
    system: Running,
    now: Now,
    owner: Word = "",
    kind: Word = "",
    day: Annotated[str, Query(max_length=50)] = "",
) -> Response:
    """Show each series' newest snapshot, or that of a day: what changed, why, and the heaviest changes."""
    known = report_rows.all_series(db)
    wanted = read_day(day) if day else None
    here = _chosen(known, owner, kind)
    boards = [board_rows.board(db, one, day=wanted, now=now) for one in here]
    days = [one.report.day for one in boards if one.report is not None]
    last = max(days, default=None)
    ids = [one.id for one in here]
    return pages.render(
        request,
        "rights/changes.html",
        boards=boards,
        owners=narrowing.owner_choices(db),
        owner=here[0].owner if here else "",
        kind=kind,
        asked=wanted,
        day_shown=last,
        earlier=board_rows.day_before(db, ids, last) if last else None,
        later=_later(db, ids, wanted, last),
        troubles=_troubles(db, known, now),
        price=prices.price(db),
        to=to,
        place_of=place_of,
        change_of=shown.change_of,
        cause_tone=shown.cause_tone,
        configured=owners_of(system.settings.section("rights", RightsSettings)),
        has_series=bool(known),
        recoup_toml=RECOUP_TOML,
    )


@router.get("/changes")
def all_changes(request: Request, db: Db) -> Response:
    """List changes."""
    lead = "What each snapshot changed against the one before it, day by day, the heaviest of a day first."
    return pages.listed(request, db, CHANGES, template="rights/list.html", tab="list", lead=lead)


@router.post("/sync", dependencies=[Depends(may("jobs.run"))])
def sync_now(db: Db, system: Running, actor: Actor, now: Now) -> Response:
    """Queue a run that fetches what is new and takes what was kept."""
    run = jobs.start(db, jobs.find(system.parts.jobs, SYNC), {}, trigger="page", actor=actor, now=now)
    return pages.lead_on(f"/desk/runs/{run.id}", "The run is queued. A worker takes it at once.")


def _chosen(known: Sequence[Series], owner: str, kind: str) -> list[Series]:
    """Return the series to show: of one owner, claims before assets."""
    owners = [one.owner for one in known]
    wanted = owner if owner in owners else next(iter(owners), "")
    return [one for one in known if one.owner == wanted and kind in {"", one.kind}]


def _later(db: Session, ids: Sequence[UUID], wanted: date | None, last: date | None) -> date | None:
    if wanted is None or last is None:
        return None
    return board_rows.day_after(db, ids, max(wanted, last))


def _troubles(db: Session, known: Sequence[Series], now: datetime) -> list[shown.Trouble]:
    stale = []
    for one in known:
        head = report_rows.head(db, one.id)
        if head is not None and board_rows.is_stale(db, head, now=now):
            stale.append((one, head))
    return shown.troubles(board_rows.signed_out(db), board_rows.parked(db), stale)
