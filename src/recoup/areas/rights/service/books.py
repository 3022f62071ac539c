"""The workbook of a snapshot's changes: a sheet for each sort, typed and filtered, the heaviest first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change, Report, Series, Sort
from recoup.areas.rights.queries import change_rows
from recoup.areas.rights.rules import wording
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.rules.pricing import Price
from recoup.core import money
from recoup.core.quantity import EXACT
from recoup.office.desk.writers.fields import Field
from recoup.office.desk.writers.workbook import Part, write_book

MOST_ROWS = 200_000
"""Of one sort; the heaviest are written, and the first sheet says how many there are."""


def write(db: Session, series: Series, report: Report, path: Path, *, price: Price) -> None:
    """Write the workbook of a snapshot's changes."""
    fields = _fields(series, price)
    parts = [Part("Summary", _SUMMARY, _summary(db, series, report))]
    for sort in Sort:
        rows = _rows(db, report, sort, fields)
        parts.append(Part(sort.capitalize(), fields, rows))
    write_book(path, parts, zone="UTC")


_SUMMARY = (
    Field("what", "What", "text", lambda row: row[0]),
    Field("count", "Count", "whole", lambda row: row[1]),
    Field("weight", "Views", "whole", lambda row: row[2]),
)


def _summary(db: Session, series: Series, report: Report) -> Iterator[tuple[str, int | None, int | None]]:
    yield f"{series.title}: {LAYOUTS[series.kind].noun} of {report.day}", report.things, report.views
    for sort in Sort:
        count = getattr(report, sort)
        told = (
            f"{sort}, the heaviest {MOST_ROWS:,} of them in this workbook" if count > MOST_ROWS else str(sort)
        )
        yield told, count, None
    for one in change_rows.by_cause(db, report.id):
        yield f"because: {one.cause}", one.count, one.weight


def _rows(db: Session, report: Report, sort: Sort, fields: list[Field]) -> Iterator[list[Any]]:
    for change in change_rows.heaviest(db, report.id, sort, most=MOST_ROWS):
        yield [field.value(change) for field in fields]


def _fields(series: Series, price: Price) -> list[Field]:
    def worth(change: Change) -> Any:
        amount = price.of(change.weight)
        return (
            None if amount is None else EXACT.scaleb(_decimal(amount.minor), -money.exponent(amount.currency))
        )

    fields = [
        Field("key", LAYOUTS[series.kind].key, "text", lambda one: one.key),
        Field("cause", "Cause", "text", lambda one: one.cause),
        Field("causes", "All causes", "text", lambda one: ", ".join(one.causes)),
        Field("title", "Title", "text", lambda one: one.title),
        Field("artist", "Artist", "text", lambda one: one.artist),
        Field("asset_id", "Asset", "text", lambda one: one.asset_id),
        Field("status", "Status", "text", lambda one: one.status),
        Field("weight", "Views", "whole", lambda one: one.weight),
        Field("what", "What differs", "text", lambda one: wording.what(one, shown=50)),
    ]
    if series.kind == "asset":
        fields.insert(8, Field("claims", "Claims, up or down", "whole", lambda one: one.claims))
    if price.per_thousand:
        fields.insert(8, Field("worth", f"Worth, about ({price.currency})", "amount", worth))
    return fields


def _decimal(minor: int) -> Any:
    return EXACT.create_decimal(minor)
