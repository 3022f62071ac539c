"""Rules of rights, values in and values out: why something changed, when it lapses, what is known at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.rights.models import Kind, Sort
from recoup.areas.rights.rules import causes, facets, judging, lapsing, layouts
from recoup.areas.rights.rules.causes import Cause
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.judging import Stood
from recoup.areas.rights.rules.layouts import ASSETS, CLAIMS, FOLDED, INSTEAD, SEPARATOR
from recoup.core.errors import Invalid
from recoup.sandbox.claim_reports import ASSET_COLUMNS, CLAIM_COLUMNS, MUSIC_ASSET_COLUMNS

DAY = date(2025, 7, 20)
NAME = "report 1 of 2025-07-20"


def of_claim(before: tuple[str, str], after: tuple[str, str]) -> str:
    """Return why a claim changed whose status and detail were and are so."""
    names = ("claim_status", "claim_status_detail")
    cells = {name: now for name, was, now in zip(names, before, after, strict=True) if was != now}
    first, *_ = causes.of_changed(Kind.CLAIM, cells, Facets(*before), Facets(*after))
    return str(first)


def of_cells(kind: str, **after: str) -> tuple[str, ...]:
    """Return why something changed of which these cells are so now, and were otherwise."""
    return causes.of_changed(kind, after, Facets("ACTIVE", "NONE"), Facets("ACTIVE", "NONE"))


EVERY_WORD = {
    Cause.APPEALED: of_claim(("PENDING", "DISPUTED"), ("PENDING", "APPEALED")),
    Cause.DISPUTED: of_claim(("ACTIVE", "NONE"), ("PENDING", "DISPUTED")),
    Cause.CONFLICT: of_cells(Kind.ASSET, conflicting_owner="Somebody")[0],
    Cause.TAKEDOWN: of_claim(("ACTIVE", ""), ("TAKEDOWN", "")),
    Cause.POTENTIAL: of_claim(("ACTIVE", ""), ("POTENTIAL", "")),
    Cause.RELEASED: of_claim(("ACTIVE", "NONE"), ("INACTIVE", "CLOSED_MANUALLY")),
    Cause.LEFT: causes.of_gone(Facets("ACTIVE"))[0],
    Cause.MOVED: of_cells(Kind.CLAIM, asset_id="A2")[0],
    Cause.OWNERSHIP: of_cells(Kind.ASSET, ownership="100%:WW")[0],
    Cause.RESOLVED: of_cells(Kind.ASSET, conflicting_country_code="")[0],
    Cause.REINSTATED: of_claim(("INACTIVE", "CLOSED"), ("ACTIVE", "NONE")),
    Cause.POLICY: of_cells(Kind.CLAIM, asset_policy_block="US")[0],
    Cause.STATUS: of_claim(("ACTIVE", "NONE"), ("PENDING", "NONE")),
    Cause.NEW: causes.of_added(Kind.CLAIM, was_here=False, created="2025-07-19", day=DAY)[0],
    Cause.BACK: causes.of_added(Kind.ASSET, was_here=True, created="", day=DAY)[0],
    Cause.APPEARED: causes.of_added(Kind.CLAIM, was_here=False, created="2024-01-01", day=DAY)[0],
    Cause.NEW_ASSET: causes.of_added(Kind.ASSET, was_here=False, created="", day=DAY)[0],
    Cause.UP: causes.of_changed(Kind.ASSET, {"active_claims": "3"}, Facets(claims=2), Facets(claims=3))[0],
    Cause.DOWN: causes.of_changed(Kind.ASSET, {"active_claims": ""}, Facets(claims=2), Facets(claims=0))[0],
    Cause.MATCH: of_cells(Kind.CLAIM, longest_match="61")[0],
    Cause.METADATA: of_cells(Kind.CLAIM, video_title="new")[0],
}


@pytest.mark.parametrize("cause", Cause)
def test_every_word_has_its_occasion(cause: Cause) -> None:
    assert EVERY_WORD[cause] == cause


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (("ACTIVE", "OWNERSHIP_CONFLICT"), ("ACTIVE", "NONE"), Cause.RESOLVED),
        (("PENDING", "CONFLICT"), ("ACTIVE", "NONE"), Cause.RESOLVED),
        (("PENDING", "CONFLICT"), ("PENDING", "DISPUTED"), Cause.DISPUTED),
        (("PENDING", "DISPUTED"), ("ACTIVE", "NONE"), Cause.REINSTATED),
        (("PENDING", "DISPUTED"), ("INACTIVE", "CLOSED"), Cause.RELEASED),
        (("inactive", "x"), ("active", "x"), Cause.REINSTATED),
        (("INACTIVE", "CLOSED"), ("INACTIVE", "CLOSED_MANUALLY"), Cause.STATUS),
        (("PENDING", "DISPUTED"), ("ACTIVE", "DISPUTED"), Cause.REINSTATED),
        (("A_WORD_OF_TOMORROW", ""), ("ANOTHER", ""), Cause.STATUS),
    ],
)
def test_what_a_status_became_says_why(before: tuple[str, str], after: tuple[str, str], cause: Cause) -> None:
    assert of_claim(before, after) == cause


@given(
    st.sets(st.sampled_from(CLAIM_COLUMNS), min_size=1), st.sampled_from(["ACTIVE", "INACTIVE", "PENDING"])
)
def test_causes_are_told_once_each_the_gravest_first(columns: set[str], status: str) -> None:
    found = causes.of_changed(
        Kind.CLAIM, dict.fromkeys(columns, "x"), Facets("ACTIVE", "NONE"), Facets(status, "NONE")
    )
    places = [list(Cause).index(Cause(one)) for one in found]
    assert places == sorted(set(places))
    assert found
    assert (Cause.METADATA in found) == (len(found) == 1 and found[0] == Cause.METADATA)


@pytest.mark.parametrize(
    ("created", "cause"),
    [
        ("2025-07-20", Cause.NEW),
        ("2025-07-13", Cause.NEW),
        ("2025-07-12", Cause.APPEARED),
        ("", Cause.NEW),
        ("last week", Cause.NEW),
        ("2099-01-01", Cause.NEW),
    ],
)
def test_a_claim_is_new_for_a_week(created: str, cause: Cause) -> None:
    assert causes.of_added(Kind.CLAIM, was_here=False, created=created, day=DAY) == (cause,)


@pytest.mark.parametrize(
    ("status", "detail", "standing"),
    [
        ("PENDING", "DISPUTED", Cause.DISPUTED),
        ("Disputed", "", Cause.DISPUTED),
        ("ACTIVE", "DISPUTE_APPEALED", Cause.APPEALED),
        ("POTENTIAL_CLAIM", "NONE", Cause.POTENTIAL),
        ("ACTIVE", "NONE", None),
        ("INACTIVE", "CLOSED_MANUALLY", None),
        ("", "", None),
    ],
)
def test_words_of_an_open_set_are_looked_for(status: str, detail: str, standing: Cause | None) -> None:
    assert causes.standing(status, detail) == standing


def stood(cells: Mapping[str, str], *, views: int = 50, claims: int | None = None) -> Stood:
    return Stood(list(cells), list(cells.values()), Facets("ACTIVE", "NONE", claims=claims), views)


def changed(was: Mapping[str, str], now: Mapping[str, str]) -> judging.Judged | None:
    columns = sorted(now)
    compared = layouts.compared(columns, FOLDED)
    return judging.changed(
        CLAIMS,
        stood(was),
        columns,
        [now[name] for name in columns],
        Facets("ACTIVE", "NONE"),
        compared=compared,
        views=77,
    )


@given(
    st.dictionaries(
        st.sampled_from(["views", "artist", "album", "isrc", "mood"]), st.sampled_from(["", "x", "y"])
    ),
    st.dictionaries(
        st.sampled_from(["views", "artist", "album", "isrc", "mood"]), st.sampled_from(["", "x", "y"])
    ),
)
def test_what_both_have_and_compare_makes_the_change(was: dict[str, str], now: dict[str, str]) -> None:
    differing = [name for name in sorted(now) if name in was and name != "views" and was[name] != now[name]]
    judged = changed(was, now)
    if not differing:
        assert judged is None
        return
    assert judged is not None
    assert (judged.sort, judged.weight, judged.claims) == (Sort.CHANGED, 77, None)
    assert judged.columns == differing
    assert judged.before == [was[name] for name in differing]
    assert judged.after == [now[name] for name in differing]


def test_what_is_gone_weighs_what_it_had() -> None:
    judged = judging.gone(stood({"asset_id": "A1"}, views=4_000, claims=7))
    assert (judged.sort, judged.weight, judged.claims, judged.columns) == (Sort.GONE, 4_000, -7, [])
    assert judging.gone(stood({"claim_id": "C1"})).claims is None


def test_an_asset_s_claims_are_counted_up_and_down() -> None:
    def judged(before: int, after: int) -> int | None:
        found = judging.changed(
            ASSETS,
            stood({"active_claims": str(before), "asset_id": "A1"}, claims=before),
            ["active_claims", "asset_id"],
            [str(after), "A1"],
            Facets(claims=after),
            compared=("active_claims", "asset_id"),
            views=0,
        )
        return found.claims if found else None

    assert [judged(3, 5), judged(5, 3), judged(3, 3), judged(0, 2)] == [2, -2, None, 2]


# Lapsing


@pytest.mark.parametrize(
    ("starts_at", "day"),
    [
        (datetime(2025, 7, 20, 7, tzinfo=UTC), date(2025, 7, 20)),
        (datetime(2025, 12, 20, 8, tzinfo=UTC), date(2025, 12, 20)),
        # The days on which the clocks change, and the ones after.
        (datetime(2025, 3, 9, 8, tzinfo=UTC), date(2025, 3, 9)),
        (datetime(2025, 3, 10, 7, tzinfo=UTC), date(2025, 3, 10)),
        (datetime(2025, 11, 2, 7, tzinfo=UTC), date(2025, 11, 2)),
        (datetime(2025, 11, 3, 8, tzinfo=UTC), date(2025, 11, 3)),
    ],
)
def test_a_data_day_is_one_of_california(starts_at: datetime, day: date) -> None:
    assert lapsing.data_day(starts_at) == day
    assert lapsing.data_day(starts_at - timedelta(seconds=1)) == day - timedelta(days=1)


@pytest.mark.parametrize(("hours", "days"), [(-1, 30), (0, 30), (1, 60)])
def test_reports_of_days_before_their_job_are_kept_for_30_days(hours: int, days: int) -> None:
    created, made = datetime(2025, 7, 20, 7, tzinfo=UTC), datetime(2025, 7, 23, tzinfo=UTC)
    ends = created + timedelta(hours=hours)
    until = lapsing.fetch_until(made_at=made, ends_at=ends, job_created=created)
    assert until - made == timedelta(days=days)


def test_who_disputes_has_30_days_and_who_appeals_7() -> None:
    since = datetime(2025, 7, 20, 7, tzinfo=UTC)
    within = {cause: lapsing.answer_until(cause, since) for cause in Cause}
    assert {cause: (until - since).days for cause, until in within.items() if until} == {
        Cause.DISPUTED: 30,
        Cause.POTENTIAL: 30,
        Cause.APPEALED: 7,
    }


def test_a_day_is_stale_after_its_days_and_not_before() -> None:
    ended = datetime(2025, 7, 21, 7, tzinfo=UTC)
    assert not lapsing.is_stale(ended, now=ended + timedelta(days=6), days=6)
    assert lapsing.is_stale(ended, now=ended + timedelta(days=6, seconds=1), days=6)


# Facets and layouts


@given(st.integers(0, 10**18))
def test_a_count_is_read_as_it_is_written(number: int) -> None:
    assert facets.whole(str(number)) == number


@given(st.text(max_size=6))
def test_what_is_no_count_is_none(text: str) -> None:
    digits = bool(text) and set(text) <= set("0123456789")
    assert facets.whole(text) == (int(text) if digits else 0)


@pytest.mark.parametrize(
    ("layout", "columns"), [(CLAIMS, CLAIM_COLUMNS), (ASSETS, MUSIC_ASSET_COLUMNS), (ASSETS, ASSET_COLUMNS)]
)
@given(data=st.data())
def test_every_column_but_the_required_ones_may_be_absent(
    layout: layouts.Layout, columns: tuple[str, ...], data: st.DataObject
) -> None:
    optional = sorted(set(columns) - set(layout.required))
    there = [*layout.required, *data.draw(st.lists(st.sampled_from(optional), unique=True))]
    layouts.check_columns(layout, there, name=NAME)
    read = facets.reader(layout, there)
    empty = read([""] * len(there))
    assert empty == Facets(policy="none", claims=0 if layout is ASSETS else None)
    known = {name: f"the {name}" for name in there}
    found = read(list(known.values()))
    assert found.artist == known.get("artist", "")
    assert found.asset_id == known["asset_id"]
    status = "claim_status" if layout is CLAIMS else "status"
    assert found.status == known.get(status, "")
    assert list(facets.counts_of(found)) == [getattr(found, name) for name in facets.COUNTED]


@pytest.mark.parametrize(
    ("cells", "policy"),
    [
        ({}, "none"),
        ({"claim_policy_monetize": "WW"}, "monetize"),
        ({"claim_policy_block": "US|DE", "claim_policy_monetize": "FR"}, "monetize+block"),
        ({"claim_policy_track": "WW", "asset_policy_block": "US"}, "track"),
    ],
)
def test_a_policy_is_named_by_what_it_does_anywhere(cells: dict[str, str], policy: str) -> None:
    read = facets.reader(CLAIMS, CLAIM_COLUMNS)
    assert read([cells.get(name, "") for name in CLAIM_COLUMNS]).policy == policy


def test_an_asset_in_conflict_says_so_in_either_layout() -> None:
    for columns, name in (
        (ASSET_COLUMNS, "conflicting_owner"),
        (MUSIC_ASSET_COLUMNS, "conflicting_country_code"),
    ):
        read = facets.reader(ASSETS, columns)
        assert read(["x" if one == name else "" for one in columns]).detail == "conflict"
        assert read([""] * len(columns)).detail == ""


@given(st.lists(st.text(), min_size=1, max_size=6))
def test_joined_cells_come_apart_again(cells: list[str]) -> None:
    expected = [cell.replace(SEPARATOR, INSTEAD) for cell in cells]
    assert layouts.parted(layouts.joined(cells)) == expected
    assert layouts.joined(expected) == layouts.joined(cells)


@given(st.integers(0, 10**18), st.integers(1, 18))
def test_a_rounded_count_keeps_its_first_digits(count: int, digits: int) -> None:
    rounded = layouts.rounded(count, digits)
    assert str(rounded) == str(count)[:digits].ljust(len(str(count)), "0")
    assert layouts.rounded(rounded, digits) == rounded


@given(st.lists(st.sampled_from(CLAIM_COLUMNS), unique=True), st.integers())
def test_what_is_compared_does_not_depend_on_the_order(columns: list[str], seed: int) -> None:
    turned = columns[seed % (len(columns) or 1) :] + columns[: seed % (len(columns) or 1)]
    assert layouts.compared(turned, FOLDED) == layouts.compared(columns, FOLDED)
    assert not set(layouts.compared(columns, FOLDED)) & set(FOLDED)
    assert set(layouts.compared(columns, ())) == set(columns)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([], "the columns asset_id, active_claims are missing, so this is no report of assets. It has none."),
        (
            ["asset_id", "x"],
            "the columns active_claims are missing, so this is no report of assets. It has asset_id, x.",
        ),
        (["asset_id", "active_claims", "X", "x"], "the column X is there twice."),
        (["asset_id", "active_claims", ""], "column 3 has no name."),
        (
            ["asset_id", "active_claims", *map(str, range(299))],
            "it names 301 columns, more than the 300 that are read.",
        ),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(columns: list[str], sentence: str) -> None:
    with pytest.raises(Invalid) as raised:
        layouts.check_columns(ASSETS, columns, name=NAME)
    assert raised.value.detail == f"{NAME}, line 1: {sentence}"
