"""The card of notices on one's own account page, and the forms in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.core.system import Caller, System
from recoup.office.notices import own
from recoup.office.notices.api import AGAIN, WRONG, house_of, person_of
from recoup.office.notices.service import devices, numbers, telling
from recoup.office.notices.service.devices import Given
from recoup.office.notices.ways import Ways
from recoup.office.people import shown
from recoup.office.people.api.house import From, HouseDb
from recoup.office.people.here import portal_of
from recoup.office.people.pages.account import Complete
from recoup.office.people.pages.doors import ACCOUNT, word
from recoup.web import pages
from recoup.web.auth import Actor
from recoup.web.deps import Now, Router, Running, Typed

NOTICES = f"{ACCOUNT}/notices"
CARD = f"{ACCOUNT}#notices"

router = Router(prefix=ACCOUNT)


def card(system: System, _db: Session, me: Caller, now: datetime) -> Mapping[str, Any]:
    """Return what the card shows of somebody."""
    with (
        system.sessions.begin() as house
    ):  # our public key stands beside the private one, which nobody else sees
        found = own.of(house, person_of(me), ways=Ways.of(system.settings), now=now)
    return {"own": found, "typed": "", "errors": {}, "runs": me.may("controls.change")}


@router.get("/notices")
def notices(request: Request, db: HouseDb, system: Running, me: Complete, now: Now) -> Response:
    """Show the card alone."""
    return _page(request, db, system, me, now=now)


@router.post("/notices/number")
def ask(
    *, request: Request, db: HouseDb, system: Running, me: Complete, actor: Actor, now: Now, typed: Typed
) -> Response:
    """Send a code to a number."""
    number = word(typed, "number")
    try:
        with db.begin_nested():
            found = numbers.request_code(
                db,
                person_id=person_of(me),
                typed=number,
                house=house_of(system),
                ways=Ways.of(system.settings),
                alert=system.alert,
                actor=actor,
                now=now,
            )
    except RecoupError as error:
        return _page(request, db, system, me, now=now, typed=number, errors={"number": error})
    return pages.lead_on(CARD, f"A code is on its way to {found.number}. Type it below.")


@router.post("/notices/code")
def confirm(
    *, request: Request, db: HouseDb, system: Running, me: Complete, actor: Actor, now: Now, typed: Typed
) -> Response:
    """Verify the number whose code is typed; a wrong one is counted."""
    ways = Ways.of(system.settings)
    if numbers.confirm(
        db, person_id=person_of(me), typed=word(typed, "code"), ways=ways, actor=actor, now=now
    ):
        return pages.lead_on(CARD, "Your number is verified. Notices come by SMS from now on.")
    return _page(request, db, system, me, now=now, errors={"code": f"{WRONG} {AGAIN}"})


@router.post("/notices/sms")
def switch(db: HouseDb, me: Complete, actor: Actor, now: Now, typed: Typed) -> Response:
    """Switch SMS on or off."""
    on = word(typed, "on") == "yes"
    numbers.switch(db, person_id=person_of(me), on=on, actor=actor, now=now)
    return pages.lead_on(CARD, f"Notices by SMS are {'on' if on else 'off'}.")


@router.post("/notices/number/remove")
def remove_number(db: HouseDb, me: Complete, actor: Actor, now: Now) -> Response:
    """Forget the number, or the one whose code is awaited."""
    numbers.remove(db, person_id=person_of(me), actor=actor, now=now)
    return pages.lead_on(CARD, "The number was removed.")


@router.post("/notices/devices/{device_id}/remove")
def remove_device(db: HouseDb, me: Complete, actor: Actor, now: Now, device_id: UUID) -> Response:
    """Forget a browser."""
    devices.remove(db, device_id, person_id=person_of(me), actor=actor, now=now)
    return pages.lead_on(CARD, "The device was removed, and is told no more.")


@router.post("/notices/test")
def test(db: HouseDb, system: Running, me: Complete, now: Now) -> Response:
    """Send a test by every way that is on."""
    sent = telling.test(
        db,
        person_id=person_of(me),
        house=house_of(system),
        link=f"{portal_of(system.settings)}{ACCOUNT}",
        ways=Ways.of(system.settings),
        now=now,
    )
    said = "A test is on its way." if sent else "A test left less than a minute ago."
    return pages.lead_on(CARD, said)


@router.post("/push")
def subscribe(
    *, db: HouseDb, system: Running, me: Complete, client: From, actor: Actor, now: Now, typed: Typed
) -> Response:
    """Keep what a browser answered when it was asked to subscribe; our script sends it, and loads the page anew."""
    given = Given(word(typed, "endpoint"), word(typed, "p256dh"), word(typed, "auth"), word(typed, "label"))
    devices.subscribe(
        db,
        person_id=person_of(me),
        given=given,
        agent=shown.device(client.agent),
        ways=Ways.of(system.settings),
        actor=actor,
        now=now,
    )
    return pages.lead_on(ACCOUNT)


@router.post("/push/off")
def unsubscribe(db: HouseDb, me: Complete, actor: Actor, now: Now, typed: Typed) -> Response:
    """Forget the browser that asks, by the address that it gave; one that is not known is fine."""
    devices.forget(db, word(typed, "endpoint"), person_id=person_of(me), actor=actor, now=now)
    return pages.lead_on(ACCOUNT)


def _page(
    request: Request,
    db: Session,
    system: System,
    me: Caller,
    *,
    now: datetime,
    typed: str = "",
    errors: Mapping[str, RecoupError | str] | None = None,
) -> Response:
    found = own.of(db, person_of(me), ways=Ways.of(system.settings), now=now)
    told = {
        name: error.sentence() if isinstance(error, RecoupError) else error
        for name, error in (errors or {}).items()
    }
    context = {"own": found, "typed": typed, "errors": told, "runs": me.may("controls.change")}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if told else HTTPStatus.OK
    return pages.render(request, "notices/notices.html", status=status, card=context)
