"""What rights says on the overview: figures, what waits for a person, and what a search finds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.rights.lists import DESK, place_of, to
from recoup.areas.rights.models import Kind, Report, Series, Thing
from recoup.areas.rights.pages import shown
from recoup.areas.rights.queries import board_rows, report_rows, search_rows
from recoup.core.errors import Invalid
from recoup.core.ids import parse_id
from recoup.web.area import Hit, Tile, Waiting
from recoup.web.shown import duration

SHORTEST = 4
"""Letters that a search needs; ids begin alike."""


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Return the figures of rights; none before the first snapshot."""
    heads = [
        (one, head)
        for one in report_rows.all_series(db)
        if (head := report_rows.head(db, one.id)) is not None
    ]
    if not heads:
        return []
    count, first = board_rows.claims_waiting(db)
    more = "+" if count > board_rows.MOST_COUNTED else ""
    left = first - now if first is not None else None
    waits = f"the next lapses in {duration(left)}" if left is not None else "no claim lapses by itself"
    return [
        *(_changes(kind, [head for one, head in heads if one.kind == kind]) for kind in _kinds(heads)),
        Tile(
            "Claims waiting for an answer",
            f"{min(count, board_rows.MOST_COUNTED):,}{more}",
            waits,
            "/desk/owed?area=rights",
            "hourglass",
            "warn" if count else "ok",
        ),
    ]


def _kinds(heads: list[tuple[Series, Report]]) -> list[str]:
    return [kind for kind in (Kind.CLAIM, Kind.ASSET) if any(one.kind == kind for one, _ in heads)]


def _changes(kind: str, heads: list[Report]) -> Tile:
    """Return the figure of a kind: what the newest snapshots of all content owners changed."""
    total = sum(one.added + one.gone + one.changed for one in heads)
    day = max(one.day for one in heads)
    note = ", ".join(f"{sum(getattr(one, name) for one in heads):,} {name}" for name in board_rows.SORTS)
    return Tile(
        f"{kind.capitalize()}s changed on {day:%d %b}",
        f"{total:,}",
        note,
        to("", kind=kind),
        "git-compare",
    )


def waiting(db: Session, now: datetime) -> list[Waiting]:
    """Return what waits for a person, a sentence for each."""
    series = report_rows.all_series(db)
    stale = [
        (one, head)
        for one in series
        if (head := report_rows.head(db, one.id)) is not None and board_rows.is_stale(db, head, now=now)
    ]
    return [
        Waiting(one.text, one.href, "bad" if one.tone == "bad" else "warn", one.since)
        for one in shown.troubles(board_rows.signed_out(db), board_rows.parked(db), stale)
    ]


def search(db: Session, text: str) -> list[Hit]:
    """Find claims, assets and videos by the beginning of their ids, and reports by theirs."""
    if len(text) < SHORTEST or not all(char.isprintable() for char in text):
        return []
    found = _report(db, text)
    for series in report_rows.all_series(db):
        found += [_thing(series, one) for one in search_rows.by_key(db, series.id, text)]
    known = {hit.title for hit in found}
    found += [
        Hit(name, "asset", to("claims", asset=name), "its claims")
        for name in search_rows.names(db, Thing.asset_id, text)
        if name and name not in known
    ]
    found += [
        Hit(name, "video", to("claims", video=name), "the claims on it")
        for name in search_rows.names(db, Thing.video_id, text)
        if name
    ]
    return found


def _thing(series: Series, thing: Thing) -> Hit:
    noun = "asset" if series.kind == Kind.ASSET else "rights claim"
    how = f"gone since {thing.since}" if thing.is_gone else f"{thing.status}, {thing.views:,}+ views"
    return Hit(thing.key, noun, place_of(series.kind, series.owner, thing.key), f"{series.title}: {how}")


def _report(db: Session, text: str) -> list[Hit]:
    try:
        report = db.get(Report, parse_id(text))
    except Invalid:
        return []
    if report is None:
        return []
    return [Hit(f"report of {report.day}", "report", f"{DESK}/reports/{report.id}", report.state)]
