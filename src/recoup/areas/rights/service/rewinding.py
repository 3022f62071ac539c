"""Going back: a snapshot is unwritten with everything after it, and what then stands is told to be compared with."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change, Series, Version
from recoup.areas.rights.queries import version_rows
from recoup.areas.rights.reading.terms import Terms, Told
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.service import things
from recoup.core.db import at_the_driver

_TOUCHED = """
select distinct on (key) key, before from rights_versions where series_id = %s and since >= %s order by key, since
"""
_LAST = """
select v.key, v.since, v.report_id, v.is_gone, v.cells from unnest(%s::text[], %s::date[]) as last(key, since)
join rights_versions v on v.series_id = %s and v.since = last.since and v.key = last.key
"""
AT_ONCE = 10_000


def unwrite(db: Session, series: Series, *, day: date, terms: Terms) -> None:
    """Take the history back to before ``day``: what began on it or later never was.

    Counters of what then stands again are those of its version, until ``move_counters`` brings them up to date.
    """
    touched = [(key, before) for key, before in things.run(db, _TOUCHED, series.id, day)]
    db.execute(delete(Change).where(Change.series_id == series.id, Change.day >= day))
    db.execute(delete(Version).where(Version.series_id == series.id, Version.since >= day))
    layout = LAYOUTS[series.kind]
    columns_of: dict[UUID, list[str]] = {}
    for start in range(0, len(touched), AT_ONCE):
        some = touched[start : start + AT_ONCE]
        things.forget(db, series, [key for key, before in some if before is None])
        last = [(key, before) for key, before in some if before is not None]
        standing = []
        for key, since, report_id, is_gone, cells in things.run(
            db, _LAST, [key for key, _ in last], [since for _, since in last], series.id
        ):
            if is_gone:
                things.leave(db, series, [key], day=since)
                continue
            if report_id not in columns_of:
                columns_of[report_id] = version_rows.columns_of(db, report_id)
            columns, parts = columns_of[report_id], layouts.parted(cells)
            count = parts[columns.index(layout.counter)] if layout.counter in columns else ""
            views = layouts.rounded(faceting.whole(count), terms.digits)
            standing.append(things.row(series, key, since, faceting.reader(layout, columns)(parts), views))
        things.bring_up_to_date(db, series, standing)


def tell(db: Session, series: Series, target: Path) -> Told:
    """Write the snapshot as the history has it now into a file that a comparison can read."""
    groups = version_rows.column_groups(db, series.id)
    with target.open("wb") as body:
        for number, group in enumerate(groups):
            statement = (
                f"copy (select {number}, t.key, t.views, v.cells from rights_things t join rights_versions v "
                f"on v.series_id = t.series_id and v.key = t.key and v.since = t.since "
                f"where t.series_id = '{series.id}' and not t.is_gone "
                f"and v.report_id = any('{{{','.join(map(str, group.report_ids))}}}')) to stdout (format csv)"
            )
            with at_the_driver(db.connection(), statement) as raw, raw.cursor().copy(statement) as copy:
                for block in copy:
                    body.write(block)
    return Told(target, tuple(tuple(group.columns) for group in groups))
