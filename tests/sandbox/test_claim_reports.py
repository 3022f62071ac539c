"""Sample rights reports: the same for the same seed, as wide as YouTube's, and with everything that trips a reader."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from recoup.sandbox.claim_reports import (
    ASSET_COLUMNS,
    CLAIM_COLUMNS,
    FIRST_DAY,
    MUSIC_ASSET_COLUMNS,
    ClaimsWorld,
    Pace,
    csv_of,
)
from support.shared_data import shared_data

Rows = list[dict[str, str]]


def read(text: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def claims(world: ClaimsWorld) -> Rows:
    return read(csv_of(CLAIM_COLUMNS, world.claim_rows()))


def test_the_same_seed_gives_the_same_days() -> None:
    one, same, other = ClaimsWorld(7), ClaimsWorld(7), ClaimsWorld(8)
    for _ in range(3):
        assert claims(one) == claims(same)
        assert claims(one) != claims(other)
        for world in (one, same, other):
            world.pass_a_day()


def test_a_day_adds_takes_and_changes_about_what_its_pace_says() -> None:
    world = ClaimsWorld(3, claims=2_000, pace=Pace(added=100, gone=50, changed=200, several=0))
    before = {row["claim_id"]: row for row in claims(world)}
    world.pass_a_day()
    after = {row["claim_id"]: row for row in claims(world)}
    assert world.day == FIRST_DAY + timedelta(days=1)
    assert len(after.keys() - before.keys()) == 20
    assert len(before.keys() - after.keys()) == 10
    moving = {"views", "engaged_views"}
    changed = [
        name
        for name in before.keys() & after.keys()
        if any(
            before[name][column] != after[name][column] for column in CLAIM_COLUMNS if column not in moving
        )
    ]
    assert 30 <= len(changed) <= 40  # two in a hundred, less what went the same day, or was so already
    assert all(
        int(after[name]["views"]) >= int(before[name]["views"]) for name in before.keys() & after.keys()
    )


def test_columns_are_those_of_real_files() -> None:
    known = json.loads(
        (shared_data("youtube") / "content_owner_active_claims_fields.json").read_text(encoding="utf-8")
    )
    fields = known["content_owner_active_claims_a3"]
    assert set(CLAIM_COLUMNS) == {*fields["primary_key"], *fields["additional_fields"]}
    header = (shared_data("youtube/header_a3_49col_2026") / "test_claims_matter_2.csv").read_text(
        encoding="utf-8"
    )
    assert set(header.splitlines()[0].split(",")) == set(CLAIM_COLUMNS)


def test_one_claim_may_have_several_rows_and_so_may_an_asset() -> None:
    world = ClaimsWorld(1, claims=300, pace=Pace(several=2_000))
    rows = claims(world)
    assert len(rows) > len({row["claim_id"] for row in rows}) == 300
    assets = read(csv_of(MUSIC_ASSET_COLUMNS, world.asset_rows()))
    counts = {row["asset_id"]: int(row["active_claims"] or 0) for row in assets}
    assert len(assets) > len(counts) == 50
    assert sum(counts.values()) == 300
    others = read(csv_of(ASSET_COLUMNS, world.asset_rows(music=False)))
    assert {row["asset_id"]: int(row["active_claims"] or 0) for row in others} == counts


@pytest.mark.parametrize("seed", range(3))
def test_columns_can_be_shuffled_left_out_and_added(seed: int) -> None:
    world = ClaimsWorld(2, claims=40)
    usual = claims(world)
    bent = csv_of(CLAIM_COLUMNS, world.claim_rows(), shuffled=seed, without=["tms"], more=["is_new"])
    header = bent.decode().splitlines()[0].split(",")
    assert header != [name for name in CLAIM_COLUMNS if name != "tms"]
    assert header[-1] == "is_new"
    assert [{name: value for name, value in row.items() if name != "is_new"} for row in read(bent)] == [
        {name: value for name, value in row.items() if name != "tms"} for row in usual
    ]
