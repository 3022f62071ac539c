"""The page on notices says what the code does: texts, controls, routes, limits."""

from __future__ import annotations

import re
from pathlib import Path

from recoup.areas.claims.rules import notices as words
from recoup.office.notices.area import AREA
from recoup.office.notices.controls import CONTROLS
from recoup.office.notices.rules import limits, texts
from recoup.web.area import opened

PAGE = (Path(__file__).parents[3] / "docs" / "notices.md").read_text(encoding="utf-8")
IN_WORDS = {1: "one", 3: "three", 5: "five", 6: "six", 10: "ten"}


def rows(first: str) -> list[list[str]]:
    """Return the rows of the table whose head begins with a word, without the head."""
    table = re.search(rf"^\| {first} .*?(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL)
    assert table is not None, first
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def test_every_text_stands_there() -> None:
    told = {row[1] for row in rows("when")}
    assert told == {
        words.filed("CLM-1"),
        words.moved("CLM-1", "Approved", is_asked=False),
        words.noted("CLM-1", is_request=False),
        words.noted("CLM-1", is_request=True),
        words.lost("CLM-1"),
    }
    assert words.moved("CLM-1", "Pending", is_asked=True) in told
    assert f"at most {texts.LONGEST_SMS} characters" in PAGE


def test_every_control_stands_there_with_its_default() -> None:
    assert {row[1].strip("`"): row[2] for row in rows("what")} == {
        one.name: str(one.default) for one in CONTROLS
    }


def test_every_route_stands_there() -> None:
    told = {row[0].strip("`") for row in rows("route")}
    real = {
        f"{method} {route.path}"
        for door in AREA.routers
        for route in opened(door).routes
        for method in getattr(route, "methods", ())
    }
    assert told == real


def test_the_limits_are_the_real_ones() -> None:
    (a_minute, _), (a_day, _) = limits.CODES_PER_PERSON
    (an_hour, _), (number_a_day, _) = limits.CODES_PER_NUMBER
    page = " ".join(PAGE.split())
    assert f"{IN_WORDS[a_minute]} code a minute and {IN_WORDS[a_day]} a day" in page
    assert f"a number {IN_WORDS[an_hour]} an hour and {IN_WORDS[number_a_day]} a day" in page
    assert f"A code of {IN_WORDS[limits.CODE_LENGTH]} digits" in page
    assert (
        f"for {IN_WORDS[limits.CODE_LIFE.seconds // 60]} minutes and for {IN_WORDS[limits.CODE_TRIES]} guesses"
        in page
    )
    assert f"{IN_WORDS[limits.MOST_DEVICES]} browsers at most" in page
