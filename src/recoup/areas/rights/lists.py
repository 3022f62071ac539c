"""The lists of rights, as pages show and exports write them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from recoup.areas.rights.models import Kind, ReportState, Sort
from recoup.areas.rights.queries import narrowing, sheets
from recoup.areas.rights.queries.sheets import ChangeRow, ReportRow, ThingRow
from recoup.areas.rights.rules import wording
from recoup.areas.rights.rules.causes import Cause
from recoup.areas.rights.rules.facets import COUNTED
from recoup.web.lists import Column, Filter, Listing, Order, read_day

MAY = "rights.look"
DESK = "/desk/rights"
WHOLE = 50
"""Cells that an exported change names, where a page names the first few."""


def to(place: str, **query: object) -> str:
    """Return the address of a page of rights, narrowed by what is not None."""
    words = urlencode({name: value for name, value in query.items() if value is not None})
    path = f"{DESK}/{place}" if place else DESK
    return f"{path}?{words}" if words else path


def place_of(kind: str, owner: str, key: str) -> str:
    """Return the address of the page of a claim or an asset."""
    return f"{DESK}/{kind}/{quote(owner, safe='')}/{quote(key, safe='')}"


def _change(row: ChangeRow) -> str:
    return place_of(row.series.kind, row.series.owner, row.change.key)


def _thing(row: ThingRow) -> str:
    return place_of(row.series.kind, row.series.owner, row.thing.key)


def _asset(row: Any) -> str | None:
    asset = row.thing.asset_id if isinstance(row, ThingRow) else row.change.asset_id
    return to("claims", asset=asset, owner=row.series.owner) if asset else None


def _taken(row: ReportRow, count: int) -> int | None:
    return count if row.report.taken_at else None


def _what(row: ChangeRow, shown: int = wording.SHOWN) -> str:
    return wording.what(row.change, shown=shown)


def _one_of(*known: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(one), str(one)) for one in known)


OWNER = Filter("owner", "Content owner", narrowing.owner_choices)
KIND = Filter("kind", "Of", (("claim", "claims"), ("asset", "assets")))
DAYS = (
    Filter("day", "Day", kind="day", read=read_day),
    Filter("since", "From day", kind="day", read=read_day),
    Filter("until", "To day", kind="day", read=read_day),
)
ASSET = Filter("asset", "Asset id", placeholder="the whole id")
NEWEST_FIRST = (
    Order("newest", "the latest day first", "day"),
    Order("oldest", "the earliest day first", "day", descending=False),
)

CHANGES: Listing[ChangeRow] = Listing(
    name="rights_changes",
    title="All changes",
    may=MAY,
    columns=(
        Column("day", "Day", lambda row: row.change.day),
        Column("kind", "Of", lambda row: row.series.kind),
        Column("key", "Id", lambda row: row.change.key, "id", link=_change),
        Column("sort", "Change", lambda row: row.change.sort, "state"),
        Column("cause", "Cause", lambda row: row.change.cause),
        Column("what", "What differs", _what, "wide"),
        Column("title", "Title", lambda row: row.change.title),
        Column("artist", "Artist", lambda row: row.change.artist),
        Column("weight", "Views", lambda row: row.change.weight, "whole"),
        Column("claims", "Claims, up or down", lambda row: row.change.claims, "whole", on_page=False),
        Column("worth", "Worth, about", lambda row: row.worth, "money", on_page=False),
        Column("causes", "All causes", lambda row: ", ".join(row.change.causes), on_page=False),
        Column("cells", "All that differs", lambda row: _what(row, WHOLE), on_page=False),
        Column("status", "Status", lambda row: row.change.status, on_page=False),
        Column("asset", "Asset", lambda row: row.change.asset_id, "id", on_page=False),
        Column("owner", "Content owner", lambda row: row.series.title, on_page=False),
    ),
    orders=(
        Order("newest", "the latest day first, its heaviest changes first", "day"),
        Order("oldest", "the earliest day first, its heaviest changes first", "day", descending=False),
    ),
    filters=(
        OWNER,
        KIND,
        *DAYS,
        Filter("sort", "Change", _one_of(*Sort)),
        Filter("cause", "Cause", _one_of(*Cause)),
        Filter("key", "Claim or asset id", placeholder="the whole id"),
        ASSET,
    ),
    rows=sheets.changes,
    href=_change,
    empty="Nothing has changed yet.",
    todo="The first report of a series is what later ones are compared with; the second one brings changes.",
)


def _explorer(kind: Kind, title: str, *columns: Column[ThingRow], filters: tuple[Filter, ...]) -> Any:
    facets = tuple(Filter(name, name.capitalize()) for name in COUNTED)
    counted = "Views, at least" if kind == Kind.CLAIM else "Views a day, at least"
    return Listing(
        name=f"rights_{kind}s",
        title=title,
        may=MAY,
        columns=(
            Column("key", title.removesuffix("s"), lambda row: row.thing.key, "id"),
            Column("title", "Title", lambda row: row.facets.title),
            Column("artist", "Artist", lambda row: row.facets.artist),
            Column("status", "Status", lambda row: row.thing.status, "state"),
            *columns,
            Column("views", counted, lambda row: row.thing.views, "whole"),
            Column("since", "So since", lambda row: row.thing.since, on_page=False),
            Column("owner", "Content owner", lambda row: row.series.title, on_page=False),
        ),
        orders=(
            Order("most", "the most viewed first", "views"),
            Order("least", "the least viewed first", "views", descending=False),
        ),
        filters=(OWNER, *facets, *filters),
        rows=sheets.claims if kind == Kind.CLAIM else sheets.assets,
        href=_thing,
        empty=f"There are no {title.lower()} yet.",
        todo="They stand here as soon as the first report is taken.",
    )


CLAIMS: Listing[ThingRow] = _explorer(
    Kind.CLAIM,
    "Claims",
    Column("detail", "Detail", lambda row: row.thing.detail),
    Column("policy", "Policy", lambda row: row.thing.policy),
    Column("origin", "Origin", lambda row: row.thing.origin, on_page=False),
    Column("type", "Type", lambda row: row.thing.type, on_page=False),
    Column("asset", "Asset", lambda row: row.thing.asset_id, "id", link=_asset),
    Column("video", "Video", lambda row: row.thing.video_id, "id", on_page=False),
    filters=(
        ASSET,
        Filter("video", "Video id", placeholder="the whole id"),
        Filter("key", "Claim id", placeholder="the whole id"),
    ),
)
ASSETS: Listing[ThingRow] = _explorer(
    Kind.ASSET,
    "Assets",
    Column("detail", "Ownership", lambda row: row.thing.detail),
    Column("type", "Type", lambda row: row.thing.type),
    Column("policy", "Match policy", lambda row: row.thing.policy),
    Column("origin", "Metadata from", lambda row: row.thing.origin, on_page=False),
    Column("claims", "Active claims", lambda row: row.thing.claims, "whole", link=_asset),
    filters=(Filter("key", "Asset id", placeholder="the whole id"),),
)

REPORTS: Listing[ReportRow] = Listing(
    name="rights_reports",
    title="Reports",
    may=MAY,
    columns=(
        Column("day", "Day", lambda row: row.report.day),
        Column("kind", "Of", lambda row: f"{row.series.kind}s"),
        Column("owner", "Content owner", lambda row: row.series.title),
        Column("state", "State", lambda row: row.report.state, "state"),
        Column("made", "Made", lambda row: row.report.made_at, "instant", on_page=False),
        Column("taken", "Taken", lambda row: row.report.taken_at, "instant"),
        Column("things", "Snapshot", lambda row: _taken(row, row.report.things), "whole"),
        Column("added", "Added", lambda row: _taken(row, row.report.added), "whole"),
        Column("gone", "Gone", lambda row: _taken(row, row.report.gone), "whole"),
        Column("changed", "Changed", lambda row: _taken(row, row.report.changed), "whole"),
        Column("reason", "What is the matter", lambda row: row.report.reason, "wide"),
        Column("kept", "Kept", lambda row: row.report.kept_at, "instant", on_page=False),
        Column("size", "Size", lambda row: row.report.size, "size", on_page=False),
        Column("rows", "Rows", lambda row: _taken(row, row.report.rows), "whole", on_page=False),
        Column("folded", "Folded", lambda row: _taken(row, row.report.folded_rows), "whole", on_page=False),
        Column("views", "Views", lambda row: _taken(row, row.report.views), "whole", on_page=False),
        Column("lapses", "Can be fetched until", lambda row: row.report.lapses_at, "instant", on_page=False),
        Column("attempts", "Attempts", lambda row: row.report.attempts, "whole", on_page=False),
        Column("sha256", "SHA-256", lambda row: row.report.sha256, "id", on_page=False),
        Column("report_id", "YouTube's id", lambda row: row.report.report_id, "id", on_page=False),
        Column("job", "YouTube's job", lambda row: row.report.job_id, "id", on_page=False),
        Column("id", "Id", lambda row: row.id, "id", on_page=False),
    ),
    orders=NEWEST_FIRST,
    filters=(OWNER, KIND, Filter("state", "State", _one_of(*ReportState)), *DAYS),
    rows=sheets.reports,
    href=lambda row: f"{DESK}/reports/{row.id}",
    empty="No report was found yet.",
    todo="The page Changes says how to sign in; the job “Rights reports” then fetches what is there.",
)

ALL = (CHANGES, CLAIMS, ASSETS, REPORTS)
