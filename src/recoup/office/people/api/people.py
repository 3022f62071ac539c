"""The routes of people for administrators, and the access log."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query

from recoup.office.people import queries
from recoup.office.people.api.house import From
from recoup.office.people.here import portal_of
from recoup.office.people.permissions import Role
from recoup.office.people.schemas import (
    AccessShown,
    Ended,
    PersonAsked,
    PersonShown,
    RoleAsked,
    SessionShown,
)
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, invitations, people, sessions
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.paging import Before, Limit
from recoup.web.wire import Page, Word, found, page_of

router = Router(tags=["people"])

LOOK, CHANGE = Depends(may("people.look")), Depends(may("people.change"))
Action = Literal["opened", "downloaded", "changed", "signed in", "signed out", "refused"]


@router.get("/people", summary="Who may come in, newest first", dependencies=[LOOK])
def listed(
    *,
    db: Db,
    text: Annotated[Word | None, Query(description="Stands somewhere in the address or the name.")] = None,
    role: Role | None = None,
    state: Literal["active", "disabled"] | None = None,
    before: Before = None,
    limit: Limit = 50,
) -> Page[PersonShown]:
    """Return people."""
    rows = queries.listed(db, text=text, role=role, state=state, before=before, limit=limit + 1)
    return page_of(PersonShown, rows, limit=limit)


@router.post("/people", summary="Add somebody", status_code=201, dependencies=[CHANGE])
def add(db: Db, system: Running, actor: Actor, now: Now, asked: PersonAsked) -> PersonShown:
    """Add somebody; with ``invite`` a link is mailed that signs them in once."""
    if not asked.invite:
        person = people.add(db, address=asked.address, role=asked.role, name=asked.name, actor=actor, now=now)
        return PersonShown.model_validate(person)
    invited = invitations.invite(
        db,
        mails_leave=True,
        address=asked.address,
        role=asked.role,
        name=asked.name,
        portal=portal_of(system.settings),
        sealer=Keys.of(system.settings).sealer,
        sender=system.settings.mail.sender,
        actor=actor,
        now=now,
    )
    return PersonShown.model_validate(invited.person)


@router.get("/people/{person_id}", summary="Somebody", dependencies=[LOOK])
def one(db: Db, person_id: UUID) -> PersonShown:
    """Return somebody."""
    return PersonShown.model_validate(
        found(queries.by_id(db, person_id), f"person {person_id}", see="people list")
    )


@router.post("/people/{person_id}/role", summary="Make somebody something else", dependencies=[CHANGE])
def change_role(db: Db, actor: Actor, now: Now, person_id: UUID, asked: RoleAsked) -> PersonShown:
    """Change a role; sessions, tokens and keys of the person end at once."""
    return PersonShown.model_validate(people.change_role(db, person_id, asked.role, actor=actor, now=now))


@router.post("/people/{person_id}/disable", summary="Keep somebody out", dependencies=[CHANGE])
def disable(db: Db, actor: Actor, now: Now, person_id: UUID) -> PersonShown:
    """Keep somebody out; sessions, tokens and keys of the person end at once."""
    return PersonShown.model_validate(people.disable(db, person_id, actor=actor, now=now))


@router.post("/people/{person_id}/enable", summary="Let somebody in again", dependencies=[CHANGE])
def enable(db: Db, actor: Actor, now: Now, person_id: UUID) -> PersonShown:
    """Let somebody in again."""
    return PersonShown.model_validate(people.enable(db, person_id, actor=actor, now=now))


@router.get("/people/{person_id}/sessions", summary="Somebody's sessions", dependencies=[LOOK])
def sessions_of(db: Db, person_id: UUID) -> Page[SessionShown]:
    """Return where somebody is signed in."""
    return page_of(SessionShown, queries.sessions_of(db, person_id))


@router.post(
    "/people/{person_id}/end-sessions", summary="Sign somebody out everywhere", dependencies=[CHANGE]
)
def end_sessions(db: Db, actor: Actor, now: Now, person_id: UUID) -> Ended:
    """End every session of somebody."""
    return Ended(ended=people.end_all(db, person_id, actor=actor, now=now))


@router.delete(
    "/people/{person_id}/sessions/{session_id}",
    summary="End one session of somebody",
    status_code=204,
    dependencies=[CHANGE],
)
def end_session(db: Db, actor: Actor, now: Now, person_id: UUID, session_id: UUID) -> None:
    """End one session of somebody."""
    sessions.end_session(db, session_id, of=person_id, actor=actor, now=now)


@router.post(
    "/people/{person_id}/factors/reset",
    summary="Take somebody's second factors away",
    status_code=204,
    dependencies=[CHANGE],
)
def reset_factors(*, db: Db, system: Running, actor: Actor, now: Now, client: From, person_id: UUID) -> None:
    """Take all second factors away, because they were lost; the person enrols anew."""
    sender = system.settings.mail.sender
    factors.reset(db, person_id, actor=actor, sender=sender, client=client, now=now)


@router.get("/access-log", summary="Who did what, newest first", dependencies=[Depends(may("access.look"))])
def access_log(
    db: Db, person: UUID | None = None, action: Action | None = None, before: Before = None, limit: Limit = 50
) -> Page[AccessShown]:
    """Return lines of the access log."""
    rows = queries.access(db, person=person, action=action, before=before, limit=limit + 1)
    return page_of(AccessShown, rows, limit=limit)
