"""The sample usage data: the same seed gives the same files, and its truth is what an exact reader finds in them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from recoup.sandbox.usage import MARKER_KEY, SERVICES, Service, UsageWorld, hours_before, main
from recoup.sandbox.usage_files import CLEAN, HourFile, Mix
from recoup.sandbox.usage_numbers import literal, to_decimal

HOUR = datetime(2025, 7, 23, 21, tzinfo=UTC)
HOURS = hours_before(HOUR + timedelta(hours=1), 6)
ROUGH = Mix(
    repeats=200, moved=100, spill=300, exponents=200, bad=60, late=100, broken=200, gz=300, ndjson=300
)
FIELDS = [
    *("timestamp", "organizationId", "organizationName", "customerId", "customerEmail", "subscriptionId"),
    *("serviceId", "serviceName", "serviceEnvironmentId", "serviceEnvironmentType"),
    *("productTierId", "productTierName", "externalPayerId"),
    *("hostClusterId", "instanceId", "podName", "instanceType", "hostName", "dimension", "value"),
]


def every_file(world: UsageWorld) -> list[HourFile]:
    return [file for service in world.services for hour in HOURS for file in world.hour(service, hour)]


def digest(files: list[HourFile]) -> str:
    return hashlib.sha256(b"".join(file.key.encode() + file.body for file in files)).hexdigest()


def elements(file: HourFile) -> list[Any]:
    """Read one file exactly; raise where it is broken."""
    text = (gzip.decompress(file.body) if file.key.endswith(".gz") else file.body).decode()
    texts = text.splitlines() if ".ndjson" in file.key else [text]
    read = [json.loads(one, parse_float=Decimal, parse_int=Decimal) for one in texts]
    return read if ".ndjson" in file.key else read[0]


def usable(element: Any) -> bool:
    return (
        isinstance(element, dict)
        and isinstance(element.get("dimension"), str)
        and isinstance(element.get("value"), Decimal)
        and 0 <= element["value"] < 10**30
    )


def stream_and_hour(key: str) -> tuple[str, datetime]:
    _, name, environment, plan, *when, _file = key.split("/")
    return f"{name}:{environment}:{plan}", datetime(*map(int, when), tzinfo=UTC)


# ---------------------------------------------------------------- what it comes to


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("mix", [ROUGH, Mix(), CLEAN])
def test_the_truth_is_what_an_exact_reader_finds(mix: Mix, *, fold: bool) -> None:
    world = UsageWorld(3, mix=mix)
    files = every_file(world)
    billed: defaultdict[Any, Decimal] = defaultdict(Decimal)
    unbilled: defaultdict[Any, Decimal] = defaultdict(Decimal)
    away: defaultdict[Any, Decimal] = defaultdict(Decimal)
    records, folded, bad = Counter[Any](), Counter[Any](), Counter[Any]()
    broken = set()
    for file in files:
        window = stream_and_hour(file.key)
        try:
            found = elements(file)
        except (ValueError, EOFError):
            broken.add(file.key)
            continue
        measurements: defaultdict[Any, list[Decimal]] = defaultdict(list)
        for element in found:
            records[window] += 1
            if not usable(element):
                bad[window] += 1
                continue
            payer = element.get("externalPayerId") or None
            names = ("subscriptionId", "instanceId", "podName", "hostName", "dimension")
            measurements[payer, *(element[name] for name in names)].append(element["value"])
        for (payer, subscription, *_, dimension), values in measurements.items():
            total = max(values) if fold else sum(values)
            (billed if payer else unbilled)[*window, payer or subscription, dimension] += total
            if fold:
                folded[window] += len(values) - 1
                away[*window, payer or subscription, dimension] += sum(values) - total
    truth = world.truth(files, fold=fold)
    assert truth.billed == billed
    assert truth.unbilled == unbilled
    assert truth.folded_away == {entry: lost for entry, lost in away.items() if lost}
    assert (truth.records, truth.folded, truth.quarantined) == (records, folded, bad)
    assert truth.broken == broken == {file.key for file in files if file.broken}
    assert len(truth.billed) > 100
    assert len(truth.unbilled) > 20


def test_the_rough_mix_holds_everything_that_can_go_wrong() -> None:
    files = every_file(UsageWorld(3, mix=ROUGH))
    truth = UsageWorld.truth(files)
    assert truth.folded.total() > 100
    assert truth.folded_away
    assert truth.quarantined.total() > 100
    assert any(file.late for file in files)
    broken_forms = {file.key.split(".", 1)[1] for file in files if file.broken}
    assert broken_forms == {"json", "json.gz", "ndjson", "ndjson.gz"}
    bad = {
        json.dumps(element.get("value", "gone") if isinstance(element, dict) else "no record", default=str)
        for file in files
        if not file.broken
        for element in elements(file)
        if not usable(element)
    }
    assert bad == {'"n/a"', "null", "true", '"-1.5"', '"1E+400"', '"gone"', '"1"', '"no record"'}


def test_a_clean_world_has_nothing_out_of_the_ordinary() -> None:
    world = UsageWorld(3, mix=CLEAN)
    files = every_file(world)
    truth = world.truth(files)
    assert (truth.folded.total(), truth.quarantined.total(), truth.broken) == (0, 0, frozenset())
    assert all(file.key.endswith(".json") and not file.late and file.body == file.whole for file in files)


def test_numbers_are_such_that_binary_floats_would_miss_the_total() -> None:
    world = UsageWorld(3)
    missed = 0
    exact = world.truth(files := every_file(world)).billed
    floats: defaultdict[Any, float] = defaultdict(float)
    for file in files:
        if not file.broken:
            best: dict[Any, float] = {}
            for element in filter(usable, elements(file)):
                names = ("externalPayerId", "instanceId", "podName", "hostName", "dimension")
                key = tuple(element.get(name) for name in names)
                best[key] = max(best.get(key, 0.0), float(element["value"]))
            for (payer, *_, dimension), value in best.items():
                floats[*stream_and_hour(file.key), payer, dimension] += value
    missed = sum(Decimal(repr(floats[entry])) != total for entry, total in exact.items())
    assert missed > 10


def test_a_mended_file_counts_in_full() -> None:
    world = UsageWorld(3, mix=ROUGH)
    broken = [file for file in every_file(world) if file.broken]
    mended = [file.mended() for file in broken]
    assert len(world.truth(broken).broken) == len(broken) > 0
    assert world.truth(broken).records.total() == 0
    assert world.truth(mended).broken == frozenset()
    assert world.truth(mended).records.total() == sum(len(elements(file)) for file in mended)


def test_a_revised_file_has_the_same_key_and_other_usage() -> None:
    world = UsageWorld(3, mix=ROUGH)
    for number in range(len(world.hour(SERVICES[0], HOUR))):
        first, revised = world.hour(SERVICES[0], HOUR)[number], world.revised(SERVICES[0], HOUR, number)
        assert revised.key == first.key
        assert revised.late
        assert (
            world.truth([revised]).billed != world.truth([first.mended()]).billed or first.facts.payer is None
        )
        assert revised.facts.peaks != first.facts.peaks
        assert len(elements(revised)) == revised.facts.records


# ---------------------------------------------------------------- same seed, same files


def test_hours_do_not_depend_on_the_order_they_are_asked_for() -> None:
    forwards, backwards = UsageWorld(11), UsageWorld(11)
    first = [forwards.hour(SERVICES[1], hour) for hour in HOURS]
    last = [backwards.hour(SERVICES[1], hour) for hour in reversed(HOURS)]
    assert first == last[::-1]
    assert len({file.body for hour in first for file in hour}) == len(HOURS) * len(first[0])


def test_another_seed_is_another_world() -> None:
    one, other = UsageWorld(1), UsageWorld(2)
    assert digest(every_file(one)) != digest(every_file(other))
    assert not set(one.contracts()) & set(other.contracts())


def test_another_process_makes_the_same_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recoup.sandbox.usage", "--into", str(tmp_path), "--hours", "3"]
    command += ["--until", "2025-07-23T22:10:00Z", "--seed", "5", "--scale", "2"]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "77"}
    )
    services = [
        Service(**{name: getattr(s, name) for name in s.__slots__} | {"contracts": s.contracts * 2})
        for s in SERVICES
    ]
    world = UsageWorld(5, services)
    hours = hours_before(HOUR + timedelta(hours=1, minutes=10), 3)
    assert hours == [HOUR - timedelta(hours=2), HOUR - timedelta(hours=1), HOUR]
    expected = [file for s in services for hour in hours for file in world.hour(s, hour) if not file.late]
    stored = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert stored == {file.key for file in expected} | {MARKER_KEY}
    assert all((tmp_path / file.key).read_bytes() == file.body for file in expected)
    truth = world.truth(expected)
    assert done.stdout.startswith(f"{len(expected)} files with {truth.records.total()} records in ")
    assert f"{len(truth.billed)} entries to bill" in done.stdout


def test_the_command_line_can_write_clean_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--into", str(tmp_path), "--hours", "1", "--until", "2025-07-23T22:00:00Z", "--clean"])
    assert "0 repeats, 0 bad records, 0 broken files." in capsys.readouterr().out


# ---------------------------------------------------------------- how it lies in the bucket


def test_files_lie_by_service_plan_and_hour_one_per_subscription() -> None:
    world = UsageWorld(3)
    files = world.hour(SERVICES[0], HOUR)
    form = r"omnistrate-metering/Postgres/PROD/pt-HJSv20iWX0/2025/07/23/21/(sub-\w{10})\.(json|ndjson)(\.gz)?"
    matches = [re.fullmatch(form, file.key) for file in files]
    assert len({match.group(1) for match in matches if match}) == len(files) == 4 * 2 + 1
    for file in files:
        subscriptions = {e["subscriptionId"] for e in elements(file) if isinstance(e, dict)}
        assert subscriptions == {file.facts.subscription}


def test_records_have_the_documented_fields_and_types() -> None:
    file = UsageWorld(3, mix=CLEAN).hour(SERVICES[0], HOUR)[0]
    text = file.body.decode()
    assert text.startswith('[{"timestamp":"2025-07-23T21:')
    records = json.loads(text)
    assert [list(record) for record in records] == [FIELDS] * (2 * 3 * 4)
    first = records[0]
    assert first["serviceName"] == "Postgres"
    assert (first["serviceEnvironmentType"], first["productTierId"]) == ("PROD", "pt-HJSv20iWX0")
    prefixes = {name: first[name].split("-")[0] for name in FIELDS if name.endswith("Id")}
    del prefixes["externalPayerId"]
    assert list(prefixes.values()) == ["org", "user", "sub", "s", "se", "pt", "hc", "instance"]
    assert {record["dimension"] for record in records} == {
        *("memory_byte_hours", "storage_allocated_byte_hours", "cpu_core_hours", "replica_hours")
    }
    assert all(record["value"] > 0 for record in records)


def test_timestamps_run_into_the_next_hour_and_prices_come_and_go() -> None:
    records = [
        record
        for file in UsageWorld(3).hour(SERVICES[0], HOUR)
        if not file.broken
        for record in filter(usable, elements(file))
    ]
    hours = Counter(datetime.fromisoformat(record["timestamp"]).hour for record in records)
    assert hours.keys() == {21, 22}
    assert hours[21] > hours[22] > 0
    priced = Counter("pricePerUnit" in record for record in records)
    assert priced[True] > priced[False] > 0


def test_those_who_pay_nothing_do_so_in_three_ways() -> None:
    world = UsageWorld(3, [Service(name="P", plan_id="pt-1", unpaid=3)], mix=CLEAN)
    payers = [
        elements(file)[0].get("externalPayerId", "missing") for file in world.hour(world.services[0], HOUR)
    ]
    assert Counter(payer for payer in payers if payer in {"missing", "", None}) == {
        "missing": 1,
        "": 1,
        None: 1,
    }
    assert set(payers) - {"missing", "", None} == set(world.contracts())


def test_days_are_busier_than_nights_and_workdays_than_weekends() -> None:
    world = UsageWorld(3, mix=CLEAN)

    def cores(hour: datetime) -> int:
        return sum(file.facts.peaks["cpu_core_hours"] for file in world.hour(SERVICES[0], hour))

    noon, night, sunday = (
        datetime(2025, 7, day, hour, tzinfo=UTC) for day, hour in ((23, 12), (23, 3), (27, 12))
    )
    assert cores(noon) > 2 * cores(night)
    assert cores(noon) > cores(sunday)


# ---------------------------------------------------------------- writing


def test_late_files_come_later_and_the_marker_says_how_far_it_is(tmp_path: Path) -> None:
    world = UsageWorld(3, mix=ROUGH)
    punctual = world.write(tmp_path, HOURS)
    assert {file.late for file in punctual} == {False}
    marks = json.loads((tmp_path / MARKER_KEY).read_text())
    assert marks == {s.stream: {"last_processed_to": "2025-07-23T21:59:59Z"} for s in SERVICES}
    assert next(iter(marks)) == "Postgres:PROD:pt-HJSv20iWX0"
    assert not list(tmp_path.rglob(".part*"))
    late = world.write(tmp_path, HOURS, late=True, marker=False)
    assert {file.late for file in late} == {True}
    assert {f.key for f in [*punctual, *late]} == {f.key for f in every_file(world)}
    assert all((tmp_path / file.key).read_bytes() == file.body for file in [*punctual, *late])


def test_the_marker_may_stand_anywhere_and_streams_may_miss_in_it(tmp_path: Path) -> None:
    world = UsageWorld(3)
    assert world.write(tmp_path, HOURS[:1], marker=False)
    assert not (tmp_path / MARKER_KEY).exists()
    world.write_marker(tmp_path, {SERVICES[1].stream: HOUR + timedelta(minutes=30)})
    marks = json.loads((tmp_path / MARKER_KEY).read_text())
    assert marks == {SERVICES[1].stream: {"last_processed_to": "2025-07-23T21:30:00Z"}}


class StoreStub:
    """The one method of a BlobStore that writing needs."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}

    def put(self, key: str, body: BinaryIO, *, media_type: str) -> None:
        self.objects[key] = (body.read(), media_type)


