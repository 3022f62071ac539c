"""Pages of what stands now: claims and assets, narrowed by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.rights.lists import ASSETS, CLAIMS, DESK
from recoup.areas.rights.models import Kind
from recoup.areas.rights.queries import board_rows, narrowing, report_rows
from recoup.areas.rights.rules.facets import COUNTED
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router
from recoup.web.lists import Listing

SHOWN = 7
"""Values of a facet beside the list; the others unfold."""
TITLES: Mapping[str, Mapping[str, str]] = {
    Kind.CLAIM: {
        "status": "Status",
        "detail": "Detail",
        "policy": "Policy",
        "origin": "Origin",
        "type": "Type",
    },
    Kind.ASSET: {
        "status": "Status",
        "detail": "Ownership",
        "policy": "Match policy",
        "origin": "Metadata from",
        "type": "Type",
    },
}

router = Router(prefix=DESK, dependencies=[Depends(may("rights.look"))])


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet beside a list: its values with how many have them, the one that is chosen first."""

    name: str
    title: str
    values: Sequence[tuple[str, str, int]]
    """What stands in the address, what is read, and how many there are."""


@router.get("/claims")
def claims(request: Request, db: Db) -> Response:
    """List claims as they stand."""
    lead = "Every claim of the newest snapshot, the most viewed first."
    return _explorer(request, db, CLAIMS, Kind.CLAIM, lead)


@router.get("/assets")
def assets(request: Request, db: Db) -> Response:
    """List assets as they stand."""
    lead = "Every asset of the newest snapshot with the number of its active claims, the most viewed first."
    return _explorer(request, db, ASSETS, Kind.ASSET, lead)


def _explorer(request: Request, db: Session, listing: Listing[Any], kind: Kind, lead: str) -> Response:
    owner = request.query_params.get("owner") or None
    series = narrowing.series(db, {"owner": owner} if owner else {}, kind=kind)
    heads = [head for one in series if (head := report_rows.head(db, one.id)) is not None]
    counts = board_rows.facet_counts(heads)
    chosen = {name: request.query_params.get(name, "") for name in COUNTED}
    return pages.listed(
        request,
        db,
        listing,
        template="rights/things.html",
        tab=f"{kind}s",
        lead=lead,
        facets=[
            _facet(name, title, counts.get(name, []), chosen[name]) for name, title in TITLES[kind].items()
        ],
        facet_names=COUNTED,
        shown=SHOWN,
        total=sum(head.things for head in heads),
        days=sorted({head.day for head in heads}),
        owners=len({one.owner for one in report_rows.all_series(db)}),
    )


def _facet(name: str, title: str, counts: Sequence[tuple[str, int]], chosen: str) -> Facet:
    values = [(value or narrowing.EMPTY, value or "none", count) for value, count in counts]
    if chosen and chosen not in {value for value, _, _ in values}:
        values.append((chosen, chosen, 0))
    return Facet(name, title, sorted(values, key=lambda one: one[0] != chosen))
