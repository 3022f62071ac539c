"""Telling somebody in a few words, planned in the transaction of what it tells of; the last look before it leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, Misconfigured
from recoup.core.parts import DeliveryKind, Go, Planned, Result, Stop
from recoup.core.push import GONE
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.notices import queries
from recoup.office.notices.controls import SMS_PER_DAY
from recoup.office.notices.models import Phone, Subscription, about_subscription
from recoup.office.notices.queries import Way
from recoup.office.notices.rules import limits, numbers, texts
from recoup.office.notices.ways import PUSH, SMS, Ways
from recoup.office.outbox import rules as outbox_rules
from recoup.office.outbox import service as outbox
from recoup.office.outbox.models import State
from recoup.office.outbox.service import Plan

SUBJECT = "notices/person/"
OPTED_OUT = 21610
"""How Twilio answers for who wrote STOP to us."""
UNREACHABLE = frozenset({OPTED_OUT, 21211, 21214, 21217, 21614, 30006})
"""Answers after which no text will ever reach this number."""


def tell(
    db: Session, *, key: str, person_id: UUID, title: str, text: str, link: str, ways: Ways, now: datetime
) -> list[UUID]:
    """Plan a notice in the caller's transaction, one delivery for each way that the person switched on; return the ids.

    ``title`` says who tells, ``text`` that something happened, without amounts and reasons; ``link`` leads to the
    rest. Where no way is on this costs one SELECT, where none is set up nothing. One notice leaves per ``key``: a
    second call plans nothing, whatever it would say.
    """
    if not (ways.sms or ways.push):
        return []
    found = [way for way in queries.ways_of(db, person_id) if ways.offers(way.channel)]
    if not found:
        return []
    lock(db, f"recoup.notice:{key}")
    if queries.was_told(db, key):
        return []
    plans = _plans(found, key=key, person_id=person_id, title=title, text=text, link=link, ways=ways)
    if not plans:
        return []
    ids = outbox.plan_all(db, plans, now=now)
    journal.record(
        db,
        "notices.planned",
        f"{SUBJECT}{person_id}",
        actor="notices",
        now=now,
        key=key,
        ways=", ".join(plan.channel for plan in plans),
    )
    return list(ids.values())


def test(db: Session, *, person_id: UUID, house: str, link: str, ways: Ways, now: datetime) -> int:
    """Tell somebody that notices arrive; return by how many ways. Within a minute a second test is none.

    Raise Conflict where no way is on.
    """
    if not [way for way in queries.ways_of(db, person_id) if ways.offers(way.channel)]:
        raise Conflict("No way of getting notices is on.", fix="Verify a number, or switch a browser on.")
    key = f"notices:test:{person_id}:{now:%Y%m%d%H%M}"
    said = "This is a test. Notices reach you here."
    return len(tell(db, key=key, person_id=person_id, title=house, text=said, link=link, ways=ways, now=now))


def _plans(
    found: Sequence[Way], *, key: str, person_id: UUID, title: str, text: str, link: str, ways: Ways
) -> list[Plan]:
    plans = []
    for way in found:
        if way.number is not None:
            if not numbers.allowed(way.number, ways.prefixes):  # its country was taken off the list since
                continue
            said = {"to": way.number, "text": texts.sms(title=title, text=text, link=link)}
            plans.append(
                Plan(
                    key=f"{key}:sms",
                    kind=SMS_KIND.name,
                    channel=SMS,
                    subject=f"{SUBJECT}{person_id}",
                    payload=_json(said),
                    headers={"to": way.number},
                )
            )
        elif way.subscription is not None and way.sealed is not None:
            push_key = f"{key}:push:{way.subscription}"
            notice = texts.push(title=title, text=text, link=link, key=key)
            try:
                opened = ways.sealer.open(way.sealed, about=about_subscription(way.subscription))
            except (
                Misconfigured
            ):  # what it tells of must not be undone because one browser's address cannot be read
                continue
            whole = _json({**json.loads(opened), "notice": notice})
            plans.append(
                Plan(
                    key=push_key,
                    kind=PUSH_KIND.name,
                    channel=PUSH,
                    subject=f"{SUBJECT}{person_id}",
                    payload=_json({"notice": notice}),
                    headers={"to": way.label or ""},
                    sealed=ways.sealer.seal(whole, about=outbox_rules.sealed_for(push_key)),
                )
            )
    return plans


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# ---------------------------------------------------------------- the last look, and what became of it


def _person(planned: Planned) -> UUID:
    return UUID(planned.subject.removeprefix(SUBJECT))


def _stale(db: Session, planned: Planned, now: datetime) -> Stop | None:
    if now - planned.created_at > limits.NEWS:
        return Stop("It could not leave for a day, and is no news any more.")
    if not queries.is_active(db, _person(planned)):
        return Stop("The person may not come in any more.")
    return None


def _before_sms(db: Session, planned: Planned, now: datetime) -> Go | Stop:
    if stale := _stale(db, planned, now):
        return stale
    phone = queries.phone(db, _person(planned))
    if phone is None or not phone.is_wanted or phone.number != json.loads(planned.payload)["to"]:
        return Stop("SMS were switched off, or go to another number now.")
    most = controls.value(db, SMS_PER_DAY)
    if phone.sent_on == now.date() and phone.sent >= most:
        return Stop(f"The person got {most} SMS today already. The mail says the same.")
    return Go()


def _after_sms(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    if result.state not in {State.ACCEPTED, State.UNKNOWN, State.REFUSED}:
        return
    phone = queries.phone(db, _person(planned), for_update=True)
    is_same = phone is not None and phone.number == json.loads(planned.payload)["to"]
    if result.state == State.REFUSED:
        if phone is not None and is_same and result.answer.get("code") in UNREACHABLE:
            _switched_off(phone, result)
        _journal_refused(db, planned, result, way=SMS, now=now)
    elif phone is not None:
        phone.sent = phone.sent + 1 if phone.sent_on == now.date() else 1
        phone.sent_on = now.date()


def _switched_off(phone: Phone, result: Result) -> None:
    stopped = result.answer.get("code") == OPTED_OUT
    phone.is_wanted = False
    phone.off_reason = (
        "This number answered STOP. Send START from it to our number, then switch SMS on again."
        if stopped
        else "This number cannot get SMS."
    )


def _before_push(db: Session, planned: Planned, now: datetime) -> Go | Stop:
    if stale := _stale(db, planned, now):
        return stale
    device = queries.device(db, _subscription(planned))
    if device is None or device.person_id != _person(planned):
        return Stop("This browser was removed.")
    return Go()


def _after_push(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    subscription_id = _subscription(planned)
    if result.state == State.ACCEPTED:
        device = queries.device(db, subscription_id)
        if device is not None:
            device.last_used_at = now
    elif result.state == State.REFUSED:
        gone = result.reason.startswith(GONE)
        if gone:
            db.execute(delete(Subscription).where(Subscription.id == subscription_id))
        _journal_refused(db, planned, result, way=PUSH, now=now)


def _subscription(planned: Planned) -> UUID:
    return UUID(planned.key.rpartition(":")[2])


def _journal_refused(db: Session, planned: Planned, result: Result, *, way: str, now: datetime) -> None:
    journal.record(
        db,
        "notices.refused",
        planned.subject,
        actor="notices",
        now=now,
        way=way,
        delivery=str(planned.id),
        reason=result.reason,
    )


SMS_KIND = DeliveryKind("notices.sms", before=_before_sms, after=_after_sms)
PUSH_KIND = DeliveryKind("notices.push", before=_before_push, after=_after_push)
"""What the outbox asks before and after it hands over a notice."""
