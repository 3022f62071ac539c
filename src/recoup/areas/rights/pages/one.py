"""The page of one claim or asset: how it stands, its time, any day of it, any two days beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.rights import controls, histories
from recoup.areas.rights.histories import Difference, Moment
from recoup.areas.rights.lists import DESK, place_of, to
from recoup.areas.rights.models import Series, Thing
from recoup.areas.rights.pages import shown
from recoup.areas.rights.queries import detail_rows, prices, report_rows
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.core.clock import parse_instant
from recoup.core.errors import Invalid, Misconfigured, NotFound, RecoupError
from recoup.core.ports import ClaimNow
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.owed.lists import amount
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router, Running
from recoup.web.lists import read_day
from recoup.web.wire import Word, found

MOMENTS = 40
"""Versions that a page shows at once."""
LARGEST_ANSWER = 60
"""Fields of the platform's answer that are shown one by one; the whole stands below them."""

router = Router(prefix=DESK, dependencies=[Depends(may("rights.look"))])


@dataclass(frozen=True, slots=True)
class Step:
    """A version in a thing's time: what is compared and differs, and what moved besides."""

    moment: Moment
    differences: Sequence[Difference]
    moved: Sequence[Difference]
    is_first: bool


@dataclass(frozen=True, slots=True)
class Days:
    """Which days are asked about: one, two beside each other, and where the timeline goes on."""

    day: Annotated[str, Query(max_length=50)] = ""
    since: Annotated[str, Query(alias="from", max_length=50)] = ""
    to: Annotated[str, Query(max_length=50)] = ""
    until: Annotated[str, Query(max_length=50)] = ""


Asked = Annotated[Days, Depends()]


@router.get("/claim/{owner}/{key}")
def one_claim(request: Request, db: Db, owner: Word, key: Word, asked: Asked) -> Response:
    """Show a claim."""
    return _shown(request, db, kind="claim", owner=owner, key=key, asked=asked)


@router.get("/asset/{owner}/{key}")
def one_asset(request: Request, db: Db, owner: Word, key: Word, asked: Asked) -> Response:
    """Show an asset."""
    return _shown(request, db, kind="asset", owner=owner, key=key, asked=asked)


@router.get("/claim/{owner}/{key}/now")
def claim_now(request: Request, system: Running, owner: Word, key: Word) -> Response:
    """Ask YouTube for a claim as it is at this moment; what it refuses is told in the page."""
    with system.sessions.begin() as db:
        series, thing = _found(db, "claim", owner, key)
        db.expunge_all()
    answer: ClaimNow | None = None
    problem: RecoupError | None = None
    try:
        answer = _ask(system, owner, key)
    except RecoupError as error:
        problem = error  # at 200: htmx puts nothing else into the page
    return pages.render(
        request,
        "rights/now.html",
        series=series,
        thing=thing,
        refused=problem,
        fields=list(_fields(answer.claim))[:LARGEST_ANSWER] if answer else [],
        events=[_event(one) for one in answer.events] if answer else [],
        whole=json.dumps(answer.claim, indent=2, ensure_ascii=False, default=str) if answer else "",
        here=place_of("claim", owner, key),
    )


def _shown(request: Request, db: Session, *, kind: str, owner: str, key: str, asked: Days) -> Response:
    series, thing = _found(db, kind, owner, key)
    moments = histories.history(db, series, key)
    on = _read(asked.day)
    compared = _compared(moments, _read(asked.since), _read(asked.to))
    last = _read(asked.until)
    some = [one for one in moments if last is None or one.since <= last]
    folded: list[str] = house.value(db, controls.FOLDED)
    newest = report_rows.head(db, series.id)
    item = detail_rows.owed_for(db, series, key) if kind == "claim" else None
    asset = detail_rows.asset_beside(db, series, thing.asset_id) if kind == "claim" else None
    known = next((one for one in moments if one.cells is not None), None)
    return pages.render(
        request,
        "rights/thing.html",
        series=series,
        thing=thing,
        facets=_facets(kind, known.cells) if known and known.cells else None,
        steps=_steps(moments, some[:MOMENTS], folded),
        moments=len(moments),
        first=moments[-1],
        older=some[MOMENTS].since if len(some) > MOMENTS else None,
        newest=newest,
        on=on,
        standing=histories.as_of(moments, on) if on else moments[0],
        compared=compared,
        asked=asked,
        item=item,
        item_amount=amount(item) if item else None,
        asset=asset,
        price=prices.price(db),
        here=place_of(kind, owner, key),
        to=to,
        place_of=place_of,
        cause_tone=shown.cause_tone,
        cut=shown.cut,
    )


def _found(db: Session, kind: str, owner: str, key: str) -> tuple[Series, Thing]:
    series = report_rows.find_series(db, owner, kind)
    if series is None:
        raise NotFound(f"There are no {kind}s of content owner {owner[:80]}.")
    return series, found(detail_rows.thing(db, series.id, key), f"{kind} {key[:80]}", see="rights reports")


def _facets(kind: str, cells: Mapping[str, str]) -> Facets:
    return faceting.reader(LAYOUTS[kind], list(cells))(list(cells.values()))


def _read(text: str) -> date | None:
    return read_day(text) if text else None


def _compared(
    moments: Sequence[Moment], first: date | None, last: date | None
) -> tuple[date, date, Moment | None, Moment | None, Sequence[Difference]] | None:
    """Return what was known on two days, and the cells that differ."""
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise Invalid("Comparing takes two days.", fix="Choose both.")
    first, last = min(first, last), max(first, last)
    was, now = histories.as_of(moments, first), histories.as_of(moments, last)
    cells = histories.differences(was.cells if was else None, now.cells if now else None)
    return first, last, was, now, cells


def _steps(moments: Sequence[Moment], some: Sequence[Moment], folded: Sequence[str]) -> list[Step]:
    return [
        Step(
            one,
            [cell for cell in one.differences if cell.column not in folded],
            [cell for cell in one.differences if cell.column in folded],
            one is moments[-1],
        )
        for one in some
    ]


def _ask(system: System, owner: str, key: str) -> ClaimNow:
    if system.ports.reports is None:
        raise Misconfigured(
            "No content owner is set up, so YouTube cannot be asked.",
            fix="Set YOUTUBE_CONTENT_OWNER_ID (rights.owner) and start Recoup again.",
        )
    return system.ports.reports.claim(owner, key)


def _fields(answer: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield what the platform says, what is nested by its path."""
    for name, value in answer.items():
        path = f"{before}.{name}" if before else str(name)
        if isinstance(value, Mapping):
            yield from _fields(value, path)
        elif isinstance(value, list):
            yield from _fields({str(place): one for place, one in enumerate(value, start=1)}, path)
        elif value not in (None, "") and name != "kind":
            yield path, {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(event)
    at = told.pop("time", "")
    try:
        when = parse_instant(str(at))
    except Invalid:
        when = None
    what = str(told.pop("type", None) or "event")
    told.pop("kind", None)
    return {"at": when, "said": str(at), "what": what, "detail": list(_fields(told))}
