"""Properties of the history against a brute-force oracle: changes lead from one snapshot to the next, in any order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.areas.rights.rules import layouts
from recoup.sandbox.claim_reports import CLAIM_COLUMNS
from support.channel import DAY, USUAL, Channel, Claims, channel_on, made_at, report_of
from support.postgres import Cluster, Database

CELLS = {
    "claim_status": st.sampled_from(["ACTIVE", "INACTIVE", "PENDING"]),
    "claim_status_detail": st.sampled_from(["NONE", "DISPUTED", "APPEALED"]),
    "asset_id": st.sampled_from(["A1", "A2"]),
    "video_title": st.sampled_from(
        ["plain", 'with "quotes", commas', "two\nlines", "東京", "{a,b}", "\\N", ""]
    ),
    "views": st.integers(0, 2_000).map(str),
    "claim_policy_block": st.sampled_from(["", "US|DE"]),
}
SNAPSHOT = st.dictionaries(
    st.sampled_from([f"C{number}" for number in range(8)]),
    st.fixed_dictionaries({}, optional=CELLS),
    min_size=1,
)


def cells_of(cells: Mapping[str, str], key: str) -> dict[str, str]:
    """Return every cell that is compared, by column."""
    whole = {**dict.fromkeys(CLAIM_COLUMNS, ""), **USUAL, **cells, "claim_id": key}
    return {name: whole[name] for name in CLAIM_COLUMNS if name not in layouts.FOLDED}


def expected_changes(before: Claims, after: Claims) -> set[tuple[Any, ...]]:
    """Compare two snapshots as anybody would by hand."""
    told: set[tuple[Any, ...]] = {(key, "added", ()) for key in after.keys() - before.keys()}
    told |= {(key, "gone", ()) for key in before.keys() - after.keys()}
    for key in after.keys() & before.keys():
        was, now = cells_of(before[key], key), cells_of(after[key], key)
        if differing := tuple((name, was[name], now[name]) for name in sorted(was) if was[name] != now[name]):
            told.add((key, "changed", differing))
    return told


def changes_told(channel: Channel) -> dict[date, set[tuple[Any, ...]]]:
    told: dict[date, set[tuple[Any, ...]]] = {}
    statement = "select day, key, sort, columns, before, after from rights_changes"
    for day, key, sort, columns, before, after in channel.rows(statement):
        told.setdefault(day, set()).add((key, sort, tuple(zip(columns, before, after, strict=True))))
    return told


def as_of(channel: Channel, day: date) -> dict[str, dict[str, str]]:
    """Return the snapshot of a day as the history has it."""
    statement = (
        "select * from (select distinct on (v.key) v.key, r.columns, v.cells, v.is_gone from rights_versions v "
        "join rights_reports r on r.id = v.report_id where v.since <= :day order by v.key, v.since desc) last "
        "where not is_gone"
    )
    found = {}
    for key, columns, cells, _ in channel.rows(statement, day=day):
        known = dict(zip(columns, layouts.parted(cells), strict=True))
        found[key] = {name: value for name, value in known.items() if name not in layouts.FOLDED}
    return found


@pytest.fixture(scope="module")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    """One channel for all examples; each begins with an empty history."""
    with cluster.database("migrated") as made, channel_on(made, tmp_path_factory.mktemp("rights")) as opened:
        yield opened


def emptied(channel: Channel) -> None:
    channel.youtube.forget_reports()
    with channel.system.sessions.begin() as db:
        connection = db.connection()
        for table in (
            "rights_changes",
            "rights_versions",
            "rights_things",
            "rights_reports",
            "rights_series",
            "owed_items",
        ):
            connection.exec_driver_sql(f"delete from {table}")


def days_of(snapshots: Sequence[Claims]) -> list[date]:
    return [DAY + timedelta(days=number) for number in range(len(snapshots))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SNAPSHOT, min_size=2, max_size=3))
def test_changes_are_those_of_the_oracle_and_lead_from_each_snapshot_to_the_next(
    shared: Channel, snapshots: list[Claims]
) -> None:
    emptied(shared)
    set_fewest(shared, 0)
    for day, claims in zip(days_of(snapshots), snapshots, strict=True):
        shared.publish(day, claims)
    run = shared.sync()
    assert run.state == "succeeded", run.summary
    told = changes_told(shared)
    for day, (before, after) in zip(days_of(snapshots)[1:], itertools.pairwise(snapshots), strict=True):
        assert told.get(day, set()) == expected_changes(before, after)
    for day, claims in zip(days_of(snapshots), snapshots, strict=True):
        assert as_of(shared, day) == {key: cells_of(cells, key) for key, cells in claims.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SNAPSHOT, min_size=3, max_size=3), SNAPSHOT, st.permutations(range(4)))
def test_any_order_of_reports_and_backfills_ends_the_same(
    shared: Channel, snapshots: list[Claims], backfill: Claims, order: list[int]
) -> None:
    days = days_of(snapshots)
    reports = [*zip(days, snapshots, (0, 0, 0), strict=True), (days[1], backfill, 1)]
    expected = None
    for one_by_one in (False, True):
        emptied(shared)
        set_fewest(shared, 0)
        for place in order if one_by_one else range(4):
            day, claims, is_backfill = reports[place]
            # Reports come in when they are made, so what is to come in late is made late.
            shift = timedelta(hours=order.index(place) if one_by_one else place)
            created = made_at(days[-1]) + shift + (timedelta(days=1) if is_backfill else timedelta())
            shared.publish(day, claims, created=created)
            if one_by_one:
                shared.sync(made_after="2020-01-01T00:00:00Z")
        shared.sync(made_after="2020-01-01T00:00:00Z")
        ended = (
            changes_told(shared),
            [as_of(shared, day) for day in days],
            sorted(
                shared.rows(
                    "select key, since, is_gone, views, status, detail, asset_id, policy from rights_things"
                )
            ),
            sorted(
                shared.rows(
                    "select day, added, gone, changed, things, counts::text from rights_reports where state = 'taken'"
                )
            ),
            sorted(shared.rows("select key, lapses_at from owed_items where state = 'open'")),
        )
        assert expected is None or ended == expected
        expected = ended


def set_fewest(channel: Channel, percent: int) -> None:
    from recoup.areas.rights import controls  # noqa: PLC0415
    from recoup.office.controls import service as house  # noqa: PLC0415

    with channel.system.sessions.begin() as db:
        if house.value(db, controls.FEWEST_PERCENT) != percent:
            house.change(
                db,
                controls.FEWEST_PERCENT,
                percent,
                actor="test",
                now=channel.clock(),
                expected_version=0,
                note="",
            )


def test_a_report_written_twice_by_one_database(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path) as channel:
        channel.publish(DAY, report_of({"C1": {}, "C2": {}}))
        channel.sync()
        channel.sync(made_after="2020-01-01T00:00:00Z")
        assert channel.rows("select count(*) from rights_versions") == [(2,)]
