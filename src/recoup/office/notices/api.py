"""The routes of one's own notices."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from fastapi import Depends, Response

from recoup.core.errors import Invalid
from recoup.core.system import Caller, System
from recoup.office.notices import own
from recoup.office.notices.schemas import (
    CodeShown,
    DeviceAsked,
    DeviceShown,
    NoticesShown,
    NumberAsked,
    NumberPromised,
    SwitchAsked,
    TestShown,
)
from recoup.office.notices.service import devices, numbers, telling
from recoup.office.notices.service.devices import Given
from recoup.office.notices.ways import Ways
from recoup.office.people import shown
from recoup.office.people.api.house import From, HouseDb, OneSelf
from recoup.office.people.here import portal_of
from recoup.web.auth import Actor, may
from recoup.web.deps import Now, Router, Running

router = Router(prefix="/notices", tags=["notices"])

LOOK, CHANGE = Depends(may("account.look")), Depends(may("account.change"))
WRONG = "This code does not fit, or no longer."
AGAIN = "Look at the newest SMS, or ask for another code."


def person_of(me: Caller) -> UUID:
    """Return who is asking."""
    if me.person is None:  # pragma: no cover - asked for before
        raise AssertionError("nobody is asking")
    return me.person


def house_of(system: System) -> str:
    """Return what this installation is called in a text: the name that people type."""
    return portal_of(system.settings).partition("://")[2]


@router.get("/mine", summary="One's own notices by SMS and to browsers", dependencies=[LOOK])
def mine(db: HouseDb, system: Running, me: OneSelf, now: Now) -> NoticesShown:
    """Return the number, the browsers, and what this installation offers."""
    return NoticesShown.of(own.of(db, person_of(me), ways=Ways.of(system.settings), now=now))


@router.put("/mine", summary="Switch SMS on or off", dependencies=[CHANGE])
def switch(
    *, db: HouseDb, system: Running, me: OneSelf, actor: Actor, now: Now, asked: SwitchAsked
) -> NoticesShown:
    """Switch SMS to the verified number on or off."""
    numbers.switch(db, person_id=person_of(me), on=asked.sms, actor=actor, now=now)
    return NoticesShown.of(own.of(db, person_of(me), ways=Ways.of(system.settings), now=now))


@router.post(
    "/mine/number", summary="Have a code sent to a telephone", status_code=202, dependencies=[CHANGE]
)
def ask(
    *, db: HouseDb, system: Running, me: OneSelf, actor: Actor, now: Now, asked: NumberAsked
) -> NumberPromised:
    """Send a code by SMS; the number counts once the code is shown."""
    found = numbers.request_code(
        db,
        person_id=person_of(me),
        typed=asked.number,
        house=house_of(system),
        ways=Ways.of(system.settings),
        alert=system.alert,
        actor=actor,
        now=now,
    )
    return NumberPromised(number=found.number, expires_in=int((found.expires_at - now).total_seconds()))


@router.post("/mine/number/code", summary="Show the code that came by SMS", dependencies=[CHANGE])
def confirm(*, system: Running, me: OneSelf, actor: Actor, now: Now, asked: CodeShown) -> NoticesShown:
    """Verify the number, and switch SMS on. Five wrong codes end it."""
    ways = Ways.of(system.settings)
    with system.sessions.begin() as db:  # of its own: a guess stays counted, whatever is answered
        fits = numbers.confirm(db, person_id=person_of(me), typed=asked.code, ways=ways, actor=actor, now=now)
        found = own.of(db, person_of(me), ways=ways, now=now)
    if not fits:
        raise Invalid(WRONG, fix=AGAIN)
    return NoticesShown.of(found)


@router.delete("/mine/number", summary="Take one's number away", status_code=204, dependencies=[CHANGE])
def remove_number(db: HouseDb, me: OneSelf, actor: Actor, now: Now) -> Response:
    """Forget the number, and the code that is on its way."""
    numbers.remove(db, person_id=person_of(me), actor=actor, now=now)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/mine/devices", summary="Have a browser told", status_code=201, dependencies=[CHANGE])
def subscribe(
    *, db: HouseDb, system: Running, me: OneSelf, client: From, actor: Actor, now: Now, asked: DeviceAsked
) -> DeviceShown:
    """Keep what a browser answered when it was asked to subscribe; ten at most."""
    given = Given(asked.endpoint, asked.p256dh, asked.auth, asked.label)
    made = devices.subscribe(
        db,
        person_id=person_of(me),
        given=given,
        agent=shown.device(client.agent),
        ways=Ways.of(system.settings),
        actor=actor,
        now=now,
    )
    return DeviceShown.model_validate(made)


@router.delete(
    "/mine/devices/{device_id}", summary="Have a browser told no more", status_code=204, dependencies=[CHANGE]
)
def remove_device(db: HouseDb, me: OneSelf, actor: Actor, now: Now, device_id: UUID) -> Response:
    """Forget a browser."""
    devices.remove(db, device_id, person_id=person_of(me), actor=actor, now=now)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/mine/test", summary="Have a test sent by every way that is on", status_code=202, dependencies=[CHANGE]
)
def test(db: HouseDb, system: Running, me: OneSelf, now: Now) -> TestShown:
    """Send a test, at most one a minute."""
    portal = portal_of(system.settings)
    sent = telling.test(
        db,
        person_id=person_of(me),
        house=house_of(system),
        link=f"{portal}/desk/account",
        ways=Ways.of(system.settings),
        now=now,
    )
    return TestShown(ways=sent)
