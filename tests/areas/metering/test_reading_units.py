"""Reading: whatever the split, the writing and the chunks, every record is counted, folded or quarantined, exactly."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.adapters.disk import FolderStore
from recoup.areas.metering.reading import units
from recoup.areas.metering.reading.repeats import Repeats
from recoup.areas.metering.reading.results import FileReading, FileRef, Limits, Who
from recoup.areas.metering.reading.units import read_unit, read_window
from recoup.core.quantity import EXACT
from support.shared_data import shared_data
from support.usage_texts import (
    STYLES,
    Sum,
    TextStore,
    Tokens,
    as_expected,
    expected,
    extras,
    read_all,
    records,
    written,
    zipped,
)

Placed = list[tuple[Tokens, int]]


@dataclass(frozen=True)
class Way:
    """One way to write records and to read them."""

    style: str
    extra: str
    dribble: int
    fold: bool
    limits: Limits

    def store(self, placed: Placed) -> TextStore:
        bodies = {
            key: written(some, style=self.style, extra=self.extra) for key, some in _files(placed).items()
        }
        # The names of the files say nothing about how they are packed.
        return TextStore(
            {key: zipped(body, members=2) if key[-1] in "24" else body for key, body in bodies.items()},
            dribble=self.dribble,
        )

    def read(self, placed: Placed) -> list[FileReading]:
        return read_all(self.store(placed), fold=self.fold, limits=self.limits)


def _files(placed: Placed) -> dict[str, list[Tokens]]:
    files: dict[str, list[Tokens]] = {}
    for record, place in placed:
        files.setdefault(f"hour/{place}", []).append(record)
    return files


ways = st.builds(
    Way,
    style=st.sampled_from(STYLES),
    extra=extras,
    dribble=st.sampled_from([1, 7, 1 << 20]),
    fold=st.booleans(),
    limits=st.builds(
        Limits,
        chunk=st.one_of(st.integers(min_value=1, max_value=400), st.just(1 << 16)),
        held=st.sampled_from([500, 2_000, 1 << 24]),
    ),
)
places = st.integers(min_value=1, max_value=4)
placed_records = st.lists(st.tuples(records(), places), max_size=25)
placed_clean = st.lists(st.tuples(records(clean=True), places), max_size=25)


@settings(deadline=None)
@given(placed_records, ways)
def test_it_agrees_with_reckoning_record_by_record(placed: Placed, way: Way) -> None:
    found = as_expected(way.read(placed))
    wanted = expected(_files(placed), fold=way.fold)
    assert found.parts == wanted.parts
    assert found.quarantined == wanted.quarantined


@settings(deadline=None)
@given(placed_records, places, ways, ways)
def test_any_split_over_files_gives_the_same_totals(placed: Placed, turn: int, one: Way, other: Way) -> None:
    moved = [(record, (place * turn + index) % 3) for index, (record, place) in enumerate(placed)]
    assert _totals(one.read(placed)) == _totals(replace(other, fold=one.fold).read(moved))


@settings(deadline=None)
@given(placed_records, ways)
def test_counted_folded_and_quarantined_make_up_the_whole(placed: Placed, way: Way) -> None:
    readings = way.read(placed)
    parts = [part for reading in readings for part in reading.parts]
    usable = sum((Fraction(part.quantity) + Fraction(part.folded_quantity) for part in parts), Fraction(0))
    # Without folding, every usable value is one of a part.
    assert usable == sum(
        (each.quantity for each in expected(_files(placed), fold=False).parts.values()), Fraction(0)
    )
    bad = sum(reading.quarantined_records for reading in readings)
    assert sum(part.records + part.folded_records for part in parts) + bad == len(placed)
    assert sum(reading.records for reading in readings) == len(placed)
    for reading in readings:
        assert reading.quarantined_records == len(reading.quarantined)
        readable = [Fraction(one.value) for one in reading.quarantined if one.value is not None]
        assert Fraction(reading.quarantined_quantity) == sum(readable)
        assert reading.quarantined_unread == len(reading.quarantined) - len(readable)


@settings(deadline=None)
@given(placed_clean, ways)
def test_the_fast_way_and_the_careful_way_agree(placed: Placed, way: Way) -> None:
    store: Any = way.store(placed)
    for file in store.refs():
        with localcontext(EXACT), Repeats(fold=way.fold, held=way.limits.held) as repeats:
            careful = units._read_carefully(store, file, repeats, way.limits)
            repeats.finish()
            assert (careful.reading((file.key,)),) == read_unit(
                store, (file,), fold=way.fold, limits=way.limits
            )


def _pods(count: int) -> list[Tokens]:
    """Make records in the vendor's order: all dimensions of one pod, then the next."""
    return [
        {
            "subscriptionId": '"s"',
            "externalPayerId": '"c"',
            "instanceId": f'"i{pod // 10}"',
            "podName": f'"p{pod % 10}"',
            "dimension": f'"{dimension}"',
            "value": value,
            "pricePerUnit": price,
        }
        for pod in range(count)
        for dimension, value, price in (("cpu_core_hours", "1.5", "0.2"), ("own", "10737418240", "0.05"))
    ]


