"""Exact to the last digit: however records are cut into files, hours and attempts, the same entries come of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from recoup.areas.metering.models import Adjustment, Entry, Part, Remainder, Window
from recoup.areas.metering.queries import window_rows
from recoup.areas.metering.service import adjustments, billing
from recoup.core.clock import HOUR
from recoup.sandbox import clazar as play
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn
from support.books import FIRST, NAME, Books, stream_config
from support.hour_files import BAD, FORMS, Producer, Usage, body, usages
from support.house import MovableClock
from support.market import market
from support.postgres import Cluster
from support.usage_count import WIDE, ZERO, Count, count

PAYERS = ("alice", "bob", "a:b", None, "", " ")
DIMENSIONS = ("cpu", "memory", "b:cpu")
CLOUDS = ("aws", "gcp")
Files = dict[str, bytes]

records = st.lists(usages(PAYERS, DIMENSIONS) | st.sampled_from(BAD), max_size=14)
unfailing = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@st.composite
def files_of(draw: st.DrawFn, given_records: Sequence[Usage | str]) -> Files:
    """Cut records into files in any order and form."""
    ordered = draw(st.permutations(given_records))
    piles: dict[int, list[Usage | str]] = defaultdict(list)
    for record in ordered:
        piles[draw(st.integers(0, 3))].append(record)
    files = {}
    for number, pile in piles.items():
        lines = isinstance(pile[0], Usage)  # a file of lines is known by the object that it begins with
        form = draw(st.sampled_from(FORMS if lines else ("json", "json.gz")))
        files[f"sub-{number}.{form}"] = body(pile, form)
    return files


def figures(books: Books) -> list[tuple[Any, ...]]:
    return [
        (one.hour, one.contract, one.dimension, *figures_of(one), str(one.state)) for one in books.entries()
    ]


def figures_of(one: Entry) -> tuple[Decimal | None, ...]:
    return one.measured, one.carried_in, one.quantity, one.carried_out, one.amount


def totals(books: Books) -> dict[tuple[str, str], Fraction]:
    sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for one in books.entries():
        sums[one.contract, one.dimension] += Fraction(one.quantity)
    return {name: total for name, total in sums.items() if total}


# ---------------------------------------------------------------- files


@unfailing
@given(records, st.data(), st.sampled_from(CLOUDS), st.booleans())
def test_any_split_of_an_hour_over_files_gives_the_same_entries(
    empty_database: sessionmaker[Session],
    given_records: list[Usage | str],
    data: st.DataObject,
    cloud: str,
    fold: bool,
) -> None:
    config = stream_config(cloud=cloud, fold_repeats=fold, most_bad_percent=100)
    outcomes = []
    for _ in range(2):
        files = data.draw(files_of(given_records))
        with empty_database() as db:
            books = Books(db, config, hours=1)
            taken = books.take(FIRST, files)
            truth = count(files, fold=fold)
            window = db.scalars(select(Window)).one()
            outcomes.append((figures(books), books.carried(), taken.records, taken.folded, taken.unbilled))
            assert_ties(books, window, truth)
    assert outcomes[0] == outcomes[1]


def assert_ties(books: Books, window: Window, truth: Count) -> None:
    """Every record and every digit is in exactly one place."""
    assert (window.records, window.quarantined_records) == (truth.records, truth.bad)
    assert (window.folded_records, window.unbilled_records) == (truth.folded, truth.unbilled_records)
    measured = {(one.contract, one.dimension): one.measured for one in books.entries()}
    assert measured == truth.measured
    amounts = {(one.contract, one.dimension): one.amount for one in books.entries() if one.amount is not None}
    assert amounts == truth.amounts
    parts = books.db.scalars(select(Part)).all()
    with localcontext(WIDE):
        assert sum((part.folded_quantity for part in parts), ZERO) == truth.folded_quantity
        unbilled = sum((part.quantity for part in parts if part.contract is None), ZERO)
        submitted = sum((one.quantity + one.carried_out for one in books.entries()), ZERO)
        kept = window.quarantined_quantity + truth.folded_quantity
        assert submitted + unbilled + kept == truth.total()


# ---------------------------------------------------------------- hours


@unfailing
@given(st.lists(usages(("alice", "bob"), ("cpu", "memory")), max_size=14), st.data(), st.sampled_from(CLOUDS))
def test_any_split_over_hours_in_any_order_submits_the_same_in_total(
    empty_database: sessionmaker[Session], used: list[Usage], data: st.DataObject, cloud: str
) -> None:
    """Each measurement is its own, so that none is a repeat only because two of them share an hour."""
    config = stream_config(cloud=cloud, fold_repeats=False)
    expected: dict[tuple[str | None, str], Fraction] = defaultdict(Fraction)
    for record in used:
        expected[record.payer, record.dimension] += Fraction(Decimal(record.value))
    for _ in range(2):
        hours: dict[int, list[Usage]] = defaultdict(list)
        for record in used:
            hours[data.draw(st.integers(0, 3))].append(record)
        with empty_database() as db:
            books = Books(db, config, hours=4)
            for number in data.draw(st.permutations(range(4))):
                books.take(FIRST + number * HOUR, data.draw(files_of(hours[number])))
            carried = {name: Fraction(rest) for name, rest in books.carried().items()}
            whole = {name: math.floor(total) if cloud == "aws" else total for name, total in expected.items()}
            assert totals(books) == {name: total for name, total in whole.items() if total}
            assert carried == {
                name: total - whole[name] for name, total in expected.items() if total != whole[name]
            }


@settings(unfailing, max_examples=25)
@given(st.lists(st.lists(usages(PAYERS, DIMENSIONS), max_size=6), min_size=2, max_size=3), st.data())
def test_the_same_hours_give_the_same_entries_whatever_files_they_came_in(
    empty_database: sessionmaker[Session], hours: list[list[Usage]], data: st.DataObject
) -> None:
    outcomes = []
    for _ in range(2):
        with empty_database() as db:
            books = Books(db, stream_config(), hours=len(hours))
            for number, used in enumerate(hours):
                books.take(FIRST + number * HOUR, data.draw(files_of(used)))
            outcomes.append((figures(books), books.carried()))
    assert outcomes[0] == outcomes[1]


# ---------------------------------------------------------------- later changes


@settings(unfailing, max_examples=40)
@given(st.lists(records, min_size=2, max_size=5), st.data())
def test_whatever_becomes_of_its_files_a_windows_differences_add_up(
    empty_database: sessionmaker[Session], versions: list[list[Usage | str]], data: st.DataObject
) -> None:
    """First taken, then found changed any number of times: carried on, every difference reaches the marketplace."""
    with empty_database() as db:
        books = Books(db, stream_config(cloud="gcp", most_bad_percent=100), hours=2)
        books.take(FIRST, data.draw(files_of(versions[0])))
        window = window_rows.window_at(db, books.config.key, FIRST)
        assert window is not None
        for number, version in enumerate(versions[1:]):
            files = data.draw(files_of(version))
            owed = {
                (contract, dimension): value
                for contract, measured in billing.measured_by_contract(books.read(files)).items()
                for dimension, value in measured.quantities.items()
            }
            adjustments.find(
                db,
                books.stream,
                window,
                owed,
                listing=str(number % 2),
                reason="",
                actor="test",
                now=books.now,
            )
            db.flush()
            now_owed = dict(count(files).measured)
            assert taken_and_told(books) == {name: value for name, value in now_owed.items() if value}
        for one in db.scalars(select(Adjustment)):
            adjustments.end(db, one.id, carry=True, note="", actor="Alice", now=books.now)
        books.take(FIRST + HOUR, {})
        carried = {name: Fraction(rest) for name, rest in books.carried().items()}
        names = {*totals(books), *carried, *now_owed}
        for name in names:
            rest = carried.get(name, Fraction(0))
            assert totals(books).get(name, Fraction(0)) + rest == Fraction(now_owed.get(name, ZERO))
            assert rest <= 0


def taken_and_told(books: Books) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    with localcontext(WIDE):
        for entry in books.entries():
            sums[entry.contract, entry.dimension] += entry.measured
        for one in books.db.scalars(select(Adjustment)):
            sums[one.contract, one.dimension] += one.difference
    return {name: total for name, total in sums.items() if total}


# ---------------------------------------------------------------- attempts


TROUBLE = (
    faults.server_error(),
    faults.server_error(handled=True),
    faults.dropped(),
    faults.too_many_requests(),
    faults.cut_body(),
    play.fewer_results(0),
)


@settings(unfailing, max_examples=5)
@given(
    hours=st.lists(records, min_size=4, max_size=4),
    broken=st.integers(0, 3),
    trouble=st.lists(st.sampled_from(range(len(TROUBLE))), min_size=1, max_size=4),
    cloud=st.sampled_from(CLOUDS),
    data=st.data(),
)
def test_any_attempts_give_the_same_entries_and_every_digit_has_its_place(
    *,
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
    hours: list[list[Usage | str]],
    broken: int,
    trouble: list[int],
    cloud: str,
    data: st.DataObject,
) -> None:
    """Once all at once, and once hour by hour with trouble at Clazar; one hour's file is cut, one dimension unknown."""
    layout = [data.draw(files_of(used)) for used in hours]
    calm = exported(cluster, tmp_path_factory.mktemp("calm"), layout, broken=broken, cloud=cloud, trouble=())
    rough = exported(
        cluster,
        tmp_path_factory.mktemp("rough"),
        layout,
        broken=broken,
        cloud=cloud,
        trouble=[TROUBLE[number] for number in trouble],
    )
    names = [(hour, contract, dimension, *rest) for hour, contract, dimension, *rest, _ in calm["entries"]]
    assert names == [
        (hour, contract, dimension, *rest) for hour, contract, dimension, *rest, _ in rough["entries"]
    ]
    assert calm["ledger"] == rough["ledger"]
    whole = [used for number, used in enumerate(hours) if number != broken or not layout[broken]]
    for outcome in (calm, rough):
        assert sum(outcome["places"].values(), Fraction(0)) == readable(
            record for used in whole for record in used
        )


