"""Every decision of metering: when an hour is complete and until when it counts, how it is split, what answers mean."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.areas.metering.models import EntryState
from recoup.areas.metering.rules import hours, quantities, submissions
from recoup.areas.metering.rules.quantities import Measured
from recoup.areas.metering.rules.submissions import Line, Verdict
from recoup.core import quantity
from recoup.core.clock import HOUR
from recoup.core.errors import Invalid
from recoup.sandbox.clazar import DUPLICATE_TEXTS
from support.books import stream_config
from support.shared_data import shared_data

CONTRACT = "ae641bd1-edf8-4038-bfed-d2ff556c729e"


def at(text: str) -> datetime:
    """Read ``2025-07-24 16`` or ``2025-07-24 16:30:05`` as UTC."""
    return datetime.fromisoformat(text if ":" in text else f"{text}:00").replace(tzinfo=UTC)


# ---------------------------------------------------------------- hours


def test_an_hours_folder_is_laid_out_as_the_producer_does() -> None:
    folder = hours.hour_folder(stream_config(), at("2025-07-03 05"))
    assert folder == "omnistrate-metering/Postgres/PROD/pt-a/2025/07/03/05/"


@pytest.mark.parametrize("hour", ["2024-02-29 23", "2025-10-26 00", "2025-12-31 23"])
def test_an_hour_is_found_in_its_key(hour: str) -> None:
    stream = stream_config()
    key = hours.hour_folder(stream, at(hour)) + "sub-1.json"
    assert hours.hour_in(stream, key) == at(hour)


@pytest.mark.parametrize(
    "rest", ["2025/07/32/05/x.json", "2025/07/03/24/x.json", "x.json", "2025/seven/03/05/x"]
)
def test_what_is_laid_out_otherwise_belongs_to_no_hour(rest: str) -> None:
    stream = stream_config()
    assert hours.hour_in(stream, stream.folder + rest) is None


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("sub-1.json", True),
        ("sub-1.json.gz", True),
        ("sub-1.ndjson", True),
        ("sub-1.jsonl.gz", True),
        ("sub-1.json.part", False),
        ("sub-1.csv", False),
        ("sub-1.gz", False),
        ("old/sub-1.json", False),
    ],
)
def test_only_usage_files_directly_in_the_folder_count(name: str, counts: bool) -> None:
    folder = "omnistrate-metering/Postgres/PROD/pt-a/2025/07/03/05/"
    assert hours.is_usage_file(folder + name, folder) is counts


def test_a_new_stream_starts_a_day_back_on_the_hour() -> None:
    stream = stream_config(start=None)
    assert hours.first_hour(stream, imported=None, now=at("2025-07-24 16:59:59")) == at("2025-07-23 16")


def test_after_an_import_it_starts_with_the_next_hour() -> None:
    stream = stream_config(start=at("2025-01-01 00"))
    assert hours.first_hour(stream, imported=at("2025-06-30 23"), now=at("2025-07-24 16")) == at(
        "2025-07-01 00"
    )


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (datetime(2025, 7, 1, 5, 30), "2025-07-01 05"),  # noqa: DTZ001 - a setting without a zone is UTC
        (datetime(2025, 10, 26, 2, 30, tzinfo=timezone(HOUR)), "2025-10-26 01"),
        (datetime(2025, 10, 26, 2, 30, tzinfo=timezone(2 * HOUR)), "2025-10-26 00"),
        (datetime(2025, 7, 1, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2025-06-30 18"),
    ],
)
def test_a_configured_start_is_read_as_utc_whatever_its_zone(start: datetime, first: str) -> None:
    assert hours.first_hour(stream_config(start=start), imported=None, now=at("2026-01-01 00")) == at(first)


# ---------------------------------------------------------------- complete


@pytest.mark.parametrize(
    ("marker", "closed"),
    [
        ("2025-07-24 10:59:58", False),
        ("2025-07-24 10:59:59", True),
        ("2025-07-24 11:00:00", True),
        ("2025-07-24 10:00:00", False),
        ("2030-01-01 00:00:00", True),
    ],
)
def test_the_marker_closes_an_hour_with_its_last_second(marker: str, closed: bool) -> None:
    found = hours.completeness(
        stream_config(), at("2025-07-24 10"), marker_to=at(marker), now=at("2025-07-24 11:00:01")
    )
    assert (found.by == "marker") is closed
    assert bool(found.reason) is not closed


def test_a_marker_that_names_the_stream_is_trusted_over_the_clock() -> None:
    found = hours.completeness(
        stream_config(), at("2025-07-24 10"), marker_to=at("2025-07-24 10"), now=at("2025-08-24 10")
    )
    assert found.by is None
    assert "has reached 2025-07-24 10:00:00" in found.reason


@pytest.mark.parametrize(("now", "by"), [("2025-07-24 12:29:59", None), ("2025-07-24 12:30:00", "settle")])
def test_without_the_marker_an_hour_settles_ninety_minutes_after_its_end(now: str, by: str | None) -> None:
    found = hours.completeness(stream_config(), at("2025-07-24 10"), marker_to=None, now=at(now))
    assert found.by == by


def test_by_the_marker_only_means_waiting_for_it_for_ever() -> None:
    stream = stream_config(complete_by="marker")
    found = hours.completeness(stream, at("2025-07-24 10"), marker_to=None, now=at("2026-07-24 10"))
    assert found.by is None
    assert "does not name this stream" in found.reason


def test_by_time_only_means_whatever_the_marker_says() -> None:
    stream = stream_config(complete_by="settle", settle_minutes=0)
    hour, marker = at("2025-07-24 10"), at("2025-07-24 23")
    assert hours.completeness(stream, hour, marker_to=marker, now=at("2025-07-24 10:59:59")).by is None
    assert hours.completeness(stream, hour, marker_to=marker, now=at("2025-07-24 11")).by == "settle"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-01-31T23:59:59Z", "2025-01-31 23:59:59"),
        ("2025-01-31T23:59:59", "2025-01-31 23:59:59"),
        ("2025-02-01T01:59:59+02:00", "2025-01-31 23:59:59"),
    ],
)
def test_the_marker_is_read_in_any_zone(text: str, instant: str) -> None:
    body = json.dumps(
        {"Postgres:PROD:pt-a": {"last_processed_to": text}, "Search:QA:x": {"last_processed_to": text}}
    )
    assert hours.read_marker(body.encode())["Postgres:PROD:pt-a"] == at(instant)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"Postgres:PROD',
        b"[]",
        b"7",
        b"null",
        b'"2025-01-31T23:59:59Z"',
        b'{"a:b:c": "2025-01-31T23:59:59Z"}',
        b'{"a:b:c": {}}',
        b'{"a:b:c": {"last_processed_to": null}}',
        b'{"a:b:c": {"last_processed_to": 1738367999}}',
        b'{"a:b:c": {"last_processed_to": "31.01.2025"}}',
        b"\xff\xfe{}",
    ],
)
def test_a_marker_that_cannot_be_read_is_an_error_and_not_a_missing_one(body: bytes) -> None:
    with pytest.raises(Invalid, match="marker cannot be read"):
        hours.read_marker(body)


def test_an_empty_marker_names_no_stream() -> None:
    assert hours.read_marker(b"{}") == {}


# ---------------------------------------------------------------- deadlines


@pytest.mark.parametrize(
    ("hour", "latest"),
    [
        ("2025-07-24 10", "2025-07-25 10"),
        ("2025-07-30 23", "2025-07-31 23"),
        ("2025-07-31 05", "2025-08-01 05"),
        ("2025-07-31 06", "2025-08-01 06"),
        ("2025-07-31 07", "2025-08-01 06"),
        ("2025-07-31 23", "2025-08-01 06"),
        ("2025-08-01 00", "2025-08-02 00"),
        ("2024-02-28 23", "2024-02-29 23"),
        ("2024-02-29 23", "2024-03-01 06"),
        ("2025-02-28 23", "2025-03-01 06"),
        ("2025-12-31 23", "2026-01-01 06"),
        ("2025-10-25 23", "2025-10-26 23"),  # clocks go back in Europe in between, and it makes no difference
    ],
)
def test_aws_takes_an_hour_for_a_day_and_a_month_until_six_on_the_first(hour: str, latest: str) -> None:
    assert hours.deadline("aws", at(hour)) == at(latest)


def test_azure_takes_an_hour_for_a_day_at_the_months_end_too() -> None:
    assert hours.deadline("azure", at("2025-07-31 23")) == at("2025-08-01 23")


def test_google_names_no_limit() -> None:
    assert hours.deadline("gcp", at("2025-07-31 23")) is None


@pytest.mark.parametrize(
    ("cloud", "hour", "when"),
    [
        ("aws", "2025-07-24 10", "2025-07-25 04"),
        ("azure", "2025-07-31 10", "2025-08-01 04"),
        ("gcp", "2025-07-31 10", "2025-08-01 04"),
        ("aws", "2025-07-30 05", "2025-07-30 23"),
        ("aws", "2025-07-30 06", "2025-07-31 00"),  # Clazar wants everything in before the last day begins
        ("aws", "2025-07-30 23", "2025-07-31 03"),
        ("aws", "2025-07-31 00", "2025-07-31 04"),  # or as soon as can be for the last day itself
        ("aws", "2025-07-31 23", "2025-08-01 03"),
        ("aws", "2024-02-28 12", "2024-02-29 00"),
    ],
)
def test_a_person_hears_of_it_in_time(cloud: str, hour: str, when: str) -> None:
    assert hours.warn_at(cloud, at(hour)) == at(when)


@settings(deadline=None)
@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)), st.sampled_from(("aws", "azure")))  # noqa: DTZ001
def test_there_is_always_time_between_the_warning_and_the_limit(moment: datetime, cloud: str) -> None:
    hour = moment.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    latest = hours.deadline(cloud, hour)
    assert latest is not None
    assert hour + HOUR < hours.warn_at(cloud, hour) < latest
    assert latest - hours.warn_at(cloud, hour) >= 3 * HOUR


# ---------------------------------------------------------------- quantities

exact = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=18)


@settings(deadline=None)
@given(exact)
def test_a_split_loses_nothing_and_is_never_negative(total: Decimal) -> None:
    for whole in (True, False):
        split = quantities.split(total, whole=whole)
        assert Fraction(split.quantity) + Fraction(split.carried) == Fraction(total)
        assert split.quantity >= 0
        if total < 0:
            assert split.carried == total
        elif whole:
            assert split.quantity == split.quantity.to_integral_value()
            assert 0 <= split.carried < 1
        else:
            assert split.carried == 0


@settings(deadline=None)
@given(st.lists(exact.map(abs), max_size=12))
def test_over_time_whole_units_leave_and_less_than_one_stays(measured: list[Decimal]) -> None:
    carried, submitted = Decimal(0), Fraction(0)
    for value in measured:
        split = quantities.split(quantity.add(carried, value), whole=True)
        submitted, carried = submitted + Fraction(split.quantity), split.carried
    assert submitted == math.floor(sum(map(Fraction, measured)))
    assert submitted + Fraction(carried) == sum(map(Fraction, measured))


@pytest.mark.parametrize(
    ("bad", "records", "held"),
    [(0, 0, False), (20, 100, False), (21, 100, True), (1, 4, True), (1, 5, False)],
)
def test_too_many_bad_records_hold_a_window(bad: int, records: int, held: bool) -> None:
    assert quantities.too_many_bad(bad=bad, records=records, most_percent=20) is held


def test_without_formulas_what_is_measured_is_owed() -> None:
    measured = Measured({"cpu": Decimal("1.5"), "pods": Decimal(2)}, {"cpu": Decimal("0.3")})
    owed = quantities.billed(stream_config(), measured)
    assert owed == {"cpu": (Decimal("1.5"), Decimal("0.3")), "pods": (Decimal(2), None)}


def test_a_formula_makes_a_dimension_of_what_is_measured_and_of_what_it_costs() -> None:
    stream = stream_config(
        dimensions=[{"name": "units", "formula": "pods / 4 + cpu_total_price * 10 + nobody_measures_this"}]
    )
    measured = Measured({"cpu": Decimal("1.5"), "pods": Decimal(2)}, {"cpu": Decimal("0.3")})
    assert quantities.billed(stream, measured)["units"][0] == Decimal("3.5")


@pytest.mark.parametrize("formula", ["cpu - 2", "1 / pods_of_nobody"])
def test_a_formula_without_a_usable_result_is_an_error(formula: str) -> None:
    stream = stream_config(dimensions=[{"name": "units", "formula": formula}])
    with pytest.raises(Invalid):
        quantities.billed(stream, Measured({"cpu": Decimal("1.5")}, {}))


def test_a_formula_that_is_no_formula_stops_at_the_settings() -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        stream_config(dimensions=[{"name": "units", "formula": "cpu ** 9"}])


# ---------------------------------------------------------------- what goes out


def test_a_submission_is_written_as_clazar_documents_it() -> None:
    line = Line("aws", CONTRACT, "replica_hours", at("2025-07-23 21"), Decimal(720))
    assert json.loads(submissions.payload([line])) == {
        "request": [
            {
                "cloud": "aws",
                "contract_id": CONTRACT,
                "dimension": "replica_hours",
                "start_time": "2025-07-23T21:00:00Z",
                "end_time": "2025-07-23T22:00:00Z",
                "quantity": "720",
            }
        ]
    }


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("2.50", "2.5"), ("0.000000000000000001", None), ("-0", "0")]
)
def test_a_quantity_is_text_without_an_exponent(value: str, text: str | None) -> None:
    line = Line("gcp", CONTRACT, "cpu", at("2025-07-23 21"), Decimal(value))
    assert line.on_the_wire()["quantity"] == (text or value)


@settings(deadline=None)
@given(exact.filter(lambda value: value >= 0))
def test_what_is_written_is_the_quantity_to_the_last_digit(value: Decimal) -> None:
    text = Line("gcp", CONTRACT, "cpu", at("2025-07-23 21"), value).on_the_wire()["quantity"]
    assert Decimal(text) == value
    assert "E" not in text.upper()


# ---------------------------------------------------------------- what comes back


def verdict(**result: Any) -> tuple[str, str]:
    read = submissions.read_result(result)
    return read.state, read.reason


def test_success_and_nothing_else_is_success() -> None:
    assert verdict(status="success") == ("accepted", "")
    for status in ("fail", "Success", "SUCCESS", "ok", "accepted", "pending", "", None, True, 200):
        assert verdict(status=status)[0] == "rejected", status
    assert verdict()[0] == "rejected"


def test_an_unknown_dimension_fails_without_a_word() -> None:
    state, reason = verdict(status="fail")
    assert state == "rejected"
    assert "may not exist" in reason


@pytest.mark.parametrize(
    "errors",
    [
        ["No such contract."],
        [{"message": "No such contract."}],
        "No such contract.",
        {"message": "No such contract."},
        [["No such contract."]],
    ],
    ids=["list of texts", "list of objects", "text", "object", "nested"],
)
def test_errors_are_read_in_every_shape(errors: Any) -> None:
    assert verdict(errors=errors, code="INVALID", message="") == ("rejected", "No such contract.; INVALID")


@pytest.mark.parametrize("errors", [["x"], "x", [{"message": "x"}], [{"field": "y"}], 7, [7]])
def test_success_with_errors_is_no_success(errors: Any) -> None:
    assert verdict(status="success", errors=errors)[0] == "rejected"


@pytest.mark.parametrize("errors", [None, [], "", {}])
def test_success_with_an_empty_place_for_errors_is_one(errors: Any) -> None:
    assert verdict(status="success", errors=errors)[0] == "accepted"


@pytest.mark.parametrize(
    "text", [*DUPLICATE_TEXTS, "ALREADY EXISTS", "Same contract_id ... in the same hour"]
)
@pytest.mark.parametrize("shape", ["texts", "objects", "text", "message only"])
def test_a_duplicate_is_told_by_its_text(text: str, shape: str) -> None:
    errors: Any = {"texts": [text], "objects": [{"message": text}], "text": text, "message only": None}[shape]
    message = text if shape == "message only" else "Duplicate"
    assert verdict(status="fail", errors=errors, message=message)[0] == "duplicate"


@pytest.mark.parametrize(
    "text", ["the same contract_id", "within the same hour", "the contract does not exist"]
)
def test_half_of_the_text_is_no_duplicate(text: str) -> None:
    assert verdict(errors=[text])[0] == "rejected"


NAMES = [(CONTRACT, dimension, "2025-07-23T21:00:00Z") for dimension in ("cpu", "memory", "pods")]


def result(name: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    contract, dimension, start = name
    return {
        "contract_id": contract,
        "dimension": dimension,
        "start_time": start,
        "status": "success",
        **fields,
    }


def states(sent: list[tuple[str, str, str]], results: list[Any]) -> list[str]:
    verdicts = submissions.read_results(sent, results)
    assert set(verdicts) == set(sent)
    return [verdicts[name].state for name in sent]


@settings(deadline=None)
@given(st.permutations(range(3)))
def test_results_are_matched_by_name_in_any_order(order: list[int]) -> None:
    all_three = [
        result(NAMES[0]),
        result(NAMES[1], status="fail"),
        result(NAMES[2], errors=["It already exists."]),
    ]
    assert states(NAMES, [all_three[index] for index in order]) == ["accepted", "rejected", "duplicate"]


@pytest.mark.parametrize(
    "start",
    [
        "2025-07-23T21:00:00Z",
        "2025-07-23T21:00:00+00:00",
        "2025-07-23T21:00:00.000Z",
        "2025-07-23T23:00:00+02:00",
    ],
)
def test_a_time_is_the_same_however_it_is_written(start: str) -> None:
    assert states(NAMES[:1], [result(NAMES[0], start_time=start)]) == ["accepted"]


def test_what_is_not_mentioned_is_missing_and_never_success() -> None:
    assert states(NAMES, []) == ["missing"] * 3
    assert states(NAMES, [result(NAMES[1])]) == ["missing", "accepted", "missing"]


@pytest.mark.parametrize(
    "stranger",
    [
        result(("another-contract", "cpu", NAMES[0][2])),
        result((CONTRACT, "cpu", "2025-07-23T22:00:00Z")),
        result((CONTRACT, "cpu", "yesterday")),
        {**result(NAMES[0]), "start_time": None},
        "success",
        None,
        7,
        [],
    ],
)
def test_what_we_did_not_send_says_nothing_of_what_we_sent(stranger: Any) -> None:
    assert states(NAMES[:1], [stranger]) == ["missing"]


def test_an_error_without_a_name_is_about_the_only_line_left() -> None:
    nameless = {"errors": ["No such contract."]}
    assert states(NAMES, [result(NAMES[0]), nameless, result(NAMES[2])]) == [
        "accepted",
        "rejected",
        "accepted",
    ]


def test_errors_without_names_that_all_say_the_same_are_about_all_lines_left() -> None:
    nameless = {"errors": ["No such contract."]}
    assert states(NAMES, [nameless, result(NAMES[1]), nameless]) == ["rejected", "accepted", "rejected"]


def test_errors_without_names_that_could_be_about_either_line_are_about_none() -> None:
    duplicate, refused = {"errors": ["It already exists."]}, {"errors": ["No such contract."]}
    assert states(NAMES[:2], [duplicate, refused]) == ["missing", "missing"]
    assert states(NAMES[:2], [refused]) == ["missing", "missing"]
    assert states(NAMES[:1], [refused, refused]) == ["missing"]


def test_a_nameless_success_is_believed_for_the_only_line_left() -> None:
    documented = {"status": "success"}
    assert states(NAMES[:1], [documented]) == ["accepted"]


def test_of_two_results_for_one_line_the_worse_counts() -> None:
    good, bad = result(NAMES[0]), result(NAMES[0], status="fail")
    assert states(NAMES[:1], [good, good]) == ["accepted"]
    assert states(NAMES[:1], [good, bad]) == states(NAMES[:1], [bad, good]) == ["rejected"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
shapes = st.builds(
    lambda name, fields: {**result(name), **fields},
    st.sampled_from(NAMES),
    st.dictionaries(
        st.sampled_from(("status", "errors", "message", "code", "contract_id", "start_time")), anything
    ),
)


@settings(deadline=None)
@given(st.lists(shapes | anything, max_size=5))
def test_no_answer_makes_it_stumble_and_only_success_by_name_is_success(results: list[Any]) -> None:
    verdicts = submissions.read_results(NAMES, results)
    for name in NAMES:
        if verdicts[name].state == "accepted":
            assert verdicts[name].result["status"] == "success"
            assert not says_something(verdicts[name].result.get("errors"))


def says_something(errors: Any) -> bool:
    return any(map(says_something, errors)) if isinstance(errors, list) else bool(errors)


# ---------------------------------------------------------------- what becomes of an entry


def said(state: str) -> Verdict:
    return Verdict(state, "It says so", {})


def test_a_duplicate_is_ours_when_an_earlier_hand_over_may_have_arrived() -> None:
    assert submissions.state_after(said("duplicate"), handings=2)[0] == EntryState.ACCEPTED
    state, reason = submissions.state_after(said("duplicate"), handings=1)
    assert state == EntryState.DUPLICATE
    assert "did not send" in reason


@pytest.mark.parametrize("handings", [1, 2])
def test_accepted_is_accepted(handings: int) -> None:
    assert submissions.state_after(said("accepted"), handings=handings) == (EntryState.ACCEPTED, "")


def test_a_refusal_is_certain_only_where_nothing_was_handed_over_before() -> None:
    assert submissions.state_after(said("rejected"), handings=1) == (EntryState.REJECTED, "It says so")
    state, reason = submissions.state_after(said("rejected"), handings=2)
    assert state == EntryState.UNKNOWN
    assert reason.startswith("It says so. ")
    assert "look it up" in reason


def test_documented_examples_are_read_as_documented() -> None:
    path = shared_data("usage/omnistrate_clazar") / "documented_examples.json"
    blocks = [one["json"] for one in json.loads(path.read_text(encoding="utf-8"))]
    (marker,) = [block for block in blocks if "last_processed_to" in json.dumps(block)]
    assert hours.read_marker(json.dumps(marker).encode()) == {
        "Postgres:PROD:pt-HJSv20iWX0": at("2025-01-31 23:59:59")
    }
    (answer,) = [block for block in blocks if "results" in block]
    assert states(NAMES[:1], answer["results"]) == ["accepted"]
    (request,) = [block["request"] for block in blocks if "request" in block]
    ours = Line("aws", CONTRACT, "replica_hours", at("2025-07-23 21"), Decimal(720)).on_the_wire()
    assert list(ours) == list(request[0])
    assert [type(value) for value in ours.values()] == [type(value) for value in request[0].values()]


def test_the_same_lines_give_the_same_bytes() -> None:
    def lines() -> list[Line]:
        return [
            Line("aws", CONTRACT, f"d{number}", at("2025-07-23 21"), Decimal(number)) for number in range(25)
        ]

    assert submissions.payload(lines()) == submissions.payload(iter(lines()))
    assert submissions.payload(lines()) != submissions.payload(reversed(lines()))
