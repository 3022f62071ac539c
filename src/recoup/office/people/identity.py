"""Who shows this: a browser's session, an access token, a personal key. One SELECT, on the path of every page."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, or_, update

from recoup.core.errors import Unauthorised
from recoup.core.system import Caller, Presented
from recoup.office.people import queries
from recoup.office.people.controls import SESSION_IDLE_MINUTES
from recoup.office.people.models import ApiKey, Factor, Person, SignIn
from recoup.office.people.rules import access_tokens, secrets
from recoup.office.people.rules import sessions as rules
from recoup.office.people.secrets import Keys

log = logging.getLogger("recoup.people")


def authenticate(database: Engine, keys: Keys, presented: Presented, *, now: datetime) -> Caller | None:
    """Return who shows this, or None where nobody may come in with it.

    Each statement stands for itself on ``database`` (see ``core/db.one_by_one``).
    """
    with database.connect() as db:
        if presented.how == "cookie":
            return _by_session(db, presented.secret, now=now)
        if presented.secret.startswith(secrets.KEY_PREFIX):
            return _by_key(db, presented.secret, now=now)
        return _by_token(db, keys, presented, now=now)


def _by_session(db: Connection, token: str, *, now: datetime) -> Caller | None:
    row = queries.session_by_token(db, secrets.token_hash(token))
    if row is None or not _holds(row, now=now):
        return None
    _seen(db, row, now=now)
    return _caller(row, by="session", session=row.session)


def _by_token(db: Connection, keys: Keys, presented: Presented, *, now: datetime) -> Caller | None:
    try:
        claims = access_tokens.read(keys.signer, presented.secret, now=now)
    except Unauthorised as error:
        log.info("A token from %s was refused: %s", presented.address, error.detail)
        return None
    row = queries.session_of_program(db, claims.session, claims.person)
    if row is None or now >= row.expires_at:
        log.info("A token from %s was refused: its session is over.", presented.address)
        return None
    _seen(db, row, now=now)
    return _caller(row, by="token", session=row.session)


def _by_key(db: Connection, key: str, *, now: datetime) -> Caller | None:
    row = queries.key_by_token(db, secrets.token_hash(key))
    if row is None or (row.expires_at is not None and now >= row.expires_at):
        return None
    if row.last_used_at is None or now - row.last_used_at >= rules.SEEN_EVERY:
        db.execute(update(ApiKey).where(ApiKey.id == row.key).values(last_used_at=now))
    return _caller(row, by="key", scope=row.scope, factor=Factor.CONSOLE if row.with_factor else Factor.NONE)


def _holds(row: Row[Any], *, now: datetime) -> bool:
    set_to = row.idle_minutes
    idle = set_to if isinstance(set_to, int) else SESSION_IDLE_MINUTES.default
    return rules.holds(now=now, last_seen_at=row.last_seen_at, expires_at=row.expires_at, idle_minutes=idle)


def _seen(db: Connection, row: Row[Any], *, now: datetime) -> None:
    """Note that somebody is there, at most once a minute."""
    if now - row.last_seen_at < rules.SEEN_EVERY:
        return
    db.execute(update(SignIn).where(SignIn.id == row.session).values(last_seen_at=now))
    long_ago = or_(Person.last_seen_at.is_(None), Person.last_seen_at < now - timedelta(seconds=1))
    db.execute(update(Person).where(Person.id == row.person, long_ago).values(last_seen_at=now))


def _caller(
    row: Row[Any], *, by: Any, session: Any = None, scope: str = "all", factor: str | None = None
) -> Caller:
    lacks = rules.missing(
        role=row.role,
        factor_policy=row.factor_policy,
        factor=row.factor if factor is None else factor,
        has_factor=row.has_factor,
    )
    return Caller(
        row.address,
        by,
        permissions=rules.scoped(rules.permitted(row.role, lacks), scope),
        role=row.role,
        person=row.person,
        session=session,
        zone=row.zone,
        missing=lacks,
    )
