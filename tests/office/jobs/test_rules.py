"""What a run came to in one sentence, what waits for a person, how two runs differ, what a preview shows."""

from __future__ import annotations

import pytest

from recoup.office.jobs.models import Run
from recoup.office.jobs.rules import attempts, comparison, events, preview, trouble


@pytest.mark.parametrize(
    ("summary", "why", "more"),
    [
        ("It broke. Try again.", "It broke.", "Try again."),
        ("s3://a.b/c v1.2 does not answer", "s3://a.b/c v1.2 does not answer", ""),
        ("One.\nTwo lines. Three.", "One.", "Two lines. Three."),
        ("Read 1.5 MB e.g. nothing.", "Read 1.5 MB e.g. nothing.", ""),
        ("", "", ""),
    ],
)
def test_the_first_sentence_says_why(summary: str, why: str, more: str) -> None:
    assert trouble.cause(summary) == (why, more)


def test_the_last_try_of_what_lost_its_workers_is_alone() -> None:
    tries = [attempts.is_alone(number, 3, was_lost=number > 0) for number in range(3)]
    assert tries == [False, False, True]
    assert not attempts.is_alone(2, 3, was_lost=False)  # it gave up by itself: its worker lives


@pytest.mark.parametrize(
    ("alone", "beside", "waits"),
    [
        (False, [], False),
        (False, [False, False], False),
        (False, [True], True),
        (True, [], False),
        (True, [False], True),
    ],
)
def test_who_is_alone_waits_for_others_and_they_for_it(alone: bool, beside: list[bool], waits: bool) -> None:
    assert attempts.has_to_wait(alone=alone, beside=beside) is waits


def _run(job: str, state: str, *, needs: bool = False) -> Run:
    return Run(job=job, state=state, needs_person=needs)


def test_trouble_waits_until_a_later_run_went_well() -> None:
    mended = [_run("a", "succeeded"), _run("a", "failed", needs=True)]
    broken = [_run("b", "cancelled"), _run("b", "failed", needs=True), _run("b", "succeeded")]
    twice = [_run("c", "failed", needs=True), _run("c", "parked", needs=True)]
    assert trouble.needing_a_person([*mended, *broken, *twice]) == [broken[1], twice[0]]


def test_counters_stand_side_by_side() -> None:
    found = comparison.counts({"rows": 5, "gone": 1}, {"rows": 7, "new": 2})
    assert [(one.name, one.before, one.after, one.difference) for one in found] == [
        ("rows", 5, 7, 2),
        ("new", None, 2, 2),
        ("gone", 1, None, -1),
    ]


def test_only_parameters_that_changed_are_named() -> None:
    found = comparison.parameters({"a": 1, "b": None, "c": True}, {"a": 1, "b": ["x", "y"], "c": False})
    assert [(one.name, one.before, one.after) for one in found] == [
        ("b", "not set", "x, y"),
        ("c", "yes", "no"),
    ]


def test_a_line_that_stands_there_twice_is_two() -> None:
    assert list(comparison.only_in(["a", "b", "a"], ["a"]).lines) == ["b", "a"]
    many = comparison.only_in([str(number) for number in range(500)], [])
    assert (len(many.lines), many.more) == (200, 300)


def test_events_read_as_sentences() -> None:
    assert events.told("jobs.notify_changed", {"success": [], "failure": ["a@b.test", "c@d.test"]}) == (
        "Who is told was changed. When a run succeeds: nobody. When one fails: a@b.test, c@d.test."
    )
    assert (
        events.told("jobs.run_failed", {"job": "a.b", "summary": "{evil.x}"})
        == "A run of a.b failed: {evil.x}"
    )
    assert events.told("jobs.something_new", {}) == "Something new."
    assert events.told("jobs.run_cancelled", {}) == "A run of was cancelled."


def test_a_table_is_shown_as_one_up_to_its_bounds() -> None:
    rows = "\n".join(f"{number};x" for number in range(1_000))
    shown = preview.preview("a.csv", "text/csv", f"id;name\n{rows}".encode(), is_whole=True)
    assert shown.kind == "table"
    assert list(shown.rows[0]) == ["id", "name"]
    assert (len(shown.rows), shown.is_cut) == (201, True)
    half = preview.preview("a.csv", "text/csv", b"a,b\n1,2\n3,", is_whole=False)
    assert [list(row) for row in half.rows] == [["a", "b"], ["1", "2"]]


def test_json_keeps_its_figures() -> None:
    shown = preview.preview(
        "a.json", "application/json", b'{"amount":1.10,"big":12345678901234567890.00}', is_whole=True
    )
    assert '"amount": 1.10' in shown.text
    assert "12345678901234567890.00" in shown.text


@pytest.mark.parametrize("body", [b"{bad", b"[" * 100_000, b"\xff\x00"])
def test_what_is_no_json_is_shown_as_text(body: bytes) -> None:
    shown = preview.preview("a.json", "application/json", body, is_whole=True)
    assert shown.kind == "text"
    assert "\0" not in shown.text


def test_what_is_neither_is_not_shown() -> None:
    assert preview.kind_of("a.bin", "application/octet-stream") is None
    assert preview.kind_of("a.html", "text/html") == "text"
