"""Use cases of second factors: an authenticator app, and what holds for every factor: freshness, tries, removal."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pyotp
from sqlalchemy import case, delete, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Forbidden, NotFound, TooMany
from recoup.core.ids import new_id
from recoup.core.sealing import Sealer
from recoup.core.system import Caller
from recoup.office.journal import service as journal
from recoup.office.messages import service as messages
from recoup.office.people import queries
from recoup.office.people.models import Factor, FactorTries, Passkey, Person, SignIn, Totp
from recoup.office.people.rules import limits, secrets, sessions
from recoup.office.people.rules.limits import Client
from recoup.office.people.service.sessions import end_sessions

STEP_SECONDS = 30
_OWN = (Factor.TOTP, Factor.PASSKEY)


def begin_totp(db: Session, *, caller: Caller, sealer: Sealer, now: datetime) -> str:
    """Return a secret for an authenticator app to who just signed in; it counts once a code of it is shown."""
    session, person = may_enrol(db, caller, now=now)
    known = queries.totp(db, person.id)
    if known is not None and known.confirmed_at is not None:
        raise Conflict("You have an authenticator app already.", fix="Remove it first to set up another.")
    secret = pyotp.random_base32(length=32)
    values = {
        "sealed": sealer.seal(secret.encode(), about=about(person.id)),
        "last_step": 0,
        "created_at": now,
        "confirmed_at": None,
    }
    row = insert(Totp).values(person_id=session.person_id, **values)
    db.execute(row.on_conflict_do_update(index_elements=["person_id"], set_=values))
    db.expire_all()
    return secret


def take_totp(
    db: Session, person_id: UUID, code: str, *, confirmed: bool, sealer: Sealer, now: datetime
) -> bool:
    """Say whether a code fits now, and take it: no code fits twice. ``confirmed``: the app counts already."""
    found = queries.totp(db, person_id)
    if found is None or (found.confirmed_at is not None) != confirmed:
        return False
    generator = pyotp.TOTP(sealer.open(found.sealed, about=about(person_id)).decode())
    step = int(now.astimezone(UTC).timestamp()) // STEP_SECONDS
    shown = secrets.typed(code)[:20].encode("utf-8", "replace")
    fitting = [
        at for at in (step - 1, step, step + 1) if secrets.same(generator.generate_otp(at).encode(), shown)
    ]
    if not fitting:
        return False
    taken = update(Totp).where(Totp.person_id == person_id, Totp.last_step < max(fitting))
    return db.execute(taken.values(last_step=max(fitting)).returning(Totp.person_id)).first() is not None


def confirm_totp(db: Session, person: Person, *, sender: str, client: Client, now: datetime) -> None:
    """Let the app count from now on, and tell its owner."""
    db.execute(update(Totp).where(Totp.person_id == person.id).values(confirmed_at=now))
    told(
        db, person, "An authenticator app was added", kind="totp_added", sender=sender, client=client, now=now
    )


def remove_totp(db: Session, *, caller: Caller, sender: str, client: Client, now: datetime) -> None:
    """Take the app away, for who has shown a second factor in this session."""
    _, person = shown_factor(db, caller)
    gone = delete(Totp).where(Totp.person_id == person.id, Totp.confirmed_at.is_not(None))
    if db.execute(gone.returning(Totp.person_id)).first() is None:
        raise NotFound("You have no authenticator app.", fix="Set one up first.")
    removed(db, person)
    told(
        db,
        person,
        "An authenticator app was removed",
        kind="totp_removed",
        sender=sender,
        client=client,
        now=now,
    )


def reset(db: Session, person_id: UUID, *, actor: str, sender: str, client: Client, now: datetime) -> None:
    """Take all of somebody's factors away, because they lost them; they sign in and enrol anew."""
    person = queries.by_id(db, person_id, for_update=True)
    if person is None:
        raise NotFound(f"There is no person {person_id}.", fix="See `recoup people list`.")
    db.execute(delete(Totp).where(Totp.person_id == person.id))
    db.execute(delete(Passkey).where(Passkey.person_id == person.id))
    db.execute(delete(FactorTries).where(FactorTries.person_id == person.id))
    end_sessions(db, person.id, reason="second factors reset", now=now)
    told(
        db,
        person,
        "Your second factors were taken away by an administrator",
        kind="factors_reset",
        actor=actor,
        sender=sender,
        client=client,
        now=now,
    )


