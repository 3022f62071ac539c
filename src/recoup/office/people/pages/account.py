"""One's own account: who one is here, what one may do, where one is signed in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.core.system import Caller, System
from recoup.office.controls import service as controls
from recoup.office.people import queries, queries_pages, shown
from recoup.office.people.api.house import OneSelf
from recoup.office.people.controls import SESSION_HOURS, SESSION_IDLE_MINUTES
from recoup.office.people.pages.doors import ACCOUNT, SIGN_IN, onward, word
from recoup.office.people.service import own, people, sessions
from recoup.web import pages
from recoup.web.area import behind
from recoup.web.auth import Actor, permit
from recoup.web.deps import Db, Now, Router, Typed

router = Router(prefix="/desk/account")


def complete(me: OneSelf) -> Caller:
    """Return who is asking, once they showed what their role needs; account.change is what they lack before."""
    return permit(me, "account.change")


Complete = Annotated[Caller, Depends(complete)]


@router.get("")
def account(request: Request, db: Db, me: OneSelf, now: Now) -> Response:
    """Show who one is here; who still lacks a factor is led to it."""
    if me.missing:
        return pages.lead_on(onward(me.missing, ""))
    permit(me, "account.look")
    return _page(request, db, me, now=now)


@router.post("/profile")
def change_profile(
    *, request: Request, db: Db, me: Complete, actor: Actor, now: Now, typed: Typed
) -> Response:
    """Change a name and a time zone."""
    name, zone = word(typed, "name"), word(typed, "zone")
    try:
        with db.begin_nested():
            people.change_profile(db, _person(me), name=name, zone=zone, actor=actor, now=now)
    except RecoupError as error:
        field = "zone" if "time zone" in error.detail else "name"
        return _page(
            request, db, me, now=now, typed={"name": name, "zone": zone}, errors={field: error.sentence()}
        )
    return pages.lead_on(ACCOUNT, "Your profile was changed.")


@router.post("/sessions/end-others")
def end_others(db: Db, me: Complete, now: Now) -> Response:
    """Sign out everywhere else."""
    ended = own.end_others(db, caller=me, now=now)
    return pages.lead_on(
        ACCOUNT, f"{ended:,} other {'session was' if ended == 1 else 'sessions were'} ended."
    )


@router.post("/sessions/{session_id}/end")
def end_session(db: Db, me: Complete, actor: Actor, now: Now, session_id: UUID) -> Response:
    """Sign out somewhere else."""
    sessions.end_session(db, session_id, of=_person(me), actor=actor, now=now)
    if session_id == me.session:
        return pages.lead_on(SIGN_IN, "You ended this session.")
    return pages.lead_on(ACCOUNT, "The session was ended.")


def _person(me: Caller) -> UUID:
    if me.person is None:  # pragma: no cover - asked for before
        raise AssertionError("nobody is asking")
    return me.person


def _page(
    request: Request,
    db: Session,
    me: Caller,
    *,
    now: Now,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    system: System = request.app.state.system
    person = queries.by_id(db, _person(me))
    cards = [(one.template, behind(one.made_by)) for area in system.parts.desk for one in area.account]
    idle = controls.value(db, SESSION_IDLE_MINUTES)
    app = queries.totp(db, _person(me))
    return pages.render(
        request,
        "people/account.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        person=person,
        typed=typed or {},
        errors=errors or {},
        zones=shown.zones(),
        device=shown.device,
        can_do=shown.can_do(me.permissions),
        role_says=shown.ROLES.get(me.role, ""),
        sessions=queries_pages.sessions_that_hold(db, _person(me), now=now, idle_minutes=idle),
        idle_minutes=idle,
        hours=controls.value(db, SESSION_HOURS),
        keys=queries.keys_of(db, _person(me)),
        has_app=app is not None and app.confirmed_at is not None,
        passkeys=queries.passkeys_of(db, _person(me)),
        cards=[(template, make(system, db, me, now)) for template, make in cards],
    )
