"""The map of slots: which cell a slot falls into, how it stands, what one reads over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.ids import new_id
from recoup.office.jobs.rules.calendar import Mark, kind_of, shown_from, shown_until, slot_map

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)  # a Thursday
RUN = new_id()


def mark(slot: str, state: str | None = None, *, trouble: bool = False, hours: float = -1) -> Mark:
    return Mark(NOW + timedelta(hours=hours), slot, "", RUN if state else None, state, had_trouble=trouble)


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (mark("run", "succeeded"), "ran"),
        (mark("run", "succeeded", trouble=True), "trouble"),
        (mark("caught_up", "succeeded"), "caught_up"),
        (mark("caught_up", "failed"), "failed"),
        (mark("run", "parked"), "failed"),
        (mark("run", "cancelled"), "skipped"),
        (mark("run", "queued"), "moving"),
        (mark("run", "running"), "moving"),
        (mark("skipped"), "skipped"),
        (mark("owed"), "late"),
        (mark("owed", hours=1), "next"),
        (mark("owed", hours=2), "coming"),
    ],
)
def test_a_slot_stands_as_its_run_does(one: Mark, kind: str) -> None:
    assert kind_of(one, coming=NOW + timedelta(hours=1), now=NOW) == kind


def test_days_stand_in_weeks_of_the_schedule_s_own_zone() -> None:
    # 19:00 UTC on the 9th is 02:00 on the 10th in Bangkok.
    slot = Mark(datetime(2026, 2, 9, 19, 0, tzinfo=UTC), "run", "", RUN, "succeeded")
    drawn = slot_map([slot], zone="Asia/Bangkok", by_hour=False, now=NOW)
    cells = {cell.label: cell for row in drawn.rows for cell in row.cells if cell and cell.kind}
    assert list(cells) == ["10"]
    assert cells["10"].said == "Tue 10 Feb, 02:00: ran"
    assert cells["10"].run_id == RUN
    assert [cell.label for cell in drawn.rows[-1].cells if cell] == ["2", "3", "4", "5", "6", "7", "8"]
    assert sum(1 for row in drawn.rows for cell in row.cells if cell) == 35 + 3


def test_a_cell_with_several_slots_shows_the_worst_and_counts_them() -> None:
    at = datetime(2026, 3, 4, 7, 0, tzinfo=UTC)
    slots = [Mark(at + timedelta(minutes=number), "run", "", new_id(), "succeeded") for number in range(5)]
    slots.append(Mark(at + timedelta(minutes=9), "run", "", RUN, "failed"))
    drawn = slot_map(slots, zone="UTC", by_hour=True, now=NOW)
    cell = drawn.rows[-2].cells[7]
    assert cell is not None
    assert cell.kind is not None
    assert (cell.kind.name, cell.run_id) == ("failed", RUN)
    assert cell.said == "Wed 04 Mar, 07:00 to 07:59: 6 slots, 1 failed, 5 ran"


def test_the_repeated_hour_of_a_clock_change_is_one_cell() -> None:
    now = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)
    slots = [
        Mark(datetime(2026, 10, 25, hour, 10, tzinfo=UTC), "run", "", new_id(), "succeeded")
        for hour in (0, 1)
    ]
    drawn = slot_map(slots, zone="Europe/Berlin", by_hour=True, now=now)
    cell = drawn.rows[-1].cells[2]
    assert cell is not None
    assert "2 slots" in cell.said


def test_a_map_begins_and_ends_at_midnight_of_its_zone() -> None:
    assert shown_from(zone="Asia/Bangkok", by_hour=True, now=NOW) == datetime(2026, 2, 26, 17, 0, tzinfo=UTC)
    assert shown_until(zone="UTC", by_hour=True, now=NOW) == datetime(2026, 3, 6, tzinfo=UTC)
    assert shown_until(zone="UTC", by_hour=False, now=NOW) == datetime(2026, 3, 9, tzinfo=UTC)


def test_the_legend_explains_what_is_drawn() -> None:
    names = [kind.name for kind in slot_map([mark("owed")], zone="UTC", by_hour=True, now=NOW).legend]
    assert names[0] == "ran"
    assert "late" in names
    assert "moving" not in names
