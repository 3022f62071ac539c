"""What this process, its folders and its database say of their health."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from recoup.core import database_facts
from recoup.core.clock import utc_now
from recoup.core.parts import Check
from recoup.core.system import System
from recoup.migrations import standing
from recoup.settings import Settings

LEAST_FREE = 100_000_000
LITTLE_FREE = 1_000_000_000
SKEW, LARGE_SKEW = timedelta(seconds=5), timedelta(minutes=1)
_OTHERS = 0o077


def database(system: System) -> list[Check]:
    """Ask the database whether it answers, and whether its schema is this version's."""
    try:
        with system.sessions.begin() as db:
            version, found = database_facts.version(db), standing.revision(db)
    except SQLAlchemyError:
        fix = "Look at the end of its log, or check DATABASE_URL."
        return [Check("database", ok=False, detail="The database does not answer.", fix=fix)]
    return [Check("database", ok=True, detail=f"PostgreSQL {version} answers."), schema(found)]


def schema(found: str | None) -> Check:
    """Judge the schema that a database has."""
    newest = standing.newest()
    if found == newest:
        return Check("schema", ok=True, detail=f"It is this version's ({newest}).")
    detail = f"The database has schema {found or 'none'}, this version writes {newest}."
    return Check("schema", ok=False, detail=detail, fix="`recoup migrate`")


def role(system: System) -> list[Check]:
    """Look at what the application's role may do."""
    with system.sessions.begin() as db:
        found = database_facts.role(db)
    fix = (
        "Create a role of its own for the application: DATABASE_URL for it, DATABASE_OWNER_URL for the owner."
    )
    if found.superuser:
        return [Check("role", ok=False, detail=f"{found.name} may do anything in the database.", fix=fix)]
    if found.owns:
        detail = f"{found.name} owns {found.owns} tables, so it could change the journal."
        return [Check("role", ok=True, detail=detail, fix=fix)]
    return [Check("role", ok=True, detail=f"{found.name} is neither owner nor superuser.")]


def clock(system: System) -> list[Check]:
    """Compare our clock with the database's."""
    with system.sessions.begin() as db:
        ahead = abs(database_facts.clock_difference(db, now=utc_now()))
    detail = f"The database's clock differs from ours by {ahead.total_seconds():.1f} s."
    fix = "Let both machines set their clocks by NTP." if ahead > SKEW else None
    return [Check("clock", ok=ahead <= LARGE_SKEW, detail=detail, fix=fix)]


def disk(system: System) -> list[Check]:
    """Look at the space that is left where everything of ours is written."""
    return [space(system.home)]


def space(home: Path) -> Check:
    """Judge the space that is left on the disk of a folder."""
    free = shutil.disk_usage(home).free
    fix = f"Make room on the disk that holds {home}." if free < LITTLE_FREE else None
    return Check("disk", ok=free >= LEAST_FREE, detail=f"{free / 1e9:,.1f} GB are free in {home}.", fix=fix)


def installation(settings: Settings) -> Iterator[Check]:
    """Look at what can be seen without a database: names that mean nothing, folders, secrets."""
    unused = settings.unused
    detail = " ".join(unused) if unused else f"{len(settings.explain())} settings are read."
    yield Check("settings", ok=True, detail=detail, fix="Correct or remove these names." if unused else None)
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "Set RECOUP_HOME to a folder that the account may write."
        yield Check("home", ok=False, detail=f"{home} cannot be made: {error.strerror}.", fix=fix)
        return
    if os.access(home, os.W_OK | os.X_OK):
        yield Check("home", ok=True, detail=f"{home} is writable.")
    else:
        fix = f"Give {home} to the account that runs Recoup."
        yield Check("home", ok=False, detail=f"{home} is not writable.", fix=fix)
    yield space(home)
    yield _secrets(home / "secrets")


def _secrets(folder: Path) -> Check:
    """Say whether another account could read a secret."""
    if not folder.is_dir():
        return Check("secrets", ok=True, detail="None was made yet.")
    found = [folder, *sorted(folder.iterdir())]
    open_to_others = [path for path in found if stat.S_IMODE(path.stat().st_mode) & _OTHERS]
    if open_to_others:
        detail = f"Other accounts can get at {', '.join(map(str, open_to_others))}."
        fix = f"chmod -R go= {folder}, and make new keys if others may have read them."
        return Check("secrets", ok=False, detail=detail, fix=fix)
    return Check("secrets", ok=True, detail=f"{folder} is closed to other accounts.")
