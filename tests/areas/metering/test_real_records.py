"""Real records as Omnistrate wrote them, through the whole path to the marketplace, checked by plain arithmetic."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from recoup.areas.metering.models import Entry, UsageFile
from recoup.areas.metering.queries import source_rows, window_rows
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import put
from support.house import MovableClock
from support.market import Market, market
from support.postgres import Database
from support.shared_data import shared_data

CONTRACT = "ae641bd1-edf8-4038-bfed-d2ff556c729e"
SUBSCRIPTION = "sub-3YH5N1M4zz"
STREAM = "pg:PROD:pt-HJSv20iWX0"
FOLDER = "omnistrate-metering/pg/PROD/pt-HJSv20iWX0"
# Their timestamps say 03:01:59: what was measured from 02:00 to 03:00, in the folder of that hour.
HOUR = datetime.fromisoformat("2025-11-14T02:00:00+00:00")


@pytest.fixture
def original() -> bytes:
    """The file as it was published."""
    return (shared_data("usage/omnistrate_clazar") / "real_world_usage_records.json").read_bytes()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(HOUR + timedelta(hours=2))


@pytest.fixture
def clazar(clock: MovableClock) -> Iterator[ClazarStandIn]:
    with ClazarStandIn(clock=clock, contracts={CONTRACT: "aws"}) as running:
        yield running


@pytest.fixture
def here(
    request: pytest.FixtureRequest,
    database: Database,
    tmp_path: Path,
    clazar: ClazarStandIn,
    clock: MovableClock,
) -> Iterator[Market]:
    environ = {
        "SERVICE_NAME": "pg",
        "ENVIRONMENT_TYPE": "PROD",
        "PLAN_ID": "pt-HJSv20iWX0",
        "RECOUP_METERING_START": "2025-11-14T02:00:00Z",
        **getattr(request, "param", {}),
    }
    with market(database, tmp_path, clazar, clock=clock, environ=environ) as opened:
        put_marker(opened)
        yield opened


def put_marker(here: Market) -> None:
    marker = json.dumps({STREAM: {"last_processed_to": "2025-11-14T02:59:59Z"}})
    put(
        here.files,
        "omnistrate-metering/last_success_export.json",
        marker.encode(),
        media_type="application/json",
    )


def lay_out(here: Market, content: bytes, name: str = f"{SUBSCRIPTION}.json") -> None:
    put(here.files, f"{FOLDER}/{HOUR:%Y/%m/%d/%H}/{name}", content, media_type="application/json")


def billed(clazar: ClazarStandIn) -> dict[str, str]:
    assert {(row.contract_id, row.cloud, row.start_time) for row in clazar.ledger} == {
        (CONTRACT, "aws", HOUR)
    }
    return {row.dimension: row.quantity for row in clazar.ledger}


def values(original: bytes) -> dict[str, str]:
    """Sum the records as they stand in the file, without any of our code."""
    sums: dict[str, int] = {}
    for record in json.loads(original):
        sums[record["dimension"]] = sums.get(record["dimension"], 0) + record["value"]
    return {dimension: str(total) for dimension, total in sums.items()}


def test_real_records_reach_the_marketplace(here: Market, clazar: ClazarStandIn, original: bytes) -> None:
    lay_out(here, original)
    run = here.export()
    assert not run.needs_person, run.summary
    assert (run.counts["records"], run.counts["entries"], run.counts["submissions"]) == (4, 4, 1)
    assert billed(clazar) == values(original)
    assert billed(clazar) == {
        "storage_allocated_byte_hours": "10737418240",
        "memory_byte_hours": "2147483648",
        "cpu_core_hours": "2",
        "replica_hours": "1",
    }


def test_real_prices_are_known_to_the_cent(here: Market, original: bytes) -> None:
    lay_out(here, original)
    here.export()
    prices = {
        record["dimension"]: Decimal(str(record["pricePerUnit"])) * record["value"]
        for record in json.loads(original)
        if "pricePerUnit" in record
    }
    with here.system.sessions.begin() as db:
        amounts = {one.dimension: one.amount for one in db.scalars(select(Entry))}
    assert amounts == {**prices, "replica_hours": None}
    assert amounts["memory_byte_hours"] == Decimal("214748364.8")


def test_real_records_lead_back_to_their_file(here: Market, original: bytes) -> None:
    lay_out(here, original)
    here.export()
    with here.system.sessions.begin() as db:
        (file,) = db.scalars(select(UsageFile)).all()
        window = window_rows.window_at(db, STREAM, HOUR)
        assert window is not None
        sources = source_rows.sources(db, window.id, CONTRACT, ["cpu_core_hours"])
    assert (file.key, file.size, file.records) == (
        f"{FOLDER}/2025/11/14/02/{SUBSCRIPTION}.json",
        len(original),
        4,
    )
    assert [(one.key, one.subscription, one.quantity, one.records) for one in sources] == [
        (file.key, SUBSCRIPTION, Decimal(2), 1)
    ]


@pytest.mark.parametrize("name", ["a.json.gz", "a.ndjson", "a.jsonl", "a.ndjson.gz"])
def test_real_records_in_every_form(here: Market, clazar: ClazarStandIn, original: bytes, name: str) -> None:
    content = original
    if "json." not in name[2:] or "nd" in name:
        content = b"".join(json.dumps(record).encode() + b"\n" for record in json.loads(original))
    lay_out(here, gzip.compress(content) if name.endswith("gz") else content, name)
    here.export()
    assert billed(clazar) == values(original)


def test_real_records_written_twice_count_once(here: Market, clazar: ClazarStandIn, original: bytes) -> None:
    """The vendor's own report takes the largest of the same measurement, and so do we."""
    records: list[dict[str, Any]] = json.loads(original)
    lower = [{**record, "value": record["value"] / 2} for record in records]
    lay_out(here, json.dumps([*records, *records, *lower]).encode())
    run = here.export()
    assert run.counts["folded"] == 8
    assert billed(clazar) == values(original)


