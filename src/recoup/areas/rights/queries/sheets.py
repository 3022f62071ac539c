"""Every SELECT of the lists that pages show and exports write, a page at a time by keyset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, tuple_, union_all
from sqlalchemy.orm import Session, defer

from recoup.areas.rights.models import Change, Kind, Report, Series, Thing, Version
from recoup.areas.rights.queries import narrowing, prices
from recoup.areas.rights.queries.version_rows import Readers, chains
from recoup.areas.rights.rules.facets import Facets
from recoup.core.errors import Invalid
from recoup.core.ids import parse_id
from recoup.core.keyset import Slice, behind, slice_of
from recoup.core.money import Money
from recoup.web.lists import Wanted

LONGEST_CURSOR = 1_200

# ---------------------------------------------------------------- what changed


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change, of whose claim or asset it is, and what it is worth where a price is known."""

    change: Change
    series: Series
    worth: Money | None


def changes(db: Session, wanted: Wanted) -> Slice[ChangeRow]:
    """Return changes day by day, the heaviest of each day first.

    Narrowed by owner, kind, day, since, until, sort, cause, key and asset. Each day is a report of its own with an
    index over its changes by weight, so a page walks from report to report, and skips those that have none.
    """
    filters = wanted.filters
    series = {one.id: one for one in narrowing.series(db, filters)}
    day, first, inner = _place(wanted.after)
    price = prices.price(db)
    rows: list[ChangeRow] = []
    for report_id, series_id, its_day in _snapshots(db, list(series), wanted, day=day, first=first):
        if len(rows) == wanted.limit:
            return Slice(rows, f"{its_day}.{report_id.hex}.")
        part = slice_of(
            db,
            select(Change).where(Change.report_id == report_id, *_of_change(filters)),
            key=[Change.weight, Change.key],
            after=inner if report_id == first and inner else None,
            limit=wanted.limit - len(rows),
        )
        rows += [ChangeRow(one, series[series_id], price.of(one.weight)) for one in part.rows]
        if part.next is not None:
            return Slice(rows, f"{its_day}.{report_id.hex}.{part.next}")
    return Slice(rows, None)


def _snapshots(
    db: Session, series_ids: Sequence[UUID], wanted: Wanted, *, day: date | None, first: UUID | None
) -> Sequence[tuple[UUID, UUID, date]]:
    """Return the snapshots whose changes are to be looked through, in order, from the cursor's on."""
    statement: Any = select(Report.id, Report.series_id, Report.day).where(
        *narrowing.of_snapshots(series_ids, wanted.filters)
    )
    if "key" in wanted.filters:
        statement = statement.where(Report.id.in_(_reports_with(db, series_ids, wanted.filters["key"])))
    descending, place = wanted.order.descending, tuple_(Report.day, Report.id)
    if day is not None and first is not None:
        here = tuple_(day, first)
        statement = statement.where(place <= here if descending else place >= here)
    order = [one.desc() if descending else one.asc() for one in (Report.day, Report.id)]
    return [tuple(row) for row in db.execute(statement.order_by(*order))]


def _reports_with(db: Session, series_ids: Sequence[UUID], key: str) -> set[UUID]:
    """Return the snapshots in which something became what it is or was: those alone can have a change of it."""
    return {version.report_id for one in series_ids for version in chains(db, one, [key]).get(key, ())}


def _of_change(filters: Mapping[str, Any]) -> list[Any]:
    columns = {"sort": Change.sort, "cause": Change.cause, "key": Change.key, "asset": Change.asset_id}
    return [column == filters[name] for name, column in columns.items() if name in filters]


# ---------------------------------------------------------------- what stands now


@dataclass(frozen=True, slots=True)
class ThingRow:
    """A claim or an asset as it stands, whose it is, and what its newest version says of it."""

    thing: Thing
    series: Series
    facets: Facets


def _things(db: Session, wanted: Wanted, *, kind: str) -> Slice[ThingRow]:
    """Return what stands now, by views; narrowed by owner, facets, asset, video and key.

    The index on views is one series', so each gives its share, and a page's titles are read for its rows only.
    """
    series = {one.id: one for one in narrowing.series(db, wanted.filters, kind=kind)}
    if not series:
        return Slice([], None)
    key, descending = [Thing.views, Thing.key, Thing.series_id], wanted.order.descending
    conditions = narrowing.of_facets(wanted.filters)
    if wanted.after is not None:
        conditions.append(behind(key, wanted.after, descending=descending))
    order = [one.desc() if descending else one.asc() for one in key]
    shares = [
        select(Thing.series_id, Thing.key)
        .where(Thing.series_id == one, *conditions)
        .order_by(*order)
        .limit(wanted.limit + 1)
        .subquery()
        for one in series
    ]
    some = union_all(*(select(share) for share in shares)).subquery()
    statement: Any = (
        select(Thing, Version)
        .join(some, and_(some.c.series_id == Thing.series_id, some.c.key == Thing.key))
        .join(
            Version,
            and_(
                Version.series_id == Thing.series_id,
                Version.since == Thing.since,
                Version.key == Thing.key,
            ),
        )
    )
    part = wanted.page_of(db, statement, key=key)
    readers = Readers(db, kind)
    rows = [
        ThingRow(thing, series[thing.series_id], readers.facets(version) or Facets())
        for thing, version in part.rows
    ]
    return Slice(rows, part.next)


claims = partial(_things, kind=Kind.CLAIM)
assets = partial(_things, kind=Kind.ASSET)


# ---------------------------------------------------------------- reports


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report, and whose it is."""

    report: Report
    series: Series

    @property
    def id(self) -> UUID:
        """The report's id."""
        return self.report.id


def reports(db: Session, wanted: Wanted) -> Slice[ReportRow]:
    """Return reports by day; narrowed by owner, kind, state, day, since and until."""
    filters, descending = wanted.filters, wanted.order.descending
    statement: Any = (
        select(Report, Series)
        .join(Series, Series.id == Report.series_id)
        .where(*narrowing.of_days(filters))
        .options(defer(Report.counts), defer(Report.causes), defer(Report.columns))
    )
    for name, column in (("owner", Series.owner), ("kind", Series.kind), ("state", Report.state)):
        if name in filters:
            statement = statement.where(column == filters[name])
    day, last, _ = _place(wanted.after)
    place = tuple_(Report.day, Report.id)
    if day is not None and last is not None:
        here = tuple_(day, last)
        statement = statement.where(place < here if descending else place > here)
    order = [one.desc() if descending else one.asc() for one in (Report.day, Report.id)]
    found = db.execute(statement.order_by(*order).limit(wanted.limit + 1)).all()
    rows = [ReportRow(*row) for row in found[: wanted.limit]]
    more = len(found) > wanted.limit
    return Slice(rows, f"{rows[-1].report.day}.{rows[-1].id.hex}." if more else None)


def _place(cursor: str | None) -> tuple[date | None, UUID | None, str]:
    """Read where a page starts: a day, a report of it, and a place within its changes."""
    if cursor is None:
        return None, None, ""
    day, _, rest = cursor[:LONGEST_CURSOR].partition(".")
    report, _, inner = rest.partition(".")
    try:
        return date.fromisoformat(day), parse_id(report), inner
    except (ValueError, Invalid):
        raise Invalid("This page of the list cannot be found.", fix="Start from the first page.") from None
