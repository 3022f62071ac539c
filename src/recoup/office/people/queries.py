"""Every SELECT of people."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import namedtuple_row
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    LargeBinary,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session, aliased

from recoup.core.db import at_the_driver
from recoup.office.controls.models import ControlVersion
from recoup.office.people.controls import SESSION_IDLE_MINUTES
from recoup.office.people.models import (
    Access,
    ApiKey,
    Challenge,
    FactorTries,
    Failures,
    Link,
    Passkey,
    PasskeyChallenge,
    Person,
    RefreshToken,
    SignIn,
    Totp,
)
from recoup.office.people.permissions import Role

IS_OPEN = and_(Challenge.used_at.is_(None), Challenge.replaced_at.is_(None), Challenge.ended_at.is_(None))


# ---------------------------------------------------------------- who


def by_address(db: Session, address: str) -> Person | None:
    """Return the person with a normalised address."""
    return db.scalars(select(Person).where(Person.address == address)).one_or_none()


def by_id(db: Session, person_id: UUID, *, for_update: bool = False) -> Person | None:
    """Return one person, on request locked until the transaction ends."""
    return db.get(Person, person_id, with_for_update=for_update or None, populate_existing=for_update)


def listed(
    db: Session,
    *,
    text: str | None = None,
    role: str | None = None,
    state: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Person]:
    """Return people, newest first; ``text`` stands somewhere in the address or the name."""
    statement = select(Person)
    if text:
        statement = statement.where(
            or_(
                Person.address.contains(text.lower(), autoescape=True),
                func.lower(Person.name).contains(text.lower(), autoescape=True),
            )
        )
    if role is not None:
        statement = statement.where(Person.role == role)
    if state is not None:
        statement = statement.where(Person.state == state)
    if before is not None:
        statement = statement.where(Person.id < before)
    return db.scalars(statement.order_by(Person.id.desc()).limit(limit)).all()


def active_administrators(db: Session) -> int:
    """Return how many administrators may come in."""
    statement = select(func.count()).select_from(Person)
    wanted = statement.where(Person.role == Role.ADMINISTRATOR, Person.state == "active")
    return int(db.execute(wanted).scalar_one())


# ---------------------------------------------------------------- mail codes


def challenge(db: Session, challenge_id: UUID, *, for_update: bool = False) -> Challenge | None:
    """Return one request for a code."""
    return db.get(Challenge, challenge_id, with_for_update=for_update or None, populate_existing=for_update)


def open_challenge(db: Session, attempt_hash: bytes) -> Challenge | None:
    """Lock and return the request for a code that an attempt has open."""
    statement = select(Challenge).where(Challenge.attempt_hash == attempt_hash, IS_OPEN)
    return db.scalars(statement.with_for_update()).one_or_none()


def codes_for_address(db: Session, address: str, *, since: datetime) -> Sequence[datetime]:
    """Return when codes were asked for an address, newest first."""
    return _times(db, Challenge.address == address, since=since)


def codes_for_network(db: Session, network: str, *, since: datetime) -> Sequence[datetime]:
    """Return when codes were asked for from a network, newest first."""
    return _times(db, Challenge.network == network, since=since)


def failures(db: Session, address: str) -> Failures | None:
    """Return how many wrong codes an address had since its last right one."""
    return db.get(Failures, address)


def waiting_challenges(db: Session, *, now: datetime, for_longer_than: timedelta) -> Sequence[UUID]:
    """Return requests for a code that nobody looked at yet."""
    statement = select(Challenge.id).where(
        IS_OPEN,
        Challenge.looked_at.is_(None),
        Challenge.created_at < now - for_longer_than,
        Challenge.expires_at > now,
    )
    return db.scalars(statement.limit(500)).all()


def _times(db: Session, who: ColumnElement[bool], *, since: datetime) -> Sequence[datetime]:
    statement = select(Challenge.created_at).where(who, Challenge.created_at > since)
    return db.scalars(statement.order_by(Challenge.created_at.desc()).limit(100)).all()


# ---------------------------------------------------------------- who is asking

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_IDLE = aliased(ControlVersion)
HAS_FACTOR = or_(
    exists().where(Totp.person_id == Person.id, Totp.confirmed_at.is_not(None)),
    exists().where(Passkey.person_id == Person.id),
)
_IDLE_MINUTES = (
    select(_IDLE.value)
    .where(_IDLE.name == SESSION_IDLE_MINUTES.name)
    .order_by(_IDLE.version.desc())
    .limit(1)
    .scalar_subquery()
)
_WHO = (
    Person.id.label("person"),
    Person.address,
    Person.role,
    Person.zone,
    Person.factor_policy,
    HAS_FACTOR.label("has_factor"),
)
_SESSION = (
    select(
        *_WHO,
        SignIn.id.label("session"),
        SignIn.factor,
        SignIn.last_seen_at,
        SignIn.expires_at,
        _IDLE_MINUTES.label("idle_minutes"),
    )
    .join(Person, Person.id == SignIn.person_id)
    .where(SignIn.ended_at.is_(None), Person.state == "active")
)
_BROWSERS = _SESSION.where(SignIn.token_hash == bindparam("token_hash", type_=LargeBinary))
_PROGRAMS = _SESSION.where(
    SignIn.id == bindparam("session_id", type_=Uuid),
    SignIn.person_id == bindparam("person_id", type_=Uuid),
    SignIn.kind == "program",
)
_KEY = (
    select(
        *_WHO,
        ApiKey.id.label("key"),
        ApiKey.scope,
        ApiKey.with_factor,
        ApiKey.last_used_at,
        ApiKey.expires_at,
    )
    .join(Person, Person.id == ApiKey.person_id)
    .where(ApiKey.revoked_at.is_(None), Person.state == "active")
    .where(ApiKey.token_hash == bindparam("token_hash", type_=LargeBinary))
)


def session_by_token(db: Connection, token_hash: bytes) -> Any:
    """Return a browser's session with who it is, in one SELECT; None where it was ended."""
    return _prepared(db, _BROWSERS, token_hash=token_hash)


