"""The review desk: the queue with its saved views, and the list of all claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.claims.lists import CLAIMS, DESK, MAY, QUEUE
from recoup.areas.claims.queries import desk_rows, standing_rows, view_rows
from recoup.areas.claims.queries.desk_rows import DeskRow
from recoup.areas.claims.rules.bulk import WAYS
from recoup.areas.claims.service import views
from recoup.core.errors import Forbidden, Invalid, RecoupError
from recoup.core.money import Money
from recoup.core.system import Caller
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Typed
from recoup.web.lists import LONGEST_QUERY, Listing, Wanted, asked_in

router = Router(prefix=DESK, dependencies=[Depends(may(MAY))])

TABS = (
    ("", "All open", "open", ""),
    ("overdue", "Overdue", "overdue", "bad"),
    ("flagged", "Flagged", "flagged", "warn"),
    ("risk", "At risk", "", ""),
    ("asked", "Asked for more", "asked", ""),
    ("second", "Second person", "second", "odd"),
)
"""What stands in the address, what is read, the count beside it, and its tone where there is anything."""


@router.get("")
def queue(request: Request, db: Db, now: Now, me: SignedIn) -> Response:
    """Show what waits to be decided."""
    words = _words(request.query_params)
    context: dict[str, Any] = {
        "counts": standing_rows.counts(db, person=me.person, now=now),
        "most": standing_rows.MOST_COUNTED,
        "tabs": TABS,
        "views": view_rows.of_person(db, me.person) if me.person is not None else [],
        "words": words,
        "ways": WAYS,
        "risk": standing_rows.at_risk(db, now=now) if request.query_params.get("show") == "risk" else None,
        "summed": standing_rows.MOST_SUMMED,
        "Money": Money,
    }
    return pages.listed(request, db, seen_at(now, words), template="claims/desk_queue.html", **context)


@router.get("/all")
def everything(request: Request, db: Db, now: Now) -> Response:
    """Show all claims, the decided ones, too."""
    listing = replace(CLAIMS, rows=partial(desk_rows.everything, now=now))
    lead = "Every claim that was filed here, and what was imported as history."
    return pages.listed(request, db, listing, template="claims/desk_all.html", lead=lead)


@router.post("/views")
def save_view(db: Db, now: Now, me: SignedIn, typed: Typed) -> Response:
    """Save the present filters under a name."""
    query = str(typed.get("query") or "")
    if wanted_of(query) is None:
        raise Invalid("These filters cannot be saved.", fix="Narrow the queue again, and save it then.")
    view = views.save(db, _person(me), name=str(typed.get("name") or ""), query=query, now=now)
    return pages.lead_on(to_queue(query), f"The view {view.name} is saved.")


@router.post("/views/{view_id}/remove")
def remove_view(db: Db, me: SignedIn, view_id: UUID, typed: Typed) -> Response:
    """Forget a view."""
    name = views.remove(db, _person(me), view_id)
    return pages.lead_on(to_queue(str(typed.get("query") or "")), f"The view {name} is removed.")


def seen_at(now: datetime, words: str) -> Listing[DeskRow]:
    """Return the queue as it stands at a moment; its rows lead to claims from which the next one can be opened."""
    return replace(
        QUEUE,
        rows=partial(desk_rows.queue, now=now),
        href=lambda row: to_claim(row.id, words),
    )


def wanted_of(words: str, *, zone: str = "UTC") -> Wanted | None:
    """Return what the words of the queue's address ask for; None where they cannot be read."""
    try:
        return QUEUE.wanted({**asked_in(words), "after": ""}, zone=zone)
    except RecoupError:
        return None


def to_claim(claim_id: int, words: str) -> str:
    """Return the address of a claim that was opened from a queue of these words."""
    return f"{DESK}/{claim_id}?{urlencode({'queue': words})}" if words else f"{DESK}/{claim_id}"


def to_queue(words: str) -> str:
    """Return the address of the queue of these words; of the whole one, where they cannot be read."""
    return f"{DESK}?{words}" if words and len(words) <= LONGEST_QUERY and wanted_of(words) else DESK


def _words(asked: Mapping[str, str]) -> str:
    """Return the words of an address without where its page begins."""
    kept = {name: value for name, value in asked.items() if value and name not in {"after", "rows"}}
    return urlencode(kept)


def _person(me: Caller) -> UUID:
    if me.person is None:
        raise Forbidden("A view is saved for a person, and this key is nobody's.", fix="Sign in.")
    return me.person
