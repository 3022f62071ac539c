"""One person, for administrators: what they are, hold and did, and everything that can be done about it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid, RecoupError
from recoup.core.system import Caller, System
from recoup.office.controls import service as controls
from recoup.office.journal import queries as journal
from recoup.office.people import queries, queries_pages, shown
from recoup.office.people.api.house import From
from recoup.office.people.controls import SESSION_IDLE_MINUTES
from recoup.office.people.here import portal_of
from recoup.office.people.pages.doors import PEOPLE, mails_leave, word
from recoup.office.people.pages.people import mail_of
from recoup.office.people.permissions import NEEDS_SECOND_FACTOR, Role
from recoup.office.people.service import factors, invitations, keys, sessions
from recoup.office.people.service import people as service
from recoup.web import pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import found

MOST_LINES = 15

router = Router(prefix=f"{PEOPLE}/{{person_id}}", dependencies=[Depends(may("people.look"))])

CHANGE = Depends(may("people.change"))


@router.get("")
def person(*, request: Request, db: Db, system: Running, me: SignedIn, now: Now, person_id: UUID) -> Response:
    """Show one person."""
    return _page(request, db, system, me, person_id, now=now)


@router.post("/role", dependencies=[CHANGE])
def change_role(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: SignedIn,
    actor: Actor,
    now: Now,
    person_id: UUID,
    typed: Typed,
) -> Response:
    """Make somebody something else; what they hold ends at once."""
    try:
        with db.begin_nested():
            role = _role(word(typed, "role"))
            changed = service.change_role(db, person_id, role, actor=actor, now=now)
    except RecoupError as error:
        return _page(request, db, system, me, person_id, now=now, problem=error)
    return _done(person_id, f"{changed.address} is {changed.role} now, and signs in anew.")


@router.post("/disable", dependencies=[CHANGE])
def disable(
    *, request: Request, db: Db, system: Running, me: SignedIn, actor: Actor, now: Now, person_id: UUID
) -> Response:
    """Keep somebody out; what they hold ends at once."""
    try:
        with db.begin_nested():
            changed = service.disable(db, person_id, actor=actor, now=now)
    except RecoupError as error:
        return _page(request, db, system, me, person_id, now=now, problem=error)
    return _done(person_id, f"{changed.address} may not come in any more.")


@router.post("/enable", dependencies=[CHANGE])
def enable(db: Db, actor: Actor, now: Now, person_id: UUID) -> Response:
    """Let somebody in again."""
    changed = service.enable(db, person_id, actor=actor, now=now)
    return _done(person_id, f"{changed.address} may come in again.")


@router.post("/policy", dependencies=[CHANGE])
def change_policy(db: Db, actor: Actor, now: Now, person_id: UUID, typed: Typed) -> Response:
    """Ask somebody for a second factor in any case, or as their role does."""
    changed = service.set_factor_policy(db, person_id, word(typed, "policy"), actor=actor, now=now)
    always = changed.factor_policy == "always"
    return _done(
        person_id,
        f"{changed.address} {'always needs' if always else 'needs only where the role does'} a second factor.",
    )


@router.post("/sessions/end", dependencies=[CHANGE])
def end_sessions(db: Db, actor: Actor, now: Now, person_id: UUID) -> Response:
    """Sign somebody out everywhere."""
    ended = service.end_all(db, person_id, actor=actor, now=now)
    return _done(person_id, f"{ended:,} {'session was' if ended == 1 else 'sessions were'} ended.")


@router.post("/sessions/{session_id}/end", dependencies=[CHANGE])
def end_session(db: Db, actor: Actor, now: Now, person_id: UUID, session_id: UUID) -> Response:
    """Sign somebody out somewhere."""
    sessions.end_session(db, session_id, of=person_id, actor=actor, now=now)
    return _done(person_id, "The session was ended.")


@router.post("/keys/{key_id}/revoke", dependencies=[CHANGE])
def revoke_key(db: Db, actor: Actor, now: Now, person_id: UUID, key_id: UUID) -> Response:
    """Revoke a key of somebody."""
    keys.revoke_key(db, key_id, of=person_id, actor=actor, now=now)
    return _done(person_id, "The key was revoked.")


@router.post("/factors/reset", dependencies=[CHANGE])
def reset_factors(
    *, db: Db, system: Running, actor: Actor, now: Now, client: From, person_id: UUID
) -> Response:
    """Take somebody's second factors away, because they lost them."""
    sender = system.settings.mail.sender
    factors.reset(db, person_id, actor=actor, sender=sender, client=client, now=now)
    return _done(person_id, "The second factors are gone. They are told by mail, and set up new ones.")


@router.post("/link", dependencies=[CHANGE])
def link(
    *, request: Request, db: Db, system: Running, me: SignedIn, actor: Actor, now: Now, person_id: UUID
) -> Response:
    """Mail somebody another link, or show it where mails do not leave."""
    somebody = found(queries.by_id(db, person_id), f"person {person_id}", see="people list")
    try:
        with db.begin_nested():
            invited = invitations.welcome(
                db, somebody, mails_leave=mails_leave(db, system), **mail_of(system), actor=actor, now=now
            )
    except RecoupError as error:
        return _page(request, db, system, me, person_id, now=now, problem=error)
    if invited.printed is None:
        return _done(person_id, f"A mail with a link is on its way to {somebody.address}.")
    return pages.render(
        request,
        "people/link_made.html",
        person=somebody,
        link=f"{portal_of(system.settings)}{invited.printed.path}",
        until=invited.printed.expires_at,
    )


def _done(person_id: UUID, said: str) -> Response:
    return pages.lead_on(f"{PEOPLE}/{person_id}", said)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Invalid("There is no such role.", fix=f"Choose one of {', '.join(Role)}.") from None


def _page(
    request: Request,
    db: Session,
    system: System,
    me: Caller,
    person_id: UUID,
    *,
    now: datetime,
    problem: RecoupError | None = None,
) -> Response:
    somebody = found(queries.by_id(db, person_id), f"person {person_id}", see="people list")
    idle = controls.value(db, SESSION_IDLE_MINUTES)
    holding = queries_pages.sessions_that_hold(db, person_id, now=now, idle_minutes=idle)
    held_keys, app = queries.keys_of(db, person_id), queries.totp(db, person_id)
    return pages.render(
        request,
        "people/person.html",
        status=problem.status if problem else HTTPStatus.OK,
        problem=problem,
        person=somebody,
        is_me=me.person == person_id,
        roles=shown.ROLES,
        needs_factor=somebody.role in NEEDS_SECOND_FACTOR or somebody.factor_policy == "always",
        role_needs_factor=somebody.role in NEEDS_SECOND_FACTOR,
        sessions=holding,
        keys=held_keys,
        ends=shown.ends(len(holding), len(held_keys)),
        app=app if app is not None and app.confirmed_at is not None else None,
        passkeys=queries.passkeys_of(db, person_id),
        events=journal.timeline(db, subject=f"people/person/{person_id}", limit=MOST_LINES),
        visits=queries.access(db, person=person_id, limit=MOST_LINES) if me.may("access.look") else [],
        device=shown.device,
        event=shown.event,
        mails_leave=mails_leave(db, system),
    )