@pytest.mark.parametrize("style", ["array", "lines"])
@pytest.mark.parametrize(
    ("more", "times", "cpu"),
    [
        ([], 1, 1_500),
        ([{"value": "9"}], 2, Decimal("1507.5")),
        ([{"pricePerUnit": "0.3", "podName": '"new"'}], 2, Decimal("1501.5")),
        ([{"externalPayerId": '"other"'}], 2, 1_500),
        ([{"value": "-9", "podName": '"new"'}], 2, 1_500),
        ([{"value": "9"}, {"value": '"9"'}], 3, Decimal("1507.5")),
    ],
    ids=["usual", "a repeat", "two prices", "two payers", "a bad one", "a repeat and a bad one"],
)
def test_a_file_is_read_again_only_where_there_is_something_to_look_at(
    style: str, more: list[Tokens], times: int, cpu: Decimal
) -> None:
    some = _pods(1_000)
    store = TextStore({"k": written([*some, *(some[0] | change for change in more)], style=style)})
    (reading,) = read_all(store, limits=Limits(chunk=5_000))
    assert store.opened == ["k"] * times
    parts = {(part.contract, part.dimension): part for part in reading.parts}
    assert (parts["c", "cpu_core_hours"].quantity, parts["c", "own"].quantity) == (cpu, 10737418240 * 1_000)
    assert reading.records == 2_000 + len(more)


def test_a_file_that_is_not_folded_is_read_once_whatever_repeats() -> None:
    store = TextStore({"k": written(_pods(500) * 3)})
    (reading,) = read_all(store, fold=False, limits=Limits(chunk=5_000, held=100_000))
    assert store.opened == ["k"]
    assert {part.dimension: part.quantity for part in reading.parts} == {
        "cpu_core_hours": 2_250,
        "own": 10737418240 * 1_500,
    }


def test_a_reading_process_imports_little() -> None:
    """Each child pays for its imports when it starts, and there is one for each processor."""
    code = "import sys, recoup.areas.metering.reading.child; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "sqlalchemy",
        "pydantic",
        "fastapi",
        "psycopg",
        "boto3",
        "tempfile",
        "asyncio",
        "multiprocessing",
    }
    assert not heavy & set(done.stdout.split())


def test_files_that_share_a_subscription_are_read_as_one_unit() -> None:
    def record(subscription: str, value: str) -> Tokens:
        return {"subscriptionId": f'"{subscription}"', "dimension": '"d"', "value": value}

    store = TextStore(
        {
            "a": written([record("s1", "1"), record("s2", "1")]),
            "b": written([record("s2", "3"), record("s3", "1")]),
            "c": written([record("s3", "2")]),
            "d": written([record("s4", "9")]),
        }
    )
    asked: list[list[tuple[str, ...]]] = []

    def read(some: Sequence[units.Unit]) -> list[tuple[FileReading, ...]]:
        asked.append([tuple(file.key for file in unit) for unit in some])
        return [read_unit(store, unit) for unit in some]  # type: ignore[arg-type]

    readings = read_window(store.refs(), read)
    assert asked == [[("a",), ("b",), ("c",), ("d",)], [("a", "b", "c")]]
    assert [reading.unit for reading in readings] == [("a", "b", "c")] * 3 + [("d",)]
    assert [(part.quantity, part.folded_quantity) for part in readings[0].parts] == [(1, 0), (0, 1)]
    assert [(part.quantity, part.folded_quantity) for part in readings[1].parts] == [(3, 0), (0, 1)]
    assert [(part.quantity, part.folded_quantity) for part in readings[2].parts] == [(2, 0)]
    asked.clear()
    read_window(store.refs(), read, fold=False)
    assert asked == [[("a",), ("b",), ("c",), ("d",)]]


def test_usage_without_a_contract_says_whose_it_is() -> None:
    who = {"organizationId": '"org-1"', "organizationName": '"Bücher"', "customerEmail": '"a@b.test"'}
    record = {"subscriptionId": '"s"', "dimension": '"d"', "value": "1"}
    some = [
        record | {"externalPayerId": '"c"'},
        record | {"podName": '"p"'} | who,
        record | {"dimension": '"e"', "organizationName": "5", "customerEmail": '"' + "x" * 300 + '\\u0000"'},
    ]
    for value in ("1", "-1"):  # the fast way, and with a bad record the careful way
        (reading,) = read_all(
            TextStore({"k": written([*some, record | {"dimension": '"f"', "value": value}])})
        )
        found = {part.dimension: part.who for part in reading.parts if part.contract is None}
        assert found["d"] == Who("org-1", "Bücher", "a@b.test")
        assert found["e"] == Who("", "", "x" * 200)
        assert found.get("f") == (Who() if value == "1" else None)
        assert {part.who for part in reading.parts if part.contract} == {None}


