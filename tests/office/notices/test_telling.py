"""Telling: planned once, by the ways that are on, and not handed over once they are off."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import event, text, update

from recoup.core.db import act_as
from recoup.core.errors import Conflict
from recoup.office.controls import service as controls
from recoup.office.notices import queries
from recoup.office.notices.controls import SMS_PER_DAY
from recoup.office.notices.service import devices, numbers, telling
from recoup.office.people.models import Person
from recoup.sandbox import faults
from recoup.sandbox.sms import says
from support.house import MovableClock
from support.notices import CARLS, DORAS, HOUSE, Notices


def test_who_switched_nothing_on_costs_one_select_and_gets_nothing(notices: Notices, carl: UUID) -> None:
    asked: list[str] = []
    engine = notices.system.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with notices.system.sessions.begin() as db:
        told = telling.tell(
            db,
            key="k",
            person_id=carl,
            title="T",
            text="x",
            link="",
            ways=notices.ways,
            now=notices.system.clock(),
        )
    assert told == []
    assert len(asked) == 1
    assert asked[0].lstrip().upper().startswith("SELECT")
    assert notices.states() == {}


def test_each_way_gets_its_own_delivery_and_a_second_call_plans_nothing(
    notices: Notices, carl: UUID, dora: UUID
) -> None:
    notices.verify(carl)
    notices.verify(dora, DORAS)
    browser, subscription = notices.subscribe(carl)
    assert len(notices.tell(carl)) == 2
    assert notices.tell(carl, said="Something else") == []
    notices.subscribe(carl, label="Firefox on Linux")
    assert notices.tell(carl) == []
    assert set(notices.states()) == {"k:1:sms", f"k:1:push:{subscription}"}
    notices.drain()
    assert set(notices.states().values()) == {"accepted"}
    link = f"https://{HOUSE}/desk/my-claims/1"
    assert notices.twilio.to(CARLS)[1:] == [f"Insurenz: Claim CLM-1 is now approved. {link}"]
    (shown,) = notices.push.notices(browser)
    assert (shown["title"], shown["text"], shown["link"]) == (
        "Insurenz",
        "Claim CLM-1 is now approved.",
        link,
    )
    assert len(notices.twilio.to(DORAS)) == 1
    told = notices.rows("select last_used_at from notices_subscriptions where id = :id", id=subscription)
    assert told == [(notices.system.clock(),)]


def test_keys_that_begin_alike_are_notices_of_their_own(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    for key in ("k:1", "k:11", "k_1", "k%1"):
        assert len(notices.tell(carl, key)) == 1, key
    assert set(notices.states()) == {"k:1:sms", "k:11:sms", "k_1:sms", "k%1:sms"}


def test_what_undoes_its_reason_undoes_the_notice(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    with notices.system.sessions() as db:
        db.begin()
        told = telling.tell(
            db,
            key="k",
            person_id=carl,
            title="T",
            text="x",
            link="",
            ways=notices.ways,
            now=notices.system.clock(),
        )
        assert len(told) == 1
        db.rollback()
    assert notices.states() == {}


def test_a_number_that_is_not_verified_gets_its_code_and_nothing_else(notices: Notices, carl: UUID) -> None:
    notices.ask(carl)
    assert notices.tell(carl) == []
    notices.drain()
    assert len(notices.twilio.to(CARLS)) == 1


def test_what_lets_anybody_write_to_a_browser_is_sealed_everywhere(notices: Notices, carl: UUID) -> None:
    browser, _ = notices.subscribe(carl)
    notices.tell(carl)
    tables = ("deliveries", "notices_subscriptions", "notices_push_keys", "events")
    for table in tables:
        for (row,) in notices.rows(
            f"select row_to_json({table}.*)::text || encode(payload, 'escape') from deliveries"
            if table == "deliveries"
            else f"select row_to_json({table}.*)::text from {table}"
        ):
            for secret in (browser.endpoint, browser.p256dh, browser.auth, "PRIVATE KEY"):
                assert secret not in str(row), table
                assert secret.encode().hex() not in str(row), table
    (payload,) = notices.rows(
        "select convert_from(payload, 'UTF8') from deliveries where kind = 'notices.push'"
    )
    assert list(json.loads(str(payload[0]))) == ["notice"]
    notices.drain()
    assert notices.rows("select sealed from deliveries where kind = 'notices.push'") == [(None,)]


# ---------------------------------------------------------------- between the plan and the hand-over


def test_switched_off_between_plan_and_hand_over_is_not_sent(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    _, subscription = notices.subscribe(carl)
    notices.tell(carl)
    with notices.system.sessions.begin() as db:
        numbers.switch(db, person_id=carl, on=False, actor="test", now=notices.system.clock())
        devices.remove(db, subscription, person_id=carl, actor="test", now=notices.system.clock())
    notices.drain()
    assert set(notices.states().values()) == {"cancelled"}
    assert len(notices.twilio.to(CARLS)) == 1  # the code
    assert notices.push.pushes == []


def test_a_notice_does_not_go_to_the_number_that_somebody_had_before(
    notices: Notices, carl: UUID, clock: MovableClock
) -> None:
    notices.verify(carl)
    with notices.system.sessions.begin() as db:
        telling.tell(
            db, key="k", person_id=carl, title="T", text="x", link="", ways=notices.ways, now=clock()
        )
        phone = queries.phone(db, carl)
        assert phone is not None
        phone.number = DORAS
    notices.drain()
    assert notices.states() == {"k:sms": "cancelled"}
    assert len(notices.twilio.to(CARLS)) == 1
    assert notices.twilio.to(DORAS) == []


def test_who_may_not_come_in_any_more_is_not_told(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    notices.tell(carl, "k:before")
    with notices.system.sessions.begin() as db:
        db.execute(update(Person).where(Person.id == carl).values(state="disabled"))
    assert notices.tell(carl, "k:after") == []
    notices.drain()
    assert notices.states() == {"k:before:sms": "cancelled"}


def test_what_could_not_leave_for_a_day_is_no_news(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    notices.verify(carl)
    notices.tell(carl)
    clock.advance(hours=25)
    notices.drain()
    assert notices.states() == {"k:1:sms": "cancelled"}


def test_one_person_gets_no_more_than_the_control_says_in_a_day(
    notices: Notices, carl: UUID, clock: MovableClock
) -> None:
    notices.verify(carl)
    with notices.system.sessions.begin() as db:
        controls.change(db, SMS_PER_DAY, 2, expected_version=0, actor="test", now=clock(), note="")
    for number in range(4):
        notices.tell(carl, f"k:{number}")
        notices.drain()
    assert [state for _, state in sorted(notices.states().items())] == ["accepted"] * 2 + ["cancelled"] * 2
    clock.advance(hours=24)
    notices.tell(carl, "k:tomorrow")
    notices.drain()
    assert notices.states()["k:tomorrow:sms"] == "accepted"


# ---------------------------------------------------------------- what the far side says


def test_a_browser_that_is_gone_is_forgotten_and_others_are_told(notices: Notices, carl: UUID) -> None:
    gone, _ = notices.subscribe(carl)
    there, kept = notices.subscribe(carl, label="Firefox on Linux")
    notices.push.unsubscribe(gone)
    notices.tell(carl)
    notices.drain()
    assert sorted(notices.states().values()) == ["accepted", "refused"]
    assert len(notices.push.notices(there)) == 1
    assert notices.rows("select id from notices_subscriptions") == [(kept,)]
    assert notices.rows("select count(*) from events where kind = 'notices.refused'") == [(1,)]


@pytest.mark.parametrize(("code", "is_on"), [(21610, False), (21614, False), (21408, True), (21617, True)])
def test_a_number_that_can_never_be_reached_is_switched_off(
    notices: Notices, carl: UUID, code: int, is_on: bool
) -> None:
    notices.verify(carl)
    notices.twilio.refuse(CARLS, code)
    notices.tell(carl)
    notices.drain()
    assert notices.states() == {"k:1:sms": "refused"}
    ((wanted, why),) = notices.rows("select is_wanted, off_reason from notices_phones")
    assert (wanted, why is None) == (is_on, is_on)
    assert notices.rows("select count(*) from events where kind = 'notices.refused'") == [(1,)]


def test_a_text_that_nobody_knows_of_is_never_sent_again(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    notices.twilio.script(faults.dropped())
    notices.tell(carl)
    notices.drain()
    notices.drain()
    assert notices.states() == {"k:1:sms": "unknown"}
    assert len(notices.twilio.to(CARLS)) == 2  # the code, and one


def test_credentials_that_fail_stop_the_channel_with_one_alert(notices: Notices, carl: UUID) -> None:
    notices.verify(carl)
    notices.twilio.script(says(401, 20003))
    notices.tell(carl)
    notices.drain()
    assert notices.rows("select channel from stopped_channels") == [("sms",)]
    assert notices.states() == {"k:1:sms": "planned"}
    assert notices.rows("select count(*) from messages where template = 'alert'") == [(1,)]


# ---------------------------------------------------------------- tests, and who sees what


def test_a_test_leaves_once_a_minute(notices: Notices, carl: UUID, clock: MovableClock) -> None:
    def send() -> int:
        with notices.system.sessions.begin() as db:
            return telling.test(db, person_id=carl, house=HOUSE, link="", ways=notices.ways, now=clock())

    with pytest.raises(Conflict, match="No way"):
        send()
    notices.verify(carl)
    notices.subscribe(carl)
    assert [send(), send()] == [2, 0]
    clock.advance(minutes=1)
    assert send() == 2
    notices.drain()
    assert notices.twilio.to(CARLS)[-1] == f"{HOUSE}: This is a test. Notices reach you here."


def test_the_database_shows_numbers_and_browsers_to_their_owner(
    notices: Notices, carl: UUID, dora: UUID
) -> None:
    notices.verify(carl)
    notices.subscribe(carl)
    expected = {
        ("customer", carl): (1, 1, 1, 0),
        ("customer", dora): (0, 0, 0, 0),
        ("analyst", dora): (0, 0, 0, 0),
        ("reviewer", dora): (0, 0, 0, 0),
        ("", None): (0, 0, 0, 0),
    }
    tables = ("notices_phones", "notices_subscriptions", "notices_codes", "notices_push_keys")
    for (role, person), counts in expected.items():
        with notices.system.sessions.begin() as db:
            act_as(db, role=role, person=person)
            seen = tuple(db.execute(text(f"select count(*) from {table}")).scalar_one() for table in tables)
        assert seen == counts, role


def test_a_reviewer_tells_in_their_own_session_and_sees_and_changes_nothing(
    notices: Notices, carl: UUID, dora: UUID
) -> None:
    notices.verify(carl)
    with notices.system.sessions.begin() as db:
        act_as(db, role="reviewer", person=dora)
        told = telling.tell(
            db,
            key="k",
            person_id=carl,
            title="T",
            text="x",
            link="",
            ways=notices.ways,
            now=notices.system.clock(),
        )
        changed = db.execute(text("update notices_phones set is_wanted = false"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
        assert db.execute(text("select count(*) from notices_phones")).scalar_one() == 0
        assert db.execute(text("select current_setting('recoup.role')")).scalar_one() == "reviewer"
    assert len(told) == 1
