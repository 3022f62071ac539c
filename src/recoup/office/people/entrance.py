"""The door itself: a guess is counted before it is looked at, so that many at once are still at most five.

Each step is a transaction of its own, on purpose: what counts a guess must stand even where the rest fails. Doors call
these with the sessions of the house, which nobody who is not signed in has a row in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Unauthorised
from recoup.office.controls import service as controls
from recoup.office.people.controls import CODE_TRIES
from recoup.office.people.models import Challenge, Failures
from recoup.office.people.rules import secrets
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import people
from recoup.office.people.service.sessions import Opened, open_session

_NO_SALT = bytes(secrets.SALT_BYTES)


@dataclass(frozen=True, slots=True)
class _Guess:
    """A guess that was counted, and what it is compared with."""

    challenge: UUID
    address: str
    salt: bytes | None
    code_hash: bytes | None


def verify_code(
    sessions: sessionmaker[Session],
    keys: Keys,
    *,
    attempt: str,
    code: str,
    client: Client,
    now: datetime,
    kind: str = "browser",
) -> Opened:
    """Open a session for who shows the code that was mailed for ``attempt``; raise Unauthorised for anything else.

    What was wrong is not said: the code, the browser, too many guesses, too late.
    """
    with sessions.begin() as db:
        guess = _counted(db, secrets.token_hash(attempt), now=now)
    if guess is None:
        raise _wrong()
    if not _compared(guess, secrets.typed(code), keys=keys):
        with sessions.begin() as db:
            _failed(db, guess.address, now=now)
        raise _wrong()
    with sessions.begin() as db:
        opened = _came_in(db, guess, kind=kind, client=client, now=now)
    if opened is None:
        raise _wrong()
    return opened


def _counted(db: Session, attempt_hash: bytes, *, now: datetime) -> _Guess | None:
    """Count a guess, if one is left; a challenge that is seen to be too old stays so."""
    tries = controls.value(db, CODE_TRIES)
    is_open = (
        Challenge.attempt_hash == attempt_hash,
        Challenge.used_at.is_(None),
        Challenge.replaced_at.is_(None),
        Challenge.ended_at.is_(None),
    )
    taken = (
        update(Challenge)
        .where(*is_open, Challenge.expires_at > now, Challenge.tries < tries)
        .values(tries=Challenge.tries + 1)
        .returning(Challenge.id, Challenge.address, Challenge.salt, Challenge.code_hash)
    )
    found = db.execute(taken).one_or_none()
    if found is None:
        db.execute(update(Challenge).where(*is_open, Challenge.expires_at <= now).values(ended_at=now))
        return None
    return _Guess(found.id, found.address, found.salt, found.code_hash)


def _compared(guess: _Guess, code: str, *, keys: Keys) -> bool:
    """Compare with what is kept. Where no code was made, the same work is done for nothing, and nothing fits."""
    found = secrets.code_hash(code[:20], salt=guess.salt or _NO_SALT, pepper=keys.pepper)
    return secrets.same(found, guess.code_hash or bytes(len(found))) and guess.code_hash is not None


def _failed(db: Session, address: str, *, now: datetime) -> None:
    row = insert(Failures).values(address=address, failures=1, last_at=now)
    more = {"failures": Failures.failures + 1, "last_at": now}
    db.execute(row.on_conflict_do_update(index_elements=["address"], set_=more))


def _came_in(db: Session, guess: _Guess, *, kind: str, client: Client, now: datetime) -> Opened | None:
    """Use the code up and open the session; of two at the same moment one comes in."""
    used = update(Challenge).where(
        Challenge.id == guess.challenge,
        Challenge.used_at.is_(None),
        Challenge.replaced_at.is_(None),
        Challenge.ended_at.is_(None),
    )
    if db.execute(used.values(used_at=now).returning(Challenge.id)).first() is None:
        return None
    db.execute(delete(Failures).where(Failures.address == guess.address))
    person = people.arrived(db, guess.address, now=now)
    if person is None:
        return None
    return open_session(db, person, kind=kind, client=client, now=now, how="mail code")


def _wrong() -> Unauthorised:
    return Unauthorised(
        "This code does not fit, or no longer.", fix="Look at the newest mail, or ask for another code."
    )