def test_a_price_that_is_none_is_noted_and_the_usage_counts() -> None:
    record = {"externalPayerId": '"c"', "dimension": '"d"', "value": "2"}
    some = [
        record | {"podName": '"a"', "pricePerUnit": '"free"'},
        record | {"podName": '"b"', "pricePerUnit": "0.5"},
        record | {"podName": '"c"', "pricePerUnit": "null"},
        record | {"podName": '"d"'},
    ]
    (reading,) = read_all(TextStore({"k": written(some)}))
    (part,) = reading.parts
    assert (part.quantity, part.amount, part.unpriced) == (8, 1, 6)
    (note,) = reading.notes
    assert note.startswith("In 1 record(s) of c, d, the pricePerUnit is not a number: ")
    assert '"free"' in note


def test_of_equal_repeats_the_dearer_counts_wherever_it_stands() -> None:
    record = {"externalPayerId": '"c"', "subscriptionId": '"s"', "dimension": '"d"', "value": "10"}
    cheap, dear, unpriced = record | {"pricePerUnit": "1"}, record | {"pricePerUnit": "3"}, record
    for order in ([cheap, dear, unpriced], [dear, unpriced, cheap], [unpriced, cheap, dear]):
        together = read_all(TextStore({"a": written(order)}))
        apart = read_all(TextStore({str(i): written([one]) for i, one in enumerate(order)}))
        for readings in (together, apart):
            assert sum(part.amount for reading in readings for part in reading.parts) == 30
            assert sum(part.folded_records for reading in readings for part in reading.parts) == 2


def test_only_so_many_quarantined_records_are_kept_one_by_one_but_all_are_counted() -> None:
    bad = [{"dimension": '"d"', "value": "-2"}] * 7 + [{"dimension": '"d"', "value": "null"}] * 5
    (reading,) = read_all(TextStore({"k": written(bad)}), limits=Limits(details=3))
    assert [one.index for one in reading.quarantined] == [0, 1, 2]
    assert (reading.quarantined_records, reading.quarantined_quantity, reading.quarantined_unread) == (
        12,
        -14,
        5,
    )


def test_what_was_read_travels_between_processes() -> None:
    some = [{"dimension": '"d"', "value": "1"}, {"dimension": '"d"', "value": "-1"}]
    readings = read_all(TextStore({"k": written(some)}))
    assert pickle.loads(pickle.dumps(readings)) == readings  # noqa: S301 - our own


def test_the_vendors_own_records_come_out_as_they_are(tmp_path: Path) -> None:
    body = (shared_data("usage/omnistrate_clazar") / "real_world_usage_records.json").read_bytes()
    (tmp_path / "sub.json").write_bytes(body)
    store = FolderStore(tmp_path)
    info = store.head("sub.json")
    (reading,) = read_unit(store, (FileRef(info.key, info.etag, info.size),))
    assert not reading.quarantined
    assert {part.contract for part in reading.parts} == {"ae641bd1-edf8-4038-bfed-d2ff556c729e"}
    assert {part.dimension: (part.quantity, part.amount, part.unpriced) for part in reading.parts} == {
        "storage_allocated_byte_hours": (10737418240, Decimal(536870912), 0),
        "memory_byte_hours": (2147483648, Decimal("214748364.8"), 0),
        "cpu_core_hours": (2, Decimal("0.4"), 0),
        "replica_hours": (1, 0, 1),
    }


def test_the_hash_is_of_the_stored_bytes() -> None:
    body = zipped(written([{"dimension": '"d"', "value": "1"}]))
    (reading,) = read_all(TextStore({"k.json.gz": body}))
    assert reading.sha256 == hashlib.sha256(body).hexdigest()
    assert (reading.size, reading.records) == (len(body), 1)


def _totals(readings: Sequence[FileReading]) -> dict[tuple[str | None, str, str], Sum]:
    totals: dict[tuple[str | None, str, str], Sum] = {}
    for (_, *part), found in as_expected(readings).parts.items():
        total = totals.setdefault(tuple(part), Sum())  # type: ignore[arg-type]
        totals[tuple(part)] = Sum(  # type: ignore[index]
            *(getattr(total, name) + getattr(found, name) for name in Sum.__dataclass_fields__)
        )
    return totals
