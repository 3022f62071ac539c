"""How a stream stands: counts and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, distinct, func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    AdjustmentState,
    Entry,
    Remainder,
    Stream,
    Window,
    WindowState,
)
from recoup.areas.metering.queries import entry_rows, stream_rows


@dataclass(frozen=True, slots=True)
class Standing:
    """How one stream stands: windows and entries by state, what waits for a person, what is carried."""

    stream: str
    cloud: str
    first_hour: datetime
    before_start: str
    marker_to: datetime | None
    taken_until: datetime | None
    windows: dict[str, int]
    entries: dict[str, int]
    oldest_open: datetime | None
    next_deadline: datetime | None
    records: int
    unbilled_records: int
    quarantined_records: int
    carried: int
    open_adjustments: int

    @property
    def for_a_person(self) -> int:
        """How many things wait for a person."""
        entries = sum(self.entries.get(state, 0) for state in entry_rows.NEEDS_PERSON)
        return entries + self.windows.get(WindowState.HELD, 0) + self.open_adjustments


def standing(db: Session, one: Stream) -> Standing:
    """Return how a stream stands."""
    of_stream = Window.stream_id == one.id
    windows = db.execute(select(Window.state, func.count()).where(of_stream).group_by(Window.state))
    by_entry = db.execute(
        select(Entry.state, func.count()).where(Entry.stream_id == one.id).group_by(Entry.state)
    )
    sums = db.execute(
        select(
            func.coalesce(func.sum(Window.records), 0),
            func.coalesce(func.sum(Window.unbilled_records), 0),
            func.coalesce(func.sum(Window.quarantined_records), 0),
        ).where(of_stream)
    ).one()
    not_taken = and_(of_stream, Window.state != WindowState.TAKEN)
    oldest, deadline = db.execute(
        select(func.min(Window.hour), func.min(Window.deadline)).where(not_taken)
    ).one()
    carried = select(func.count()).where(Remainder.stream_id == one.id, Remainder.carried != 0)
    adjustments_open = (
        select(func.count(distinct(Adjustment.id)))
        .join(Window, Window.id == Adjustment.window_id)
        .where(of_stream, Adjustment.state == AdjustmentState.OPEN)
    )
    return Standing(
        stream=one.key,
        cloud=one.cloud,
        first_hour=one.first_hour,
        before_start=one.before_start,
        marker_to=one.marker_to,
        taken_until=stream_rows.contiguous_until(db, one.id),
        windows={state: int(count) for state, count in windows},
        entries={state: int(count) for state, count in by_entry},
        oldest_open=oldest,
        next_deadline=deadline,
        records=int(sums[0]),
        unbilled_records=int(sums[1]),
        quarantined_records=int(sums[2]),
        carried=int(db.execute(carried).scalar_one()),
        open_adjustments=int(db.execute(adjustments_open).scalar_one()),
    )