# ---------------------------------------------------------------- what holds for every factor


def may_enrol(db: Session, caller: Caller, *, now: datetime) -> tuple[SignIn, Person]:
    """Return the session and person of who may set up a factor now; raise Forbidden with what to do first."""
    session, person = _own(db, caller)
    if queries.has_factor(db, person.id) and session.factor == Factor.NONE:
        raise Forbidden("This needs the second factor that you have.", fix="Show it first.")
    if not sessions.is_fresh(session.proven_at, now=now):
        raise Forbidden(
            "A second factor is set up within ten minutes of signing in.", fix="Sign out, and in again."
        )
    return session, person


def shown_factor(db: Session, caller: Caller) -> tuple[SignIn, Person]:
    """Return the session and person of who has shown a second factor in this session; raise Forbidden for others."""
    session, person = _own(db, caller)
    if session.factor == Factor.NONE:
        raise Forbidden("This needs your second factor.", fix="Show it first.")
    return session, person


def count_try(db: Session, person_id: UUID, *, now: datetime) -> None:
    """Count a guess of somebody's second factor before it is looked at; raise TooMany after five in a quarter hour.

    Committed by the caller before it compares, so that many guesses at once are still five.
    """
    over = FactorTries.started_at <= now - limits.FACTOR_WINDOW
    row = insert(FactorTries).values(person_id=person_id, tries=1, started_at=now)
    counted = row.on_conflict_do_update(
        index_elements=["person_id"],
        set_={
            "tries": case((over, 1), else_=FactorTries.tries + 1),
            "started_at": case((over, now), else_=FactorTries.started_at),
        },
        where=or_(over, FactorTries.tries < limits.FACTOR_TRIES),
    ).returning(FactorTries.tries)
    if db.execute(counted).first() is not None:
        return
    found = queries.factor_tries(db, person_id)
    until = found.started_at + limits.FACTOR_WINDOW if found else now
    seconds = limits.seconds_until(until, now=now)
    raise TooMany(
        "The second factor was wrong too often.", fix=f"Wait {seconds} seconds.", retry_after=seconds
    )


def forgive(db: Session, person_id: UUID) -> None:
    """Forget the guesses, because one was right."""
    db.execute(delete(FactorTries).where(FactorTries.person_id == person_id))


def removed(db: Session, person: Person) -> None:
    """Let no session live on a factor that is gone, where none is left."""
    db.flush()
    if queries.has_factor(db, person.id):
        return
    shown = update(SignIn).where(SignIn.person_id == person.id, SignIn.factor.in_(_OWN))
    db.execute(shown.values(factor=Factor.NONE, factor_at=None))


def told(
    db: Session,
    person: Person,
    title: str,
    *,
    kind: str,
    sender: str,
    client: Client,
    now: datetime,
    actor: str | None = None,
) -> None:
    """Write down that somebody's sign-in changed, and tell them by mail."""
    journal.record(
        db,
        f"people.{kind}",
        f"people/person/{person.id}",
        actor=actor or f"person:{person.address}",
        now=now,
        address=person.address,
    )
    messages.send(
        db,
        key=f"people.{kind}:{new_id()}",
        to=person.address,
        template="account_changed",
        context={
            "title": title,
            "text": f"This concerns the sign-in of {person.address}.",
            "at": now,
            "client": client.address,
            "agent": client.agent,
        },
        sender=sender,
        now=now,
    )


def _own(db: Session, caller: Caller) -> tuple[SignIn, Person]:
    session = queries.session(db, caller.session) if caller.session else None
    person = queries.by_id(db, session.person_id) if session else None
    if session is None or person is None or person.id != caller.person:
        raise Forbidden("Only a person who is signed in can do this.", fix="Sign in with your mail address.")
    return session, person


def about(person_id: UUID) -> str:
    """Return what a sealed secret belongs to: moved to another row, it does not open."""
    return f"people_totp/sealed/{person_id}"
