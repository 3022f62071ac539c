"""Use cases of somebody's telephone number: verify it by a code, switch SMS on and off, take it away.

They count what everybody asks for, so they need a transaction of the house.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, TooMany
from recoup.core.ids import new_id
from recoup.core.parts import DeliveryKind, Go, Planned, Result, Stop
from recoup.core.system import Alert
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.notices import queries
from recoup.office.notices.controls import CODES_PER_DAY
from recoup.office.notices.models import NumberCode, Phone
from recoup.office.notices.rules import limits, numbers, texts
from recoup.office.notices.service.telling import SUBJECT
from recoup.office.notices.ways import SMS, Ways
from recoup.office.outbox import rules as outbox_rules
from recoup.office.outbox import service as outbox
from recoup.office.outbox.models import State
from recoup.office.people.rules import secrets
from recoup.office.people.rules.limits import seconds_until

_KEY = "notices:code:"
NO_SMS = "SMS are not set up here."


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way to ``number``; it works until ``expires_at``."""

    number: str
    expires_at: datetime


def request_code(
    db: Session,
    *,
    person_id: UUID,
    typed: str,
    house: str,
    ways: Ways,
    alert: Alert,
    actor: str,
    now: datetime,
) -> Asked:
    """Plan the SMS with the code that verifies a number; an earlier code works no more.

    Raise Conflict where SMS are not set up or the number is verified already, Invalid for what is no number that may
    be texted, and TooMany with the seconds to wait: for the person, for the number, or for the whole house.
    """
    if not ways.sms:
        raise Conflict(NO_SMS, fix="An administrator sets them up in [notices].")
    number = numbers.read(typed, ways.prefixes)
    lock(db, "recoup.notices.codes")  # what is counted must not change before what is counted is written
    known = queries.phone(db, person_id)
    if known is not None and known.number == number:
        raise Conflict("This number is verified already.")
    per_day = controls.value(db, CODES_PER_DAY)
    _refuse_too_many(db, person_id, number, per_day=per_day, now=now)
    _end_open(db, person_id, now=now)
    code, salt = secrets.new_code(limits.CODE_LENGTH), secrets.new_salt()
    made = NumberCode(
        id=new_id(),
        person_id=person_id,
        number=number,
        salt=salt,
        code_hash=secrets.code_hash(code, salt=salt, pepper=ways.pepper),
        tries=0,
        created_at=now,
        expires_at=now + limits.CODE_LIFE,
    )
    db.add(made)
    db.flush()
    _plan(db, made, code=code, house=house, ways=ways, now=now)
    journal.record(
        db,
        "notices.code_sent",
        f"{SUBJECT}{person_id}",
        actor=actor,
        now=now,
        number=numbers.masked(number),
    )
    _alert_of_the_last(db, per_day=per_day, alert=alert, now=now)
    return Asked(number, made.expires_at)


def confirm(db: Session, *, person_id: UUID, typed: str, ways: Ways, actor: str, now: datetime) -> bool:
    """Keep the number whose code is shown, and say whether it fits. The guess is counted either way: commit it.

    What was wrong is not said: the code, too many guesses, too late.
    """
    counted = (
        update(NumberCode)
        .where(
            NumberCode.person_id == person_id,
            NumberCode.used_at.is_(None),
            NumberCode.ended_at.is_(None),
            NumberCode.expires_at > now,
            NumberCode.tries < limits.CODE_TRIES,
        )
        .values(tries=NumberCode.tries + 1)
        .returning(NumberCode.id, NumberCode.number, NumberCode.salt, NumberCode.code_hash)
    )
    guess = db.execute(counted).one_or_none()
    if guess is None:
        return False
    shown = secrets.code_hash(secrets.typed(typed)[:20], salt=guess.salt, pepper=ways.pepper)
    if not secrets.same(shown, guess.code_hash):
        return False
    db.execute(update(NumberCode).where(NumberCode.id == guess.id).values(used_at=now))
    phone = queries.phone(db, person_id, for_update=True)
    if phone is None:
        phone = Phone(person_id=person_id, sent=0)
        db.add(phone)
    phone.number, phone.verified_at = guess.number, now
    phone.is_wanted, phone.off_reason = True, None
    db.flush()
    journal.record(
        db,
        "notices.number_verified",
        f"{SUBJECT}{person_id}",
        actor=actor,
        now=now,
        number=numbers.masked(guess.number),
    )
    return True


