"""What notices say and how it fits, which numbers are taken, how many codes leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.errors import Invalid
from recoup.office.notices.rules import devices, limits, numbers, texts

LINK = "https://recoup.example.com/desk/my-claims/471147"
NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
GSM = set(texts._GSM)


# ---------------------------------------------------------------- texts


def test_a_text_says_who_what_and_where() -> None:
    said = texts.sms(title="Insurenz", text="Claim CLM-1 is now approved.", link=LINK)
    assert said == f"Insurenz: Claim CLM-1 is now approved. {LINK}"


@given(title=st.text(max_size=400), text=st.text(max_size=400))
def test_whatever_is_said_fits_and_the_link_is_whole(title: str, text: str) -> None:
    said = texts.sms(title=title, text=text, link=LINK)
    assert len(said) <= texts.LONGEST_SMS
    assert said.endswith(f" {LINK}")
    assert "\n" not in said
    shown = texts.push(title=title, text=text, link=LINK, key="k")
    assert len(shown["title"]) <= texts.LONGEST_TITLE
    assert len(shown["text"]) <= texts.LONGEST_PUSH
    assert shown["link"] == LINK


@pytest.mark.parametrize(
    "link", ["", "/desk/my-claims/1", "javascript:alert(1)", f"https://x.example/{'y' * 300}"]
)
def test_a_link_that_leads_nowhere_or_leaves_no_room_is_left_out(link: str) -> None:
    assert texts.sms(title="T", text="Claim 1 was filed.", link=link) == "T: Claim 1 was filed."


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("Zürich \N{EN DASH} “Kettenbrücke”…", 'Zürich - "Kettenbrücke"...'),
        ("Őrség", "Orség"),
        ("1\N{NO-BREAK SPACE}000 €", "1 000 €"),
        ("Łódź", "Łódź"),  # ł has no bare letter, and half a change would save nothing
        ("保険", "保険"),
    ],
)
def test_texts_are_in_the_alphabet_of_sms_where_that_loses_only_marks(said: str, sent: str) -> None:
    assert texts.in_gsm(said) == sent


def test_a_code_stands_first_and_its_text_is_one_sms() -> None:
    said = texts.code("471147", house="recoup.example.com", minutes=10)
    assert said.startswith("471147 ")
    assert set(said) <= GSM
    assert len(said) <= 160
    assert len(texts.code("471147", house="x" * 500, minutes=10)) <= 160


def test_notices_of_one_thing_have_one_tag() -> None:
    def tag(link: str, key: str) -> str:
        return texts.push(title="t", text="x", link=link, key=key)["tag"]

    assert tag(LINK, "k:1") == tag(LINK, "k:2") != tag(f"{LINK}2", "k:1")
    assert tag("", "k:1") != tag("", "k:2")


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "typed", ["+41 79 123 45 67", "0041791234567", "079 123 45 67", " +41(0)79-123-45-67 ", "+41791234567"]
)
def test_a_number_has_one_spelling(typed: str) -> None:
    assert numbers.read(typed, ["+41"]) == "+41791234567"


@pytest.mark.parametrize(
    ("typed", "prefixes", "why"),
    [
        ("", ["+41"], "no telephone number"),
        ("hello", ["+41"], "no telephone number"),
        ("+41 79 123", ["+41"], "no telephone number"),
        ("+41791234567 ext. 5", ["+41"], "no telephone number"),
        ("1" * 100, ["+41"], "no telephone number"),
        ("079 123 45 67", ["+41", "+49"], "no telephone number"),
        ("+999 123456789", ["+999"], "no telephone number"),
        ("+49 151 23456789", ["+41"], "of this country get no SMS"),
        ("+41 79 123 45 67", [], "of this country get no SMS"),
        ("+41 44 668 18 00", ["+41"], "cannot get SMS"),
        ("+41 900 123 456", ["+41"], "cannot get SMS"),
        ("+41 800 123 456", ["+41"], "cannot get SMS"),
    ],
)
def test_what_is_no_mobile_number_of_an_allowed_country_is_refused(
    typed: str, prefixes: list[str], why: str
) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        numbers.read(typed, prefixes)
    assert refused.value.fix


@pytest.mark.parametrize("text", ["41", "+", "+0", "CH", "+41a", "+12345678"])
def test_a_prefix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="like \\+41"):
        numbers.prefix(text)
    assert numbers.prefix(" 00 41 ") == "+41"


def test_a_number_is_shown_to_others_in_part() -> None:
    assert numbers.masked("+41791234567") == "+41…567"
    assert numbers.spaced("+41791234567") == "+41 79 123 45 67"


# ---------------------------------------------------------------- limits


def times(*minutes: int) -> list[datetime]:
    return [NOW - timedelta(minutes=one) for one in minutes]


@pytest.mark.parametrize(
    ("person", "number", "house", "per_day", "wait"),
    [
        ([], [], [], 100, None),
        ([2], [2], [2], 100, None),
        ([0], [], [], 100, timedelta(minutes=1)),
        ([5, 6, 7, 8, 60], [], [], 100, timedelta(hours=23)),
        ([], [5, 6, 20], [], 100, timedelta(minutes=40)),
        ([], [70, 80, 90, 100, 120], [], 100, timedelta(hours=22)),
        ([], [], [1, 30], 2, timedelta(hours=23, minutes=30)),
        ([], [], [1, 30], 3, None),
        ([], [], [], 0, timedelta(hours=24)),
    ],
)
def test_codes_leave_again_when_enough_of_them_are_old(
    person: list[int], number: list[int], house: list[int], per_day: int, wait: timedelta | None
) -> None:
    free = limits.codes_free_again(
        person=times(*person), number=times(*number), house=times(*house), per_day=per_day, now=NOW
    )
    assert free == (None if wait is None else NOW + wait)


# ---------------------------------------------------------------- devices


def test_a_device_is_called_what_fits() -> None:
    assert devices.label("  Chrome \n on\tAndroid ", otherwise="x") == "Chrome on Android"
    assert devices.label("\x00", otherwise="Firefox on Linux") == "Firefox on Linux"
    assert len(devices.label("x" * 500, otherwise="")) == devices.LONGEST_LABEL