@pytest.mark.parametrize("here", [{"RECOUP_METERING_FOLD_REPEATS": "false"}], indirect=True)
def test_real_records_written_twice_count_twice_when_told_so(
    here: Market, clazar: ClazarStandIn, original: bytes
) -> None:
    records = json.loads(original)
    lay_out(here, json.dumps(records * 2).encode())
    here.export()
    assert billed(clazar) == {dimension: str(2 * int(value)) for dimension, value in values(original).items()}


@pytest.mark.parametrize(
    "here",
    [
        {
            "DIMENSION1_NAME": "pods",
            "DIMENSION1_FORMULA": "replica_hours / 2",
            "DIMENSION2_NAME": "gigabytes",
            "DIMENSION2_FORMULA": "(memory_byte_hours + storage_allocated_byte_hours) / 1073741824",
            "DIMENSION3_NAME": "cents",
            "DIMENSION3_FORMULA": "round(cpu_core_hours_total_price * 100)",
        }
    ],
    indirect=True,
)
def test_real_records_through_the_monthly_scripts_formulas(
    here: Market, clazar: ClazarStandIn, original: bytes
) -> None:
    lay_out(here, original)
    here.export()
    # 1 / 2 is carried on; (2147483648 + 10737418240) / 2**30 = 2 + 10; 2 * 0.2 = 0.40
    assert billed(clazar) == {"gigabytes": "12", "cents": "40"}
    with here.system.sessions.begin() as db:
        entries = {one.dimension: (one.state, one.carried_out) for one in db.scalars(select(Entry))}
    assert entries["pods"] == ("carried", Decimal("0.5"))


def test_real_records_of_a_contract_that_clazar_does_not_know(
    here: Market, clazar: ClazarStandIn, original: bytes
) -> None:
    clazar.contracts = {}
    lay_out(here, original)
    run = here.export()
    assert run.needs_person
    assert clazar.ledger == []
    with here.system.sessions.begin() as db:
        entries = db.scalars(select(Entry)).all()
    assert {one.state for one in entries} == {"rejected"}
    assert all("no such contract" in one.reason for one in entries)
