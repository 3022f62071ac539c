"""Verifying a number: the code arrives, counts once, and cannot be guessed, kept, or ordered without end."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID

import pytest

from recoup.core.errors import Conflict, Invalid, TooMany
from recoup.office.controls import service as controls
from recoup.office.notices import own
from recoup.office.notices.controls import CODES_PER_DAY
from recoup.office.notices.service import numbers
from support.claims import ANA, RON
from support.house import MovableClock
from support.notices import CARLS, DORAS, HOUSE, Notices
from support.people import other_than


def standing(notices: Notices, person: UUID) -> own.Own:
    with notices.system.sessions.begin() as db:
        return own.of(db, person, ways=notices.ways, now=notices.system.clock())


def test_the_code_that_arrives_verifies_the_number_once(notices: Notices, carl: UUID) -> None:
    asked = notices.ask(carl, "+41 79 123 45 67")
    assert asked.number == CARLS
    assert standing(notices, carl).number is None
    notices.drain()
    code = notices.code()
    assert notices.twilio.to(CARLS) == [
        f"{code} is your code for notices from {HOUSE}. It works for 10 minutes. Give it to nobody."
    ]
    assert notices.show(carl, f" {code[:3]} {code[3:]}")
    found = standing(notices, carl)
    assert (found.number, found.is_on, found.pending) == ("+41 79 123 45 67", True, None)
    assert not notices.show(carl, code)


def test_the_code_stands_nowhere_but_in_the_sms(notices: Notices, carl: UUID) -> None:
    notices.ask(carl)
    notices.drain()
    code = notices.code()
    for table in ("notices_codes", "deliveries", "events"):
        shown = notices.rows(f"select row_to_json({table}.*)::text from {table}")
        assert shown
        assert not [row for (row,) in shown if code in str(row)]
    ((payload, sealed),) = notices.rows("select convert_from(payload, 'UTF8'), sealed from deliveries")
    assert "******" in str(payload)
    assert code not in str(payload)
    assert sealed is None


def test_of_many_guesses_at_once_five_are_looked_at_and_then_the_right_one_fits_no_more(
    notices: Notices, carl: UUID
) -> None:
    notices.ask(carl)
    notices.drain()
    code = notices.code()
    fitted: list[bool] = []
    threads = [
        threading.Thread(target=lambda: fitted.append(notices.show(carl, other_than(code)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fitted == [False] * 8
    assert notices.rows("select tries from notices_codes") == [(5,)]
    assert not notices.show(carl, code)
    assert standing(notices, carl).number is None


def test_four_wrong_guesses_leave_one(notices: Notices, carl: UUID) -> None:
    notices.ask(carl)
    notices.drain()
    code = notices.code()
    for left in (4, 3, 2, 1):
        assert not notices.show(carl, other_than(code))
        pending = standing(notices, carl).pending
        assert pending is not None
        assert pending.tries_left == left
    assert notices.show(carl, code)


def test_a_code_ends_after_ten_minutes(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    notices.ask(carl)
    notices.drain()
    code = notices.code()
    clock.advance(minutes=10)
    assert standing(notices, carl).pending is None
    assert not notices.show(carl, code)


def test_a_later_code_takes_the_place_of_the_one_before_and_nobody_elses_fits(
    notices: Notices, carl: UUID, dora: UUID, clock: MovableClock
) -> None:
    notices.ask(carl)
    notices.drain()
    first = notices.code()
    clock.advance(minutes=2)
    notices.ask(carl, DORAS)
    notices.drain()
    second = notices.code(DORAS)
    assert first == second or not notices.show(carl, first)
    assert not notices.show(dora, second)
    assert notices.show(carl, second)
    assert notices.rows("select number from notices_phones") == [(DORAS,)]


def test_a_code_that_nobody_waits_for_does_not_leave(
    notices: Notices, carl: UUID, clock: MovableClock
) -> None:
    notices.ask(carl)
    clock.advance(minutes=11)
    notices.drain()
    assert notices.twilio.texts == []
    assert notices.rows("select state, sealed from deliveries") == [("cancelled", None)]


def test_a_number_that_cannot_be_reached_says_so_where_the_code_is_awaited(
    notices: Notices, carl: UUID
) -> None:
    notices.twilio.refuse(CARLS, 21614)
    notices.ask(carl)
    notices.drain()
    pending = standing(notices, carl).pending
    assert pending is not None
    assert pending.refused == "The SMS could not be sent to this number."


@pytest.mark.parametrize("typed", ["", "079 123 45 67", "+1 202 555 0123", "+41 44 668 18 00"])
def test_what_may_not_be_texted_is_not(notices: Notices, carl: UUID, typed: str) -> None:
    with pytest.raises(Invalid):
        notices.ask(carl, typed)
    assert notices.rows("select count(*) from notices_codes") == [(0,)]


def test_the_number_that_is_verified_needs_no_code(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    notices.verify(carl)
    clock.advance(minutes=5)
    with pytest.raises(Conflict, match="verified already"):
        notices.ask(carl)


# ---------------------------------------------------------------- too many


def test_a_person_gets_a_code_a_minute_and_five_a_day(
    notices: Notices, carl: UUID, clock: MovableClock
) -> None:
    for digit in range(5):
        if digit:
            with pytest.raises(TooMany) as refused:
                notices.ask(carl, f"+4179123456{digit}")
            assert refused.value.retry_after == 60
            clock.advance(minutes=1)
        notices.ask(carl, f"+4179123456{digit}")
    clock.advance(hours=23)
    with pytest.raises(TooMany) as refused:
        notices.ask(carl, "+41791234569")
    assert refused.value.retry_after == (60 - 4) * 60  # when the first of the five is a day old
    clock.advance(seconds=refused.value.retry_after)
    notices.ask(carl, "+41791234569")


def test_a_number_gets_three_codes_an_hour_whoever_asks(
    notices: Notices, people: dict[str, UUID], carl: UUID, dora: UUID, clock: MovableClock
) -> None:
    for person in (carl, dora, people[ANA]):
        notices.ask(person)
    with pytest.raises(TooMany) as refused:
        notices.ask(people[RON])
    assert refused.value.retry_after == 3600
    notices.ask(people[RON], DORAS)
    clock.advance(hours=1)
    notices.ask(carl)


def test_the_house_sends_no_more_than_the_control_says_and_tells_the_administrators(
    notices: Notices, people: dict[str, UUID], carl: UUID, dora: UUID, clock: MovableClock
) -> None:
    with notices.system.sessions.begin() as db:
        controls.change(db, CODES_PER_DAY, 2, expected_version=0, actor="test", now=clock(), note="")
    notices.ask(carl)
    assert notices.rows("select count(*) from messages where template = 'alert'") == [(0,)]
    clock.advance(hours=1)
    notices.ask(dora, DORAS)
    assert notices.rows("select count(*) from messages where template = 'alert'") == [(1,)]
    clock.advance(minutes=2)
    for person in (carl, dora, people[ANA]):
        with pytest.raises(TooMany) as refused:
            notices.ask(person, "+41791234569")
        assert refused.value.retry_after == (22 * 60 + 58) * 60
    clock.advance(hours=23)
    notices.ask(people[ANA], "+41791234569")


def test_of_many_who_ask_at_once_the_house_still_counts_right(
    notices: Notices, people: dict[str, UUID], clock: MovableClock
) -> None:
    with notices.system.sessions.begin() as db:
        controls.change(db, CODES_PER_DAY, 3, expected_version=0, actor="test", now=clock(), note="")
    refused: list[TooMany] = []

    def ask(person: UUID, number: str) -> None:
        try:
            notices.ask(person, number)
        except TooMany as error:
            refused.append(error)

    threads = [
        threading.Thread(target=ask, args=(person, f"+4179123456{digit}"))
        for digit, person in enumerate(people.values())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notices.rows("select count(*) from notices_codes") == [(3,)]
    assert len(refused) == len(people) - 3


# ---------------------------------------------------------------- on, off, gone


def test_without_a_number_there_is_nothing_to_switch(notices: Notices, carl: UUID) -> None:
    with notices.system.sessions.begin() as db, pytest.raises(Conflict, match="No number"):
        numbers.switch(db, person_id=carl, on=True, actor="test", now=notices.system.clock())


def test_a_number_that_is_taken_away_takes_its_open_code_along(
    notices: Notices, carl: UUID, clock: MovableClock
) -> None:
    notices.verify(carl)
    clock.advance(minutes=2)
    notices.ask(carl, DORAS)
    notices.drain()
    with notices.system.sessions.begin() as db:
        numbers.remove(db, person_id=carl, actor="test", now=clock())
    assert not notices.show(carl, notices.code(DORAS))
    assert standing(notices, carl).number is None
    kinds = [
        kind for (kind,) in notices.rows("select kind from events where kind like 'notices.%' order by id")
    ]
    assert kinds == [
        "notices.code_sent",
        "notices.number_verified",
        "notices.code_sent",
        "notices.number_removed",
    ]


def test_old_requests_are_thrown_away(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    notices.ask(carl)
    clock.advance(days=8)
    with notices.system.sessions.begin() as db:
        numbers.clean(db, clock())
    assert notices.rows("select count(*) from notices_codes") == [(0,)]


def test_where_sms_are_not_set_up_no_code_leaves(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    without = replace(notices.ways, sms=False)
    with notices.system.sessions.begin() as db, pytest.raises(Conflict, match="not set up"):
        numbers.request_code(
            db,
            person_id=carl,
            typed=CARLS,
            house=HOUSE,
            ways=without,
            alert=notices.system.alert,
            actor="test",
            now=clock(),
        )
