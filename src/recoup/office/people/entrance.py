"""The door itself: a guess is counted before it is looked at, so that many at once are still at most five.

Each step is a transaction of its own, on purpose: what counts a guess must stand even where the rest fails. Doors call
these with the sessions of the house, which nobody who is not signed in has a row in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Forbidden, Unauthorised
from recoup.core.system import Caller
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.controls import CODE_TRIES
from recoup.office.people.here import RelyingParty
from recoup.office.people.models import Challenge, Factor, Failures, SignIn
from recoup.office.people.rules import secrets
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, passkeys, people, tokens
from recoup.office.people.service.sessions import Opened, open_session, renewed
from recoup.office.people.service.tokens import Replayed, Tokens

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


# ---------------------------------------------------------------- second factors


def show_totp(
    sessions: sessionmaker[Session], keys: Keys, *, caller: Caller, code: str, client: Client, now: datetime
) -> Opened:
    """Renew the session of who shows a code of their authenticator app; raise Unauthorised where it does not fit.

    Raise TooMany after five wrong ones in a quarter of an hour, whichever factor they were of.
    """
    with _counted_factor(sessions, caller, now=now) as (db, session):
        if factors.take_totp(db, session.person_id, code, confirmed=True, sealer=keys.sealer, now=now):
            return _shown(db, session, Factor.TOTP, client=client, now=now)
    raise _wrong_factor()


def confirm_totp(
    sessions: sessionmaker[Session],
    keys: Keys,
    *,
    caller: Caller,
    code: str,
    sender: str,
    client: Client,
    now: datetime,
) -> Opened:
    """Let the authenticator app count whose code is shown, and renew the session."""
    with _counted_factor(sessions, caller, now=now) as (db, session):
        if factors.take_totp(db, session.person_id, code, confirmed=False, sealer=keys.sealer, now=now):
            _, person = factors.may_enrol(db, caller, now=now)
            factors.confirm_totp(db, person, sender=sender, client=client, now=now)
            return _shown(db, session, Factor.TOTP, client=client, now=now)
    raise _wrong_factor()


def show_passkey(
    sessions: sessionmaker[Session],
    *,
    caller: Caller,
    challenge: UUID,
    answer: Mapping[str, Any],
    party: RelyingParty,
    client: Client,
    now: datetime,
) -> Opened:
    """Renew the session of who signs with a passkey; raise Unauthorised where it does not fit."""
    with _counted_factor(sessions, caller, now=now) as (db, session):
        if passkeys.take_passkey(db, caller=caller, challenge=challenge, answer=answer, party=party, now=now):
            return _shown(db, session, Factor.PASSKEY, client=client, now=now)
    raise _wrong_factor()


def enrol_passkey(
    sessions: sessionmaker[Session],
    *,
    caller: Caller,
    challenge: UUID,
    answer: Mapping[str, Any],
    name: str,
    party: RelyingParty,
    sender: str,
    client: Client,
    now: datetime,
) -> Opened:
    """Keep the passkey that a browser made, and renew the session: making one is showing it."""
    with _counted_factor(sessions, caller, now=now) as (db, session):
        passkeys.enrol(
            db,
            caller=caller,
            challenge=challenge,
            answer=answer,
            name=name,
            party=party,
            sender=sender,
            client=client,
            now=now,
        )
        return _shown(db, session, Factor.PASSKEY, client=client, now=now)


@contextmanager
def _counted_factor(
    sessions: sessionmaker[Session], caller: Caller, *, now: datetime
) -> Iterator[tuple[Session, SignIn]]:
    """Count a guess in a transaction of its own, then open another to look at it in."""
    if caller.person is None or caller.session is None:
        raise Forbidden("Only a person who is signed in can do this.", fix="Sign in with your mail address.")
    with sessions.begin() as db:
        factors.count_try(db, caller.person, now=now)
    with sessions.begin() as db:
        session = queries.session(db, caller.session, for_update=True)
        if session is None or session.ended_at is not None or session.person_id != caller.person:
            raise Unauthorised("This session is over.", fix="Sign in again.")
        yield db, session


def _shown(db: Session, session: SignIn, factor: Factor, *, client: Client, now: datetime) -> Opened:
    factors.forgive(db, session.person_id)
    journal.record(
        db,
        "people.factor_shown",
        f"people/person/{session.person_id}",
        actor="people",
        now=now,
        factor=str(factor),
    )
    return renewed(db, session, factor=factor, client=client, now=now)


def _wrong_factor() -> Unauthorised:
    return Unauthorised(
        "The second factor does not fit.", fix="Each code works once. Wait for the next one, and try again."
    )


# ---------------------------------------------------------------- programs


def refresh(
    sessions: sessionmaker[Session], keys: Keys, token: str, *, now: datetime
) -> Tokens | Replayed | None:
    """Change a refresh token for the next pair of tokens. What a replay ended stays ended, so it is no failure here."""
    with sessions.begin() as db:
        return tokens.rotate(db, keys.signer, token, now=now)
