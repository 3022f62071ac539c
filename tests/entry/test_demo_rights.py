"""The proof of the demo's second act would notice: each check fails when what it compares is made different."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from recoup.entry import demo_rights
from recoup.entry.demo_rights import RightsPlot
from recoup.entry.demo_rights_figures import RightsBooks, Snapshot, Which, checks

PLOT = RightsPlot.of(seed=5, until=datetime(2025, 7, 24, 16, tzinfo=UTC))
PUBLISHED = {"1001": "aa", "1002": "bb"}
LAST = PLOT.days[-1]


def books() -> RightsBooks:
    """Return books that are right, made without the code that they are compared with."""
    truth = PLOT.truth
    ours = RightsBooks(sums=dict(PUBLISHED), snapshots={which: dict(some) for which, some in truth.items()})
    for kind in ("claim", "asset"):
        ours.changes[kind, PLOT.days[0]] = {}
        for before, day in pairwise(PLOT.days):
            ours.changes[kind, day] = differences(truth[kind, before], truth[kind, day])
    for key, cells in truth["claim", LAST].items():
        if cells["claim_status"] == "PENDING":
            became = next(
                day for day in PLOT.days if all(is_pending(key, one) for one in PLOT.days if one >= day)
            )
            ours.waiting[key] = datetime(became.year, became.month, became.day, 7, tzinfo=UTC) + timedelta(
                days=31
            )
    ours.workbooks = [f"rights-{kind}s-{day}.xlsx" for kind, day in PLOT.told]
    return ours


def is_pending(key: str, day: Any) -> bool:
    return PLOT.truth["claim", day].get(key, {}).get("claim_status") == "PENDING"


def differences(was: Snapshot, now: Snapshot) -> dict[str, tuple[str, Mapping[str, tuple[str, str]]]]:
    found: dict[str, tuple[str, Mapping[str, tuple[str, str]]]] = {}
    for key in {*was, *now}:
        if key not in was or key not in now:
            found[key] = ("gone" if key in was else "added"), {}
        elif was[key] != now[key]:
            cells = {
                name: (cell, now[key][name]) for name, cell in was[key].items() if cell != now[key][name]
            }
            found[key] = "changed", cells
    return found


def failing(ours: RightsBooks, *, changed_again: tuple[str, ...] = ()) -> set[int]:
    found = checks(ours, PLOT.truth, PUBLISHED, told=PLOT.told, changed_again=changed_again)
    return {place for place, check in enumerate(found) if not check.ok}


def test_what_is_right_passes() -> None:
    assert books().waiting
    assert failing(books()) == set()


def keep_half_a_report(ours: RightsBooks) -> None:
    ours.sums["1002"] = "b"


def forget_a_report(ours: RightsBooks) -> None:
    del ours.sums["1001"]


def change_a_cell(ours: RightsBooks) -> None:
    some = ours.snapshots["claim", PLOT.days[4]]
    key = min(some)
    ours.snapshots["claim", PLOT.days[4]] = {**some, key: {**some[key], "claim_status": "ACTIVE?"}}


def keep_what_is_gone(ours: RightsBooks) -> None:
    ours.snapshots["asset", LAST] = {**ours.snapshots["asset", LAST], "A1": {"asset_id": "A1"}}


def miss_a_day(ours: RightsBooks) -> None:
    del ours.snapshots["claim", LAST]


def a_change(ours: RightsBooks, sort: str) -> tuple[Which, str]:
    changes = ours.changes["claim", LAST]
    return ("claim", LAST), next(key for key, (one, _) in changes.items() if one == sort)


def miss_a_change(ours: RightsBooks) -> None:
    which, key = a_change(ours, "gone")
    ours.changes[which] = {one: what for one, what in ours.changes[which].items() if one != key}


def tell_a_change_wrongly(ours: RightsBooks) -> None:
    which, key = a_change(ours, "changed")
    sort, cells = ours.changes[which][key]
    turned = {name: (after, before) for name, (before, after) in cells.items()}
    ours.changes[which] = {**ours.changes[which], key: (sort, turned)}


def tell_the_first_as_new(ours: RightsBooks) -> None:
    ours.changes["asset", PLOT.days[0]] = {"A1": ("added", {})}


def let_a_claim_lapse_late(ours: RightsBooks) -> None:
    ours.waiting[min(ours.waiting)] += timedelta(days=1)


def forget_who_waits(ours: RightsBooks) -> None:
    ours.waiting.popitem()


def tell_twice(ours: RightsBooks) -> None:
    ours.workbooks.append(ours.workbooks[0])


def tell_nobody(ours: RightsBooks) -> None:
    ours.workbooks.clear()


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (keep_half_a_report, 0),
        (forget_a_report, 0),
        (change_a_cell, 1),
        (keep_what_is_gone, 1),
        (miss_a_day, 1),
        (miss_a_change, 2),
        (tell_a_change_wrongly, 2),
        (tell_the_first_as_new, 2),
        (let_a_claim_lapse_late, 3),
        (forget_who_waits, 3),
        (tell_twice, 4),
        (tell_nobody, 4),
    ],
)
def test_what_is_wrong_is_found(spoil: Callable[[RightsBooks], None], noticed: int) -> None:
    ours = books()
    spoil(ours)
    assert failing(ours) == {noticed}


def test_a_run_that_changes_something_again_is_found() -> None:
    assert failing(books(), changed_again=("claims of 2025-07-20",)) == {5}


def test_the_plot_has_all_that_goes_wrong() -> None:
    claims = [sheet for sheet in PLOT.sheets if sheet.kind == "claim"]
    heads = [sheet.body.split(b"\n", 1)[0].split(b",") for sheet in claims]
    assert len(claims) == demo_rights.DAYS
    assert [place for place, head in enumerate(heads) if head != heads[0]] == [demo_rights.SHUFFLED]
    assert {frozenset(head) for head in heads} == {frozenset(heads[0])}
    assert [place for place, one in enumerate(claims) if one.dress != "gzip"] == [demo_rights.PLAIN]
    whole = claims[demo_rights.SHORT]
    assert PLOT.short == replace(whole, body=PLOT.short.body)
    assert len(PLOT.short.body) < len(whole.body) * 0.95
    assert len({sheet.body for sheet in claims}) == len(claims)