def session_of_program(db: Connection, session_id: UUID, person_id: UUID) -> Any:
    """Return a program's session with who it is."""
    return _prepared(db, _PROGRAMS, session_id=session_id, person_id=person_id)


def key_by_token(db: Connection, token_hash: bytes) -> Any:
    """Return a personal key with who it is; None where it was revoked."""
    return _prepared(db, _KEY, token_hash=token_hash)


def _prepared(db: Connection, statement: ClauseElement, **values: object) -> Any:
    """Return the one row of a statement that every page asks, or None; its plan is kept on the connection.

    Planning it, with the row security of four tables, takes several times longer than running it. All of it goes by
    unique keys, so a plan made on a small table is no trap here, as it is for queues (see ``core/db.connect``).
    """
    words, constants = _compiled(statement)
    with at_the_driver(db, words) as raw:
        raw.prepare_threshold = 0
        try:
            return raw.cursor(row_factory=namedtuple_row).execute(words, constants | values).fetchone()
        finally:
            raw.prepare_threshold = None


@functools.cache
def _compiled(statement: ClauseElement) -> tuple[str, dict[str, Any]]:
    made = statement.compile(dialect=_DIALECT)
    return str(made), {name: value for name, value in made.params.items() if value is not None}


# ---------------------------------------------------------------- what they hold


def session(db: Session, session_id: UUID, *, for_update: bool = False) -> SignIn | None:
    """Return one session, on request locked until the transaction ends."""
    return db.get(SignIn, session_id, with_for_update=for_update or None, populate_existing=for_update)


def sessions_of(
    db: Session, person_id: UUID, *, going_only: bool = True, limit: int = 100
) -> Sequence[SignIn]:
    """Return a person's sessions, newest first."""
    statement = select(SignIn).where(SignIn.person_id == person_id)
    if going_only:
        statement = statement.where(SignIn.ended_at.is_(None))
    return db.scalars(statement.order_by(SignIn.id.desc()).limit(limit)).all()


def refresh_token(db: Session, token_hash: bytes) -> RefreshToken | None:
    """Return a refresh token, used or not."""
    return db.get(RefreshToken, token_hash)


def keys_of(db: Session, person_id: UUID, *, limit: int = 100) -> Sequence[ApiKey]:
    """Return a person's keys that were not revoked, newest first."""
    statement = select(ApiKey).where(ApiKey.person_id == person_id, ApiKey.revoked_at.is_(None))
    return db.scalars(statement.order_by(ApiKey.id.desc()).limit(limit)).all()


def key(db: Session, key_id: UUID) -> ApiKey | None:
    """Return one personal key."""
    return db.get(ApiKey, key_id)


def totp(db: Session, person_id: UUID) -> Totp | None:
    """Return a person's authenticator app, confirmed or not."""
    return db.get(Totp, person_id)


def passkeys_of(db: Session, person_id: UUID) -> Sequence[Passkey]:
    """Return a person's passkeys, oldest first."""
    return db.scalars(select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.id)).all()


def passkey_challenge(db: Session, challenge_id: UUID) -> PasskeyChallenge | None:
    """Return what a browser was asked to sign."""
    return db.get(PasskeyChallenge, challenge_id)


def has_factor(db: Session, person_id: UUID) -> bool:
    """Say whether a person set up a second factor."""
    return bool(db.execute(select(HAS_FACTOR).where(Person.id == person_id)).scalar())


def factor_tries(db: Session, person_id: UUID) -> FactorTries | None:
    """Return how often a person's second factor was guessed lately."""
    return db.get(FactorTries, person_id, populate_existing=True)


def link(db: Session, token_hash: bytes) -> Link | None:
    """Return the link with a token, used or not."""
    return db.scalars(select(Link).where(Link.token_hash == token_hash)).one_or_none()


# ---------------------------------------------------------------- what they did


def access(
    db: Session,
    *,
    person: UUID | None = None,
    action: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Access]:
    """Return lines of the access log, newest first."""
    statement = select(Access)
    if person is not None:
        statement = statement.where(Access.person_id == person)
    if action is not None:
        statement = statement.where(Access.action == action)
    if before is not None:
        statement = statement.where(Access.id < before)
    return db.scalars(statement.order_by(Access.id.desc()).limit(limit)).all()