def readable(given_records: Iterable[Usage | str]) -> Fraction:
    """Add up every value that can be read, from what the test made up and not from files."""
    values = {BAD[3]: "-1.5", BAD[6]: "2.25"}
    texts = [values.get(one, "0") if isinstance(one, str) else one.value for one in given_records]
    return sum((Fraction(Decimal(text)) for text in texts), Fraction(0))


def exported(
    cluster: Cluster,
    home: Path,
    layout: Sequence[Mapping[str, bytes]],
    *,
    broken: int,
    cloud: str,
    trouble: Sequence[faults.Fault],
) -> dict[str, Any]:
    clock = MovableClock(FIRST + len(layout) * HOUR)
    toml = f'[metering]\ncloud = "{cloud}"\nmost_bad_percent = 100\n'
    environ = {
        "SERVICE_NAME": NAME["service"],
        "ENVIRONMENT_TYPE": NAME["environment"],
        "PLAN_ID": NAME["plan"],
        "RECOUP_METERING_START": f"{FIRST:%Y-%m-%dT%H:%M:%SZ}",
    }
    with (
        cluster.database("migrated") as database,
        ClazarStandIn(clock=clock, dimensions=("cpu", "memory")) as clazar,
        market(database, home, clazar, clock=clock, environ=environ, toml=toml) as here,
    ):
        producer = Producer(here.files)
        stream = ":".join(NAME.values())
        for number, files in enumerate(layout):
            for name, content in files.items():
                stem, _, form = name.partition(".")
                key = producer.key(stream, FIRST + number * HOUR, stem, form)
                producer.write(key, content, broken=number == broken)
        producer.mark({stream: clock()})
        for fault in trouble:
            clazar.script(fault, path="/metering")
        for attempt in numbers():
            run = here.export(**({"max_hours": 1} if trouble else {}))
            with here.system.sessions.begin() as db:
                moving = db.scalar(select(func.count()).where(Entry.state == "planned"))
                laid_out = Window.hour < FIRST + len(layout) * HOUR
                waiting = db.scalar(select(func.count()).where(Window.state == "waiting", laid_out))
            if not moving and not waiting:
                break
            assert attempt < 30, run.summary
            clock.advance(minutes=20)
        with here.system.sessions.begin() as db:
            return outcome(db, clazar)


