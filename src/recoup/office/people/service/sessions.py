"""Use cases of sessions: open one, renew it under a new token, end one or all of a person's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from recoup.core.errors import NotFound, Unauthorised
from recoup.core.ids import new_id
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.controls import SESSION_HOURS
from recoup.office.people.models import ApiKey, Factor, Link, Person, SignIn
from recoup.office.people.rules import secrets, sessions
from recoup.office.people.rules.limits import Client
from recoup.office.people.service.house import as_house


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened. ``token`` goes into the browser's cookie, or nowhere (a program's is "")."""

    session: UUID
    person: UUID
    address: str
    expires_at: datetime
    missing: sessions.Missing
    """What has to be shown or set up before anything else."""
    token: str = field(repr=False)


def open_session(
    db: Session,
    person: Person,
    *,
    kind: str,
    client: Client,
    now: datetime,
    factor: Factor = Factor.NONE,
    how: str,
) -> Opened:
    """Open a session for somebody who proved who they are; ``how`` says by what, for the journal."""
    hours = controls.value(db, SESSION_HOURS)
    token = secrets.new_token() if kind == "browser" else ""
    row = SignIn(
        id=new_id(),
        person_id=person.id,
        kind=kind,
        token_hash=secrets.token_hash(token) if token else None,
        created_at=now,
        proven_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=hours),
        address=client.address,
        agent=client.agent,
        factor=factor,
        factor_at=None if factor == Factor.NONE else now,
    )
    db.add(row)
    person.last_seen_at = now
    db.flush()
    subject = f"people/person/{person.id}"
    journal.record(
        db, "people.signed_in", subject, actor=f"person:{person.address}", now=now, how=how, by=kind
    )
    return _opened(db, person, row, token)


def renewed(db: Session, old: SignIn, *, factor: Factor, client: Client, now: datetime) -> Opened:
    """End a session and open it again under a new token, with the second factor that was just shown.

    It does not last longer for that. Raise Unauthorised where the old one was ended meanwhile.
    """
    person = queries.by_id(db, old.person_id)
    ended = update(SignIn).where(SignIn.id == old.id, SignIn.ended_at.is_(None))
    taken = db.execute(ended.values(ended_at=now, ended_by="renewed").returning(SignIn.id)).first()
    if person is None or taken is None:
        raise Unauthorised("This session is over.", fix="Sign in again.")
    token = secrets.new_token() if old.kind == "browser" else ""
    row = SignIn(
        id=new_id(),
        person_id=old.person_id,
        kind=old.kind,
        token_hash=secrets.token_hash(token) if token else None,
        created_at=now,
        proven_at=old.proven_at,
        last_seen_at=now,
        expires_at=old.expires_at,
        address=client.address,
        agent=client.agent,
        factor=factor,
        factor_at=None if factor == Factor.NONE else now,
        rotated_from=old.id,
    )
    db.add(row)
    db.flush()
    return _opened(db, person, row, token)


def sign_out(db: Session, session_id: UUID, *, actor: str, now: datetime) -> None:
    """End the session that asks; one that is over already stays so."""
    found = queries.session(db, session_id, for_update=True)
    if found is not None and found.ended_at is None:
        found.ended_at, found.ended_by = now, "signed out"
        journal.record(db, "people.signed_out", f"people/person/{found.person_id}", actor=actor, now=now)


def end_session(db: Session, session_id: UUID, *, of: UUID | None, actor: str, now: datetime) -> None:
    """End a session from elsewhere. ``of``: only where it is this person's; None: anybody's (administrators).

    Raise NotFound for one that is not theirs, as for one that is not there.
    """
    found = queries.session(db, session_id, for_update=True)
    if found is None or (of is not None and found.person_id != of):
        raise NotFound(f"There is no session {session_id}.", fix="See the list of sessions.")
    if found.ended_at is None:
        found.ended_at, found.ended_by = now, actor
        journal.record(
            db,
            "people.session_ended",
            f"people/person/{found.person_id}",
            actor=actor,
            now=now,
            session=str(session_id),
        )


def end_sessions(db: Session, person_id: UUID, *, reason: str, now: datetime, but: UUID | None = None) -> int:
    """End a person's sessions, all ``but`` one; return how many."""
    going = update(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None))
    if but is not None:
        going = going.where(SignIn.id != but)
    ended = going.values(ended_at=now, ended_by=reason).returning(SignIn.id)
    return len(db.execute(ended).all())


def end_everything(db: Session, person_id: UUID, *, reason: str, now: datetime) -> int:
    """End a person's sessions, tokens, keys and open links at once; return how many sessions there were."""
    ended = end_sessions(db, person_id, reason=reason, now=now)
    keys = update(ApiKey).where(ApiKey.person_id == person_id, ApiKey.revoked_at.is_(None))
    db.execute(keys.values(revoked_at=now, revoked_by=reason))
    end_links(db, person_id, now=now)
    return ended


def end_links(db: Session, person_id: UUID, *, now: datetime) -> None:
    """Let no earlier link sign the person in."""
    links = update(Link).where(Link.person_id == person_id, Link.used_at.is_(None), Link.ended_at.is_(None))
    with as_house(db):
        db.execute(links.values(ended_at=now))


def _opened(db: Session, person: Person, row: SignIn, token: str) -> Opened:
    lacks = sessions.missing(
        role=person.role,
        factor_policy=person.factor_policy,
        factor=row.factor,
        has_factor=queries.has_factor(db, person.id),
    )
    return Opened(row.id, person.id, person.address, row.expires_at, lacks, token)
