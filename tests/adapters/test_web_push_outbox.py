"""Notices on their way through the outbox, by the real channel: once at most, whatever breaks, and without a trace of where to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from recoup.adapters.web_push import GONE, PushChannel, VapidKeys
from recoup.core.system import System
from recoup.office.outbox import handover, queries, service
from recoup.office.outbox.models import Delivery
from recoup.office.outbox.service import Plan
from recoup.sandbox import faults
from recoup.sandbox.faults import Fault
from recoup.sandbox.push_service import PushServiceStandIn, Subscription, says
from support.house import MovableClock, ScriptedChannel, end_leases, opened
from support.postgres import Database

KIND, CHANNEL = "message", "push"
NOTICE = {"title": "Claim 4711", "text": "It is paid.", "link": "/desk/my-claims/4711", "tag": "claim:4711"}


class House:
    """A Recoup with push, whose keys a test can change, and a push service."""

    def __init__(self, system: System, service_: PushServiceStandIn, keys: list[VapidKeys]) -> None:
        self.system, self.service, self.keys = system, service_, keys

    def plan(self, key: str, to: Subscription) -> None:
        told = {"endpoint": to.endpoint, "p256dh": to.p256dh, "auth": to.auth, "notice": NOTICE}
        wanted = Plan(key=key, kind=KIND, channel=CHANNEL, subject=key, payload=json.dumps(told).encode())
        with self.system.sessions.begin() as db:
            service.plan(db, wanted, now=self.system.clock())

    def drain(self) -> None:
        handover.drain(self.system, CHANNEL)

    def one(self, key: str) -> Delivery:
        with self.system.sessions.begin() as db:
            return db.scalars(select(Delivery).where(Delivery.key == key)).one()


@pytest.fixture
def house(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[House]:
    keys = [VapidKeys.make()]
    with PushServiceStandIn(now=clock) as stand_in:
        channel = PushChannel(
            lambda: keys[0],
            contact="house@example.com",
            hosts=["127.0.0.1"],
            now=clock,
            read_timeout=timedelta(seconds=0.5),
        )
        channels = {"mail": ScriptedChannel("mail", dedupes=False), CHANNEL: channel}
        with opened(database, tmp_path, clock=clock, channels=channels) as system:
            yield House(system, stand_in, keys)
        channel.close()


@pytest.fixture
def browser(house: House) -> Subscription:
    return house.service.subscribe(house.keys[0].public)


def test_a_notice_leaves_once(house: House, browser: Subscription) -> None:
    house.plan("a", browser)
    house.plan("a", browser)
    house.drain()
    house.drain()
    assert house.one("a").state == "accepted"
    assert house.service.notices(browser) == [NOTICE]


@pytest.mark.parametrize(
    "fault", [faults.silence(), faults.dropped(), faults.dropped(reset=True), faults.server_error(500, handled=True)]
)  # fmt: skip
def test_a_lost_answer_is_unknown_for_ever_and_never_sent_again(
    house: House, browser: Subscription, clock: MovableClock, fault: Fault
) -> None:
    house.service.script(fault)
    house.plan("a", browser)
    house.drain()
    clock.advance(days=3)
    end_leases(house.system)
    house.drain()
    assert house.one("a").state == "unknown"
    assert len(house.service.pushes) == 1
    assert house.service.notices(browser) == [NOTICE]


def test_a_worker_that_dies_with_a_notice_in_its_hands_leaves_an_unknown(
    house: House, browser: Subscription, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_args: object) -> None:
        raise Killed

    house.plan("a", browser)
    with monkeypatch.context() as patch:
        patch.setattr(
            handover, "_finish_accepted", die
        )  # the push service said yes, and nobody wrote it down
        with pytest.raises(Killed):
            house.drain()
    assert house.one("a").state == "handing"
    clock.advance(days=1)
    end_leases(house.system)
    house.drain()
    assert house.one("a").state == "unknown"
    assert house.service.notices(browser) == [NOTICE]


def test_who_left_is_gone_for_good_and_others_go_on(
    house: House, browser: Subscription, clock: MovableClock
) -> None:
    house.service.unsubscribe(browser)
    still = house.service.subscribe()
    house.plan("a", browser)
    house.plan("b", still)
    house.drain()
    clock.advance(days=3)
    house.drain()
    left = house.one("a")
    assert (left.state, left.handings) == ("refused", 1)
    assert str(left.reason).startswith(GONE)
    assert house.one("b").state == "accepted"


def test_busy_is_tried_again_when_it_said(house: House, browser: Subscription, clock: MovableClock) -> None:
    house.service.script(says(429, retry_after="1800"))
    house.plan("a", browser)
    house.drain()
    clock.advance(minutes=29)
    house.drain()
    assert len(house.service.pushes) == 1
    clock.advance(hours=2)
    house.drain()
    assert house.one("a").state == "accepted"
    assert house.service.notices(browser) == [NOTICE]


def test_keys_that_cannot_be_used_stop_the_channel_and_lose_nothing(
    house: House, browser: Subscription, clock: MovableClock
) -> None:
    good, house.keys[0] = house.keys[0], VapidKeys(private_pem="spoilt", public="spoilt")
    house.plan("a", browser)
    house.drain()
    with house.system.sessions.begin() as db:
        (stopped,) = queries.stopped_channels(db)
        assert (stopped.channel, stopped.reason) == (
            CHANNEL,
            "The keys with which notices are signed cannot be used.",
        )
    assert house.service.pushes == []
    house.keys[0] = good
    with house.system.sessions.begin() as db:
        service.resume(db, CHANNEL, actor="person:ada", now=clock())
    clock.advance(days=1)
    house.drain()
    assert house.service.notices(browser) == [NOTICE]


def test_nothing_but_the_payload_knows_where_it_went(house: House, browser: Subscription) -> None:
    others = [house.service.subscribe() for _ in range(3)]
    for status in (404, 400, 500):
        house.service.script(says(status, "Because"), path=others[0].endpoint.removeprefix(house.service.url))
        house.plan(f"fails {status}", others[0])
        house.drain()
    house.plan("goes", browser)
    house.drain()
    secrets = [word for one in (browser, *others) for word in (one.endpoint, one.p256dh, one.auth)]
    secrets += [one.endpoint.rpartition("/")[2] for one in (browser, *others)]
    with house.system.sessions.begin() as db:
        rows = db.execute(text("select to_jsonb(deliveries) - 'payload' from deliveries")).scalars().all()
        events = db.execute(text("select to_jsonb(events) from events")).scalars().all()
    assert {row["state"] for row in rows} == {"accepted", "refused", "unknown"}
    told = json.dumps([*rows, *events], default=str)
    assert "Because" in told
    assert not [secret for secret in secrets if secret in told]
