"""The text of a file: JSON and nothing else, each value checked, a sentence for each thing that is wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from recoup.core.errors import Invalid
from recoup.office.setup.rules import kept, layout, reading
from support.setup_files import AUTH, EMAIL, ETL


def problems(document: object, *, called: str = "etl_config.json") -> dict[str, str]:
    return {one.path: one.sentence for one in reading.read(json.dumps(document), called=called).problems}


@pytest.mark.parametrize(
    ("text", "name", "values"), [(ETL, layout.ETL, 16), (EMAIL, layout.EMAIL, 9), (AUTH, layout.AUTH, 3)]
)
def test_the_files_of_the_instructions_are_read_whole_and_known_by_what_they_say(
    text: str, name: str, values: int
) -> None:
    read = reading.read(text)
    assert (read.name, len(read.values), read.problems) == (name, values, ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This is not JSON (line 1, column 1)"),
        ('{"session":\n  {"timeout_minutes": 60,}}', "This is not JSON (line 2, column "),
        ("[]", "must be one object"),
        ('"session"', "must be one object"),
        ('{"session": NaN}', "NaN is not a number in JSON"),
        ('{"session": 1, "session": 2}', "'session' stands twice"),
        ('{"session": {"timeout_minutes": 1, "timeout_minutes": 2}}', "'timeout_minutes' stands twice"),
        ("[" * 90_000, "nested too deeply"),
        ('{"session": ' + "9" * 5_000 + "}", "A number in it is too long."),
        ('{"reconcile_tolerance": 1e999999}', "cannot|not a number that can be kept"),
        ("{}", "none of etl_config.json, email_config.json, auth_config.json"),
        ('{"name": "recoup"}', "none of etl_config.json"),
        (" " * 100_001, "100,000 at most"),
    ],
)
def test_what_is_no_file_of_these_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        reading.read(text)
    assert any(part in refusal.value.sentence() for part in sentence.split("|"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{\n\xff}", "not text in UTF-8 (line 2)"),
        (b" " * 100_001, "100,000 at most"),
        (b"\xff\xfe{\0}\0", "UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        reading.decoded(content)
    assert sentence in refusal.value.sentence()


def test_a_mark_at_the_start_of_a_file_is_no_part_of_it() -> None:
    assert reading.read(reading.decoded(b"\xef\xbb\xbf" + AUTH.encode())).problems == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("paths.data_input", "/etc"),
        ("paths.data_input", "/etc/passwd"),
        ("paths.data_input", "/ETC/passwd"),
        ("paths.data_input", "//etc/passwd"),
        ("paths.data_input", "/"),
        ("paths.output", ".."),
        ("paths.output", "reports/../../x"),
        ("paths.output", "~root"),
        ("paths.output", "reports; rm -rf /"),
        ("paths.output", "$(id)"),
        ("paths.output", "`id`"),
        ("paths.output", "a\nb"),
        ("paths.output", "a\0b"),
        ("paths.output", "file:///etc/passwd"),
        ("paths.output", "..\\..\\windows"),
        ("paths.output", "x" * 501),
        ("paths.output", 5),
        ("scripts.fi_revenue_expense", "os.system"),
        ("scripts.fi_revenue_expense", "fi; rm -rf"),
        ("scripts.fi_revenue_expense", "fi\n--all"),
        ("scripts.fi_revenue_expense", "../fi"),
        ("scripts.fi_revenue_expense", "__import__('os')"),
        ("scripts.fi_revenue_expense", ""),
        ("scripts.fi_revenue_expense", ["fi"]),
        ("schedule.enabled", "yes"),
        ("schedule.enabled", 1),
        ("schedule.day_of_month", 0),
        ("schedule.day_of_month", 32),
        ("schedule.day_of_month", True),
        ("schedule.hour", 24),
        ("schedule.hour", "2"),
        ("schedule.minute", 60),
        ("schedule.minute", -1),
        ("schedule.timezone", "Mars/Olympus"),
        ("schedule.timezone", "../../etc/passwd"),
        ("schedule.timezone", 7),
        ("notifications.recipients", "admin@example.com"),
        ("notifications.recipients", ["admin@example.com\nBcc: z@example.com"]),
        ("notifications.recipients", ["nobody"]),
        ("notifications.recipients", [1]),
        ("notifications.recipients", [f"a{n}@example.com" for n in range(51)]),
        ("notifications.on_success", None),
        ("reconcile_tolerance", "0.00"),
        ("reconcile_tolerance", -1),
        ("reconcile_tolerance", True),
        ("paths", "reports"),
        ("schedule", [1]),
        ("schedule.zone", "Asia/Bangkok"),
        ("__proto__", {}),
    ],
)
def test_each_hostile_or_wrong_value_is_a_sentence_at_its_place(path: str, value: Any) -> None:
    found = problems(kept.nested({"schedule.hour": 2, path: value}) if "." in path else {path: value})
    assert list(found) == [path]
    assert found[path].endswith((".", "?"))
    assert found[path][0].isupper() or found[path][0] in "'\"-0123456789["


def test_an_unknown_name_is_told_with_what_may_be_meant() -> None:
    assert problems({"schedule": {"time_zone": "UTC"}})["schedule.time_zone"] == (
        "This is not known here. Is schedule.timezone meant?"
    )


def test_all_that_is_wrong_is_told_at_once_and_not_without_bound() -> None:
    found = problems({"schedule": {"hour": 99, "minute": 99}, "nonsense": 1})
    assert set(found) == {"schedule.hour", "schedule.minute", "nonsense"}
    assert len(problems({f"n{number}": 1 for number in range(500)})) == 50


def test_names_that_cannot_be_shown_are_shown_as_what_can() -> None:
    read = reading.read('{"a\\u202e\\u0000b": 1, "session": {}}', called="auth_config.json")
    assert next(one.path for one in read.problems) == "a��b"


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("etl_config.json", layout.ETL),
        ("C:\\fakepath\\Email_Config.JSON", layout.EMAIL),
        ("auth_config (2).json", layout.AUTH),
        ("other.json", None),
        ("", None),
    ],
)
def test_a_file_is_known_by_its_name(called: str, name: str | None) -> None:
    assert layout.named(called) == name


def test_numbers_come_back_digit_for_digit() -> None:
    for digits in ("0.00", "0.10", "0", "12345678901234567890.123456789"):
        read = reading.read(f'{{"reconcile_tolerance": {digits}}}')
        text = kept.to_text(kept.Kept(read.values))
        assert kept.pretty(kept.nested(kept.parse(text).values)).decode() == (
            f'{{\n  "reconcile_tolerance": {digits}\n}}\n'
        )
        assert isinstance(read.values["reconcile_tolerance"], Decimal | int)
