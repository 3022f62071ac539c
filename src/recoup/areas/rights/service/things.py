"""What stands now, claim by claim and asset by asset: added, brought up to date, and left behind, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Series
from recoup.areas.rights.reading.comparing import Found
from recoup.areas.rights.rules.facets import Facets
from recoup.core.db import at_the_driver

WORDS = ("status", "detail", "origin", "type", "policy", "asset_id", "video_id")
FIELDS = ("views", "claims", *WORDS)
COLUMNS = ("series_id", "key", "since", "is_gone", *FIELDS)
_CHANGE = f"""
update rights_things t set since = n.since, is_gone = n.is_gone, {", ".join(f"{name} = n.{name}" for name in FIELDS)}
from unnest(%s::text[], %s::date[], %s::bool[], %s::bigint[], %s::bigint[], {", ".join(["%s::text[]"] * 7)})
  as n(key, since, is_gone, {", ".join(FIELDS)})
where t.series_id = %s and t.key = n.key
"""
_LEAVE = "update rights_things set since = %s, is_gone = true where series_id = %s and key = any(%s)"
_FORGET = "delete from rights_things where series_id = %s and key = any(%s)"
_MOVE = """
update rights_things t set views = m.views from unnest(%s::text[], %s::bigint[]) as m(key, views)
where t.series_id = %s and t.key = m.key
"""


def move_counters(db: Session, series: Series, found: Found) -> None:
    """Write down counters that moved in what does not differ otherwise."""
    for moved in found.moved():
        keys, views = zip(*moved, strict=True)
        run(db, _MOVE, list(keys), list(views), series.id)


def row(series: Series, key: str, since: date, facets: Facets, views: int) -> tuple[Any, ...]:
    """Return the row of a thing as it stands now, in the order of ``COLUMNS``."""
    return (
        *(series.id, key, since, False, views, facets.claims, facets.status, facets.detail, facets.origin),
        *(facets.type, facets.policy, facets.asset_id, facets.video_id),
    )


def bring_up_to_date(db: Session, series: Series, things: Sequence[tuple[Any, ...]]) -> None:
    """Write anew how things stand that are known already."""
    if things:
        _, *columns = zip(*things, strict=True)
        run(db, _CHANGE, *(list(column) for column in columns), series.id)


def run(db: Session, statement: str, *values: object) -> Iterable[Sequence[Any]]:
    """Run a statement at the driver, whose arrays hold many things at once; return its rows, where it has any."""
    with at_the_driver(db.connection(), statement) as raw:
        cursor = raw.execute(statement, values)
        rows: Iterable[Sequence[Any]] = cursor.fetchall() if cursor.description else ()
        return rows


def leave(db: Session, series: Series, keys: Sequence[str], *, day: date) -> None:
    """Note that things are gone from the snapshot of a day on."""
    run(db, _LEAVE, day, series.id, list(keys))


def forget(db: Session, series: Series, keys: Sequence[str]) -> None:
    """Remove what never was."""
    run(db, _FORGET, series.id, list(keys))