def test_writes_into_a_store_as_into_a_folder() -> None:
    world, store = UsageWorld(3, mix=ROUGH), StoreStub()
    written = world.write(store, HOURS[:1])  # type: ignore[arg-type]
    assert store.objects.keys() == {file.key for file in written} | {MARKER_KEY}
    for file in written:
        kind = "application/gzip" if file.key.endswith(".gz") else "application/json"
        assert store.objects[file.key] == (file.body, kind)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("millionths", "plain", "exponent"),
    [
        (0, "0", "0"),
        (1, "0.000001", "1E-6"),
        (1_250_000, "1.25", "1.25E+0"),
        (1_000_000, "1", "1E+0"),
        (4_294_967_296_000_000, "4294967296", "4.294967296E+9"),
        (123_456_789_012_345_678_901, "123456789012345.678901", "1.23456789012345678901E+14"),
        (100_000_000_000_000, "100000000", "1E+8"),
    ],
)
def test_literals_are_exact(millionths: int, plain: str, exponent: str) -> None:
    assert (literal(millionths), literal(millionths, exponent=True)) == (plain, exponent)
    for text in (plain, exponent):
        assert Fraction(json.loads(text, parse_float=Decimal)) == Fraction(millionths, 10**6)
    assert to_decimal(millionths) == Decimal(plain)


def test_sizes_scale() -> None:
    service = Service(name="P", plan_id="pt-1", contracts=1, subscriptions=1, unpaid=0, instances=40, pods=10)
    (file,) = UsageWorld(1, [service], mix=CLEAN).hour(service, HOUR)
    assert file.facts.records == 40 * 10 * 4
