"""The fence: one effect per key, whatever breaks, and an honest unknown where nobody can tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select, update
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict
from recoup.core.parts import DeliveryKind, Go, Planned, Result, Stop
from recoup.core.system import System
from recoup.office.journal import queries as journal
from recoup.office.outbox import handover, queries, rules, service
from recoup.office.outbox.models import Delivery, State, StoppedChannel
from recoup.office.outbox.service import Plan
from support.house import MovableClock, ScriptedChannel, end_leases, opened
from support.postgres import Database

KIND = "message"


@pytest.fixture
def post() -> ScriptedChannel:
    """A far side that cannot tell a second copy from a new one, like a mail server."""
    return ScriptedChannel("mail", dedupes=False)


@pytest.fixture
def market() -> ScriptedChannel:
    """A far side that can."""
    return ScriptedChannel("market", dedupes=True)


@pytest.fixture
def system(
    database: Database, tmp_path: Path, clock: MovableClock, post: ScriptedChannel, market: ScriptedChannel
) -> Iterator[System]:
    with opened(database, tmp_path, clock=clock, channels={"mail": post, "market": market}) as system:
        yield system


def plan(system: System, key: str, *, channel: str = "mail", payload: bytes = b"hello") -> None:
    with system.sessions.begin() as db:
        service.plan(
            db, Plan(key=key, kind=KIND, channel=channel, subject=key, payload=payload), now=system.clock()
        )


def states(system: System) -> dict[str, str]:
    with system.sessions.begin() as db:
        return {one.key: one.state for one in queries.listed(db)}


def one(system: System, key: str) -> Delivery:
    with system.sessions.begin() as db:
        return db.scalars(select(Delivery).where(Delivery.key == key)).one()


def test_a_planned_delivery_leaves_once(system: System, post: ScriptedChannel) -> None:
    plan(system, "a")
    plan(system, "a")
    assert handover.drain(system, "mail").states == {"accepted": 1}
    assert handover.drain(system, "mail").handed == 0
    assert post.ledger == ["a"]
    assert one(system, "a").reference == "receipt for a"


def test_a_plan_that_is_rolled_back_never_was(system: System, post: ScriptedChannel) -> None:
    class Undone(Exception):
        pass

    def plan_and_fail() -> None:
        with system.sessions.begin() as db:
            service.plan(
                db, Plan(key="a", kind=KIND, channel="mail", subject="a", payload=b"x"), now=system.clock()
            )
            raise Undone

    with pytest.raises(Undone):
        plan_and_fail()
    handover.drain(system, "mail")
    assert post.ledger == []
    with system.sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Delivery)) == 0


def test_a_key_stands_for_its_bytes(system: System) -> None:
    plan(system, "a", payload=b"one")
    with pytest.raises(Conflict, match="other content"):
        plan(system, "a", payload=b"two")


@pytest.mark.parametrize("line", ["unknown before", "unknown after", "break"])
def test_without_an_answer_a_mail_is_unknown_and_stays_so(
    system: System, post: ScriptedChannel, clock: MovableClock, line: str
) -> None:
    post.script = [line]
    plan(system, "a")
    handover.drain(system, "mail")
    clock.advance(days=3)
    end_leases(system)
    handover.drain(system, "mail")
    assert states(system) == {"a": "unknown"}
    assert len(post.ledger) == (line != "unknown before")


@pytest.mark.parametrize("line", ["unknown before", "unknown after", "break"])
def test_where_the_far_side_dedupes_an_unknown_is_handed_again(
    system: System, market: ScriptedChannel, clock: MovableClock, line: str
) -> None:
    market.script = [line]
    plan(system, "a", channel="market")
    handover.drain(system, "market")
    assert states(system) == {"a": "unknown"}
    clock.advance(hours=2)
    handover.drain(system, "market")
    assert states(system) == {"a": "accepted"}
    assert market.ledger == ["a"]
    assert one(system, "a").handings == 2


def test_a_refusal_for_good_is_the_end(system: System, post: ScriptedChannel, clock: MovableClock) -> None:
    post.script = ["refuse"]
    plan(system, "a")
    handover.drain(system, "mail")
    clock.advance(days=3)
    handover.drain(system, "mail")
    assert states(system) == {"a": "refused"}
    assert post.ledger == []


def test_a_refusal_for_now_waits_as_long_as_the_far_side_asked(
    system: System, post: ScriptedChannel, clock: MovableClock
) -> None:
    post.script = ["refuse for now"]
    plan(system, "a")
    handover.drain(system, "mail")
    clock.advance(minutes=4, seconds=59)
    handover.drain(system, "mail")
    assert states(system) == {"a": "planned"}
    clock.advance(hours=1)
    handover.drain(system, "mail")
    assert post.ledger == ["a"]


def test_a_channel_without_credentials_stops_as_a_whole_with_one_alert(
    system: System, post: ScriptedChannel, market: ScriptedChannel, clock: MovableClock
) -> None:
    market.script = ["down first"] * 5
    for key in "abcde":
        plan(system, key, channel="market")
    handover.drain(system, "market")
    handover.drain(system, "market")
    assert set(states(system).values()) == {"planned"} | ({"accepted"} if post.ledger else set())
    assert market.ledger == []
    with system.sessions.begin() as db:
        alerts = [delivery for delivery in queries.listed(db) if delivery.channel == "mail"]
        assert len(alerts) == 1
        assert b"credentials are wrong" in alerts[0].payload
        assert [event.kind for event in journal.timeline(db, kind="outbox.channel")] == [
            "outbox.channel_stopped"
        ]
    market.script = []
    clock.advance(minutes=20)
    handover.drain(system, "market")
    handover.drain(system, "market")
    assert sorted(market.ledger) == list("abcde")
    with system.sessions.begin() as db:
        assert db.scalars(select(StoppedChannel)).all() == []


def test_a_person_may_resume_a_stopped_channel_at_once(system: System, market: ScriptedChannel) -> None:
    market.script = ["down first"]
    plan(system, "a", channel="market")
    handover.drain(system, "market")
    with system.sessions.begin() as db:
        service.resume(db, "market", actor="Alice", now=system.clock())
        db.execute(update(Delivery).values(next_attempt_at=system.clock()))
    handover.drain(system, "market")
    assert market.ledger == ["a"]


def test_two_drains_at_once_hand_each_delivery_once(system: System, post: ScriptedChannel) -> None:
    keys = [f"k{number}" for number in range(40)]
    for key in keys:
        plan(system, key)
    threads = [threading.Thread(target=handover.drain, args=(system, "mail")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(post.ledger) == sorted(keys)


def test_what_a_dead_worker_only_leased_is_tried_again(system: System, post: ScriptedChannel) -> None:
    plan(system, "a")
    assert len(handover.claim(system, post)) == 1
    assert handover.claim(system, post) == []
    end_leases(system)
    handover.drain(system, "mail")
    assert post.ledger == ["a"]
    assert one(system, "a").crashes == 1


@pytest.mark.parametrize("dedupes", [False, True])
def test_what_a_dead_worker_was_handing_is_unknown_unless_the_far_side_dedupes(
    system: System, post: ScriptedChannel, market: ScriptedChannel, dedupes: bool
) -> None:
    channel = market if dedupes else post
    plan(system, "a", channel=channel.name)
    (claimed,) = handover.claim(system, channel)
    assert handover._pass_the_fence(system, claimed) is None
    end_leases(system)
    handover.drain(system, channel.name)
    assert states(system) == {"a": "accepted" if dedupes else "unknown"}
    assert channel.ledger == (["a"] if dedupes else [])


def test_a_worker_that_wakes_up_late_changes_nothing(system: System, market: ScriptedChannel) -> None:
    plan(system, "a", channel="market")
    woken = threading.Event()
    asleep = threading.Event()

    def sleep(_parcel: object) -> None:
        market.while_sending = lambda _parcel: None
        asleep.set()
        woken.wait(30)

    market.while_sending = sleep
    sleeper = threading.Thread(target=handover.drain, args=(system, "market"))
    sleeper.start()
    assert asleep.wait(30)
    end_leases(system)
    handover.drain(system, "market")
    settled = one(system, "a")
    woken.set()
    sleeper.join()
    after = one(system, "a")
    assert (settled.state, settled.attempt, settled.updated_at) == (
        after.state,
        after.attempt,
        after.updated_at,
    )
    assert after.state == "accepted"
    assert market.ledger == ["a"]


def test_a_delivery_that_kills_its_worker_three_times_is_held_and_others_go_on(
    system: System, post: ScriptedChannel
) -> None:
    plan(system, "poison")
    for _ in range(rules.MOST_CRASHES):
        handover.claim(system, post)
        end_leases(system)
    plan(system, "fine")
    handover.drain(system, "mail")
    assert states(system) == {"poison": "held", "fine": "accepted"}
    assert post.ledger == ["fine"]


def test_the_last_look_may_stop_it(database: Database, tmp_path: Path, post: ScriptedChannel) -> None:
    seen: list[Result] = []

    def before(_db: Session, planned: Planned, _now: datetime) -> Go | Stop:
        return Stop("It was paid meanwhile.", hold=planned.key == "hold") if planned.key != "go" else Go()

    def after(_db: Session, _planned: Planned, result: Result, _now: datetime) -> None:
        seen.append(result)

    with opened(database, tmp_path, clock=MovableClock(), channels={"mail": post}) as system:
        system.parts.deliveries[KIND] = DeliveryKind(KIND, before, after)  # type: ignore[index]
        for key in ("paid", "hold", "go"):
            plan(system, key)
        handover.drain(system, "mail")
        assert states(system) == {"paid": "cancelled", "hold": "held", "go": "accepted"}
        assert post.ledger == ["go"]
        assert sorted(result.state for result in seen) == ["accepted", "cancelled", "held"]


@pytest.mark.parametrize(
    ("resolution", "state", "sent"),
    [("again", "accepted", ["a", "a"]), ("accepted", "accepted", ["a"]), ("refused", "refused", ["a"])],
)
def test_a_person_resolves_an_unknown(
    system: System, post: ScriptedChannel, resolution: str, state: str, sent: list[str]
) -> None:
    post.script = ["unknown after"]
    plan(system, "a")
    handover.drain(system, "mail")
    with system.sessions.begin() as db:
        service.resolve(
            db,
            one(system, "a").id,
            resolution,
            kinds=system.parts.deliveries,
            note="I asked them",
            actor="Alice",
            now=system.clock(),
        )
    handover.drain(system, "mail")
    assert states(system) == {"a": state}
    assert post.ledger == sent
    with system.sessions.begin() as db:
        (event,) = journal.timeline(db, kind="outbox.resolved")
        assert (event.actor, event.detail["was"]) == ("Alice", "unknown")


def test_what_is_accepted_cannot_be_resolved_again(system: System) -> None:
    plan(system, "a")
    handover.drain(system, "mail")
    with pytest.raises(Conflict, match="accepted"), system.sessions.begin() as db:
        service.resolve(
            db, one(system, "a").id, "again", kinds={}, note="", actor="Alice", now=system.clock()
        )


def test_pauses_grow_stay_bounded_and_honour_what_was_asked() -> None:
    pauses = [rules.pause_before(attempt, asked_for=None, dice=99) for attempt in range(1, 60)]
    assert pauses == sorted(pauses)
    assert pauses[0] < timedelta(seconds=16)
    assert pauses[-1] <= timedelta(hours=1)
    assert rules.pause_before(1, asked_for=timedelta(minutes=9), dice=0) == timedelta(minutes=9)
    assert rules.pause_before(1, asked_for=timedelta(days=9), dice=0) == timedelta(hours=1)


def test_every_state_that_may_move_is_found_by_the_sweep(system: System, clock: MovableClock) -> None:
    plan(system, "a")
    with system.sessions.begin() as db:
        assert queries.channels_with_work(db, now=clock()) == ["mail"]
        db.execute(
            update(Delivery).values(state=State.HANDING, lease_until=func.now() - timedelta(seconds=1))
        )
    with system.sessions.begin() as db:
        assert queries.channels_with_work(db, now=clock()) == ["mail"]
        db.execute(update(Delivery).values(state=State.ACCEPTED, lease_until=None))
    with system.sessions.begin() as db:
        assert queries.channels_with_work(db, now=clock()) == []


def test_a_list_loads_no_bytes(system: System) -> None:
    plan(system, "a")
    with system.sessions.begin() as db:
        (one,) = queries.listed(db)
        assert {"payload", "sealed"} <= inspect(one).unloaded
