"""Use cases of one's own account, besides the profile: end the other sessions, go on setting up an app."""

from __future__ import annotations

from datetime import datetime

import pyotp
from sqlalchemy.orm import Session

from recoup.core.errors import Forbidden
from recoup.core.sealing import Sealer
from recoup.core.system import Caller
from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.service.factors import about, may_enrol
from recoup.office.people.service.sessions import end_sessions


def end_others(db: Session, *, caller: Caller, now: datetime) -> int:
    """End all of somebody's sessions but the one that asks; return how many."""
    if caller.person is None or caller.session is None:
        raise Forbidden("Only a person who is signed in can do this.", fix="Sign in with your mail address.")
    actor = f"{caller.by}:{caller.name}"
    ended = end_sessions(db, caller.person, reason=actor, now=now, but=caller.session)
    journal.record(
        db,
        "people.sessions_ended",
        f"people/person/{caller.person}",
        actor=actor,
        now=now,
        address=caller.name,
        sessions_ended=ended,
    )
    return ended


def offered_secret(db: Session, *, caller: Caller, sealer: Sealer, now: datetime) -> str | None:
    """Return the secret of the app that somebody is setting up and has not confirmed, to be shown again.

    Only to who may set up a factor right now; a secret that counts is never shown again.
    """
    _, person = may_enrol(db, caller, now=now)
    found = queries.totp(db, person.id)
    if found is None or found.confirmed_at is not None:
        return None
    return sealer.open(found.sealed, about=about(person.id)).decode()


def address_of(secret: str, *, name: str, issuer: str) -> str:
    """Return the address (``otpauth:``) that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