def switch(db: Session, *, person_id: UUID, on: bool, actor: str, now: datetime) -> None:
    """Switch SMS on or off for somebody; raise Conflict where no number is verified."""
    phone = queries.phone(db, person_id, for_update=True)
    if phone is None:
        raise Conflict("No number is verified yet.", fix="Type your number first.")
    if phone.is_wanted == on:
        return
    phone.is_wanted, phone.off_reason = on, None
    db.flush()
    journal.record(
        db,
        "notices.switched",
        f"{SUBJECT}{person_id}",
        actor=actor,
        now=now,
        way=SMS,
        on="on" if on else "off",
    )


def remove(db: Session, *, person_id: UUID, actor: str, now: datetime) -> None:
    """Take somebody's number away, and the code that is on its way; without any this does nothing."""
    _end_open(db, person_id, now=now)
    gone = db.execute(delete(Phone).where(Phone.person_id == person_id).returning(Phone.number)).first()
    if gone is not None:
        journal.record(
            db,
            "notices.number_removed",
            f"{SUBJECT}{person_id}",
            actor=actor,
            now=now,
            number=numbers.masked(gone.number),
        )


def clean(db: Session, now: datetime) -> None:
    """Throw away requests for codes that nobody needs to count any more."""
    db.execute(delete(NumberCode).where(NumberCode.created_at < now - limits.KEPT))


def _end_open(db: Session, person_id: UUID, *, now: datetime) -> None:
    still_open = update(NumberCode).where(
        NumberCode.person_id == person_id, NumberCode.used_at.is_(None), NumberCode.ended_at.is_(None)
    )
    db.execute(still_open.values(ended_at=now))


def _refuse_too_many(db: Session, person_id: UUID, number: str, *, per_day: int, now: datetime) -> None:
    since = now - limits.A_DAY
    until = limits.codes_free_again(
        person=queries.codes_of(db, person_id, since=since),
        number=queries.codes_to(db, number, since=since),
        house=queries.newest_codes(db, since=since, limit=max(per_day, 1)),
        per_day=per_day,
        now=now,
    )
    if until is None:
        return
    seconds = seconds_until(until, now=now)
    wait = f"{seconds} seconds" if seconds <= 2 * 60 else f"{-(-seconds // 60)} minutes"
    raise TooMany(
        "Too many codes were asked for.",
        fix=f"Wait {wait}. A code that you have already can still be used.",
        retry_after=seconds,
    )


def _alert_of_the_last(db: Session, *, per_day: int, alert: Alert, now: datetime) -> None:
    """Tell the administrators when the house's last code of the day left: it is a rush, or somebody makes us text."""
    left = queries.newest_codes(db, since=now - limits.A_DAY, limit=per_day + 1)
    if len(left) >= per_day:
        alert(
            db,
            key="notices.codes",
            title="No more codes by SMS today",
            text=f"{per_day} codes that verify a telephone number left within 24 hours, and no more do until some are "
            "older. If that is no rush of customers, somebody makes us pay for texts: see in the journal who asked. "
            f"The number is {CODES_PER_DAY.name}.",
            now=now,
        )


def _plan(db: Session, made: NumberCode, *, code: str, house: str, ways: Ways, now: datetime) -> None:
    key = f"{_KEY}{made.id}"
    minutes = int(limits.CODE_LIFE / timedelta(minutes=1))

    def said(shown: str) -> bytes:
        text = texts.code(shown, house=house, minutes=minutes)
        return json.dumps({"to": made.number, "text": text}, ensure_ascii=False).encode()

    outbox.plan(
        db,
        outbox.Plan(
            key=key,
            kind=CODE_KIND.name,
            channel=SMS,
            subject=f"{SUBJECT}{made.person_id}",
            payload=said(texts.CODE_DOTS),
            headers={"to": made.number},
            sealed=ways.sealer.seal(said(code), about=outbox_rules.sealed_for(key)),
        ),
        now=now,
    )


def _code_of(db: Session, planned: Planned) -> NumberCode | None:
    return queries.code(db, UUID(planned.key.removeprefix(_KEY)))


def _before(db: Session, planned: Planned, now: datetime) -> Go | Stop:
    code = _code_of(db, planned)
    if code is None or code.used_at is not None or code.ended_at is not None or code.expires_at <= now:
        return Stop("Nobody waits for this code any more.")
    return Go()


def _after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    if result.state != State.REFUSED:
        return
    code = _code_of(db, planned)
    if code is not None:
        code.refused = "The SMS could not be sent to this number."
    journal.record(
        db,
        "notices.refused",
        planned.subject,
        actor="notices",
        now=now,
        way=SMS,
        delivery=str(planned.id),
        reason=result.reason,
    )


CODE_KIND = DeliveryKind("notices.code", before=_before, after=_after)
"""A code on its way: it does not leave once nobody waits for it."""
