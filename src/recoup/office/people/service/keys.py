"""Use cases of personal keys, with which a person's programs come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Forbidden, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.system import Caller
from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.models import ApiKey, Factor
from recoup.office.people.rules import addresses, secrets

MOST_KEYS = 50


@dataclass(frozen=True, slots=True)
class Made:
    """A new key; ``secret`` is shown once and never again."""

    key: ApiKey
    secret: str = field(repr=False)


def make_key(
    db: Session,
    *,
    caller: Caller,
    name: str,
    scope: str,
    expires_at: datetime | None,
    now: datetime,
) -> Made:
    """Make a key for who is signed in; it never holds more than the session that makes it.

    ``scope``: ``look`` (read what the owner may read) or ``all`` (what the owner may do).
    """
    session = queries.session(db, caller.session) if caller.session else None
    if caller.person is None or session is None or session.person_id != caller.person:
        raise Forbidden(
            "Only a person who is signed in can make a key.", fix="Sign in with your mail address."
        )
    called = addresses.name(name)
    if not called or scope not in {"look", "all"}:
        raise Invalid(
            "A key needs a name, and a scope: look or all.", fix="Name the program that will use it."
        )
    if expires_at is not None and expires_at <= now:
        raise Invalid("A key cannot end in the past.", fix="Give a later moment, or none.")
    if len(queries.keys_of(db, caller.person)) >= MOST_KEYS:
        raise Conflict(f"You have {MOST_KEYS} keys.", fix="Revoke one that is no longer used.")
    secret = secrets.new_key()
    key = ApiKey(
        id=new_id(),
        person_id=caller.person,
        name=called,
        token_hash=secrets.token_hash(secret),
        prefix=secret[: secrets.SHOWN_OF_A_KEY],
        scope=scope,
        with_factor=session.factor != Factor.NONE,
        created_at=now,
        expires_at=expires_at,
    )
    db.add(key)
    db.flush()
    _record(db, "people.key_made", key, actor=f"{caller.by}:{caller.name}", now=now)
    return Made(key, secret)


def revoke_key(db: Session, key_id: UUID, *, of: UUID | None, actor: str, now: datetime) -> None:
    """Revoke a key at once. ``of``: only where it is this person's; None: anybody's (administrators)."""
    key = queries.key(db, key_id)
    if key is None or (of is not None and key.person_id != of):
        raise NotFound(f"There is no key {key_id}.", fix="See the list of keys.")
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by = now, actor
        _record(db, "people.key_revoked", key, actor=actor, now=now)


def _record(db: Session, kind: str, key: ApiKey, *, actor: str, now: datetime) -> None:
    subject = f"people/person/{key.person_id}"
    journal.record(
        db,
        kind,
        subject,
        actor=actor,
        now=now,
        key=str(key.id),
        name=key.name,
        prefix=key.prefix,
        scope=key.scope,
    )
