"""Records: each field that makes one unusable is named, and so is where it stands."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from recoup.areas.metering.reading.results import FileReading, Limits
from support.usage_texts import TextStore, read_all, written

GOOD = {
    "externalPayerId": '"c"',
    "subscriptionId": '"s"',
    "dimension": '"d"',
    "value": "1.5",
    "podName": '"p"',
}

UNUSABLE: list[tuple[dict[str, str | None], str, Decimal | None]] = [
    ({"dimension": None}, "it names no dimension", Decimal("1.5")),
    ({"dimension": "null"}, "it names no dimension", Decimal("1.5")),
    ({"dimension": '""'}, "it names no dimension", Decimal("1.5")),
    ({"dimension": "7"}, "its dimension is not a text", Decimal("1.5")),
    ({"dimension": '"' + "d" * 201 + '"'}, "its dimension is longer than 200 characters", Decimal("1.5")),
    ({"dimension": '"a\\nb"'}, "its dimension has control characters in it", Decimal("1.5")),
    ({"externalPayerId": "7"}, "its externalPayerId is not a text", Decimal("1.5")),
    (
        {"externalPayerId": '"\\u0000"'},
        "its externalPayerId has control characters in it",
        Decimal("1.5"),
    ),
    ({"subscriptionId": "{}"}, "its subscriptionId is not a text", Decimal("1.5")),
    ({"podName": "3"}, "its podName is not a text", Decimal("1.5")),
    ({"value": None}, "its value is missing", None),
    ({"value": "null"}, "its value is not a number", None),
    ({"value": '"1.5"'}, "its value is not a number", None),
    ({"value": "true"}, "its value is not a number", None),
    ({"value": "[1]"}, "its value is not a number", None),
    ({"value": "-2"}, "its value is negative", Decimal(-2)),
    ({"value": "-1e-18"}, "its value is negative", Decimal("-1e-18")),
    ({"value": "1e30"}, "its value cannot be used: it has more than 30 digits before the point", None),
    ({"value": "1e-19"}, "its value cannot be used: it has more than 18 digits after the point", None),
    ({"value": "1e400"}, "its value cannot be used: it has more than 30 digits before the point", None),
    ({"value": "1e-99999999999999999999"}, "its value has digits or an exponent beyond all bounds", None),
    ({"value": "1" * 201}, "its value is written with more than 200 characters", None),
]


def _read(*some: Any) -> FileReading:
    (reading,) = read_all(TextStore({"k": written(some)}))
    return reading


@pytest.mark.parametrize(("change", "reason", "value"), UNUSABLE, ids=lambda case: str(case)[:40])
def test_an_unusable_record_is_set_aside_with_its_reason(
    change: dict[str, str | None], reason: str, value: Decimal | None
) -> None:
    record = {name: token for name, token in (GOOD | change).items() if token is not None}
    reading = _read(GOOD, record, GOOD | {"podName": '"q"'})
    (bad,) = reading.quarantined
    assert bad.reason == reason
    assert bad.value == value
    assert bad.index == 1
    assert [part.quantity for part in reading.parts] == [3]
    assert reading.records == 3


@pytest.mark.parametrize("element", ["5", '"x"', "null", "[]", "true"])
def test_what_is_no_object_is_set_aside(element: str) -> None:
    body = f"[{element},{written([GOOD]).decode()[1:-1]}]".encode()
    (reading,) = read_all(TextStore({"k": body}))
    (bad,) = reading.quarantined
    assert (bad.reason, bad.excerpt, bad.value) == ("it is not an object", element, None)
    assert reading.parts[0].quantity == Decimal("1.5")


def test_where_an_unusable_record_stands_is_told_to_the_byte() -> None:
    bad = GOOD | {"value": "-1", "note": '"' + "ü" * 400 + '"'}
    body = b"[\n" + b",\n".join(written([one])[1:-1] for one in (GOOD, bad, GOOD)) + b"]"
    (reading,) = read_all(TextStore({"k": body}))
    (found,) = reading.quarantined
    assert body[found.start : found.end] == written([bad])[1:-1]
    assert (found.key, found.line, found.index) == ("k", 3, 1)
    assert len(found.excerpt) == 300
    assert found.excerpt.endswith("ü…")


@pytest.mark.parametrize("chunk", [1, 200, 1 << 16])
def test_lines_are_counted_through_records_of_several_lines(chunk: int) -> None:
    some = [{"dimension": "d", "value": 1, "podName": str(i), "labels": {"a": [i]}} for i in range(20)]
    some[7]["value"] = some[13]["value"] = -1
    body = json.dumps(some, indent=1).encode()
    (reading,) = read_all(TextStore({"k": body}), limits=Limits(chunk=chunk))
    lines = body.decode().split("\n")
    found = [(bad.index, lines[bad.line - 1], bad.line) for bad in reading.quarantined]
    assert found == [(7, " {", 1 + 7 * 10 + 1), (13, " {", 1 + 13 * 10 + 1)]
    assert [json.loads(body[bad.start : bad.end])["podName"] for bad in reading.quarantined] == ["7", "13"]


@pytest.mark.parametrize("payer", [None, "null", '""', '" \\u00a0"'])
def test_usage_that_nobody_pays_for_is_kept_apart_and_is_no_error(payer: str | None) -> None:
    record = {name: token for name, token in (GOOD | {"externalPayerId": payer}).items() if token is not None}
    reading = _read(GOOD, record)
    assert {part.contract: part.quantity for part in reading.parts} == {
        "c": Decimal("1.5"),
        None: Decimal("1.5"),
    }
    assert not reading.quarantined


@pytest.mark.parametrize("token", ["0", "-0", "-0.0", "0e400", "1.50000000000000000000000", "1E+2", "12e-1"])
def test_a_number_may_be_written_in_any_way_of_json(token: str) -> None:
    (part,) = _read(GOOD | {"value": token}, GOOD | {"podName": '"q"', "value": "1"}).parts
    assert part.quantity == Decimal(token) + 1
    assert not part.quantity.is_signed()


def test_a_digit_beyond_what_a_double_holds_is_kept() -> None:
    some = [
        GOOD | {"podName": f'"{i}"', "value": "123456789012345678901234567890.123456789012345678"}
        for i in range(7)
    ]
    (part,) = _read(*some).parts
    assert part.quantity == Decimal("864197523086419752308641975230.864197523086419746")


def test_the_hour_in_the_record_means_nothing() -> None:
    late = GOOD | {"timestamp": '"2025-07-23T22:02:40Z"'}
    early = GOOD | {"timestamp": '"1970-01-01T00:00:00Z"'}
    (part,) = _read(late, early).parts
    assert (part.records, part.folded_records) == (1, 1)