def outcome(db: Session, clazar: ClazarStandIn) -> dict[str, Any]:
    held = db.scalars(select(Window).where(Window.state == "held")).all()
    assert len(held) <= 1
    places: dict[str, Fraction] = defaultdict(Fraction)
    entries = []
    for one in db.scalars(select(Entry).order_by(Entry.hour, Entry.contract, Entry.dimension)):
        places[one.state] += Fraction(one.quantity)
        entries.append((one.hour, one.contract, one.dimension, *figures_of(one), str(one.state)))
    assert places["accepted"] == sum((Fraction(Decimal(row.quantity)) for row in clazar.ledger), Fraction(0))
    for part in db.scalars(select(Part)):
        places["folded"] += Fraction(part.folded_quantity)
        places["unbilled"] += Fraction(part.quantity) if part.contract is None else 0
    for bad in db.scalars(select(Window.quarantined_quantity)):
        places["quarantined"] += Fraction(bad)
    for rest in db.scalars(select(Remainder.carried)):
        places["remaining"] += Fraction(rest)
    return {
        "entries": entries,
        "places": places,
        "ledger": sorted((*row.key, row.quantity) for row in clazar.ledger),
    }


def test_the_second_opinion_is_one() -> None:
    """The counter that the properties lean on, by an example reckoned by hand."""
    found = count(
        {
            "a.json": body([Usage(value="2.5", price="2"), Usage(value="3", pod="pod-1"), BAD[3]]),
            "b.json": body(
                [Usage(value="1"), Usage(None, value="7"), Usage(" ", value="8", pod="pod-1"), BAD[0]]
            ),
        }
    )
    assert (found.records, found.bad, found.folded, found.unbilled_records) == (7, 2, 1, 2)
    assert dict(found.measured) == {("alice", "cpu_core_hours"): Decimal("5.5")}
    assert dict(found.amounts) == {("alice", "cpu_core_hours"): Decimal("5.0")}
    assert dict(found.unbilled) == {("sub-1", "cpu_core_hours"): Decimal(15)}
    assert (found.bad_quantity, found.folded_quantity) == (Decimal("-1.5"), Decimal(1))
    assert found.total() == Decimal("20.0")
    assert isinstance(FIRST, datetime)
