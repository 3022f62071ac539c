"""What a database says of itself: as whom we are there, and what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from recoup.core.db import database_now


@dataclass(frozen=True, slots=True)
class Role:
    """The role that the application uses: it should be neither superuser nor owner of our tables."""

    name: str
    superuser: bool
    owns: int
    """How many tables of ours it owns."""


def role(db: Session) -> Role:
    """Return as whom we are connected."""
    row = db.execute(
        text(
            "select rolname, rolsuper or rolbypassrls, "
            "(select count(*) from pg_tables where schemaname = 'public' and tableowner = rolname) "
            "from pg_roles where rolname = current_user"
        )
    ).one()
    return Role(row[0], bool(row[1]), int(row[2]))


def version(db: Session) -> str:
    """Return the server's version, such as ``18.6``."""
    return str(db.execute(text("select current_setting('server_version')")).scalar_one()).split()[0]


def clock_difference(db: Session, *, now: datetime) -> timedelta:
    """Return by how much the database's clock is ahead of ``now``."""
    return database_now(db) - now
