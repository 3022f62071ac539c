"""Use cases of programs' tokens: an access token for a quarter of an hour, and a refresh token for the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.models import RefreshToken
from recoup.office.people.rules import access_tokens, secrets, sessions
from recoup.office.people.rules.access_tokens import Claims, Signer
from recoup.office.people.service.sessions import end_session


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a program gets: ``missing`` says what it may not do anything without."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    missing: sessions.Missing


@dataclass(frozen=True, slots=True)
class Replayed:
    """A refresh token was shown a second time: one of two holders is a thief, and neither goes on."""

    person: UUID
    name: str


def issue(
    db: Session, signer: Signer, *, session: UUID, person: UUID, missing: sessions.Missing, now: datetime
) -> Tokens:
    """Give a program's session its next pair of tokens."""
    refresh = secrets.new_token()
    row = RefreshToken(
        token_hash=secrets.token_hash(refresh), session_id=session, person_id=person, created_at=now
    )
    db.add(row)
    access = access_tokens.issue(signer, Claims(person, session), now=now)
    return Tokens(access, refresh, int(access_tokens.LIFETIME.total_seconds()), missing)


def rotate(db: Session, signer: Signer, token: str, *, now: datetime) -> Tokens | Replayed | None:
    """Change a refresh token for the next pair. One that was changed before ends the whole session."""
    digest = secrets.token_hash(token)
    taken = update(RefreshToken).where(RefreshToken.token_hash == digest, RefreshToken.used_at.is_(None))
    found = db.execute(
        taken.values(used_at=now).returning(RefreshToken.session_id, RefreshToken.person_id)
    ).one_or_none()
    if found is None:
        return _replayed(db, digest, now=now)
    who = queries.session_of_program(db.connection(), found.session_id, found.person_id)
    if who is None or now >= who.expires_at:
        return None
    missing = sessions.missing(
        role=who.role, factor_policy=who.factor_policy, factor=who.factor, has_factor=who.has_factor
    )
    return issue(db, signer, session=found.session_id, person=found.person_id, missing=missing, now=now)


def _replayed(db: Session, digest: bytes, *, now: datetime) -> Replayed | None:
    known = queries.refresh_token(db, digest)
    person = queries.by_id(db, known.person_id) if known else None
    if known is None or person is None:
        return None
    subject = f"people/person/{person.id}"
    journal.record(
        db,
        "people.token_replayed",
        subject,
        actor="people",
        now=now,
        address=person.address,
        session=str(known.session_id),
    )
    end_session(db, known.session_id, of=None, actor="a refresh token was shown twice", now=now)
    return Replayed(person.id, person.address)
