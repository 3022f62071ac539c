"""Bring a database to the schema of this version: one process at a time, or not at all."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from recoup.core.errors import Conflict

_SCRIPTS = "recoup:migrations"
_LOCK = "select pg_advisory_lock(hashtextextended('recoup.migrate', 0))"
_UNLOCK = "select pg_advisory_unlock(hashtextextended('recoup.migrate', 0))"

GRANTS = (
    "grant usage on schema public to {role}",
    "grant select, insert, update, delete on all tables in schema public to {role}",
    "grant usage, select on all sequences in schema public to {role}",
    "grant execute on all functions in schema public to {role}",
    # The journal is append-only for the application.
    "revoke update, delete, truncate on events, seals from {role}",
    # What was set and what was kept stays as it was.
    "revoke update, delete, truncate on controls, files, withdrawn_files, message_templates from {role}",
    # So does what people did, and nobody is ever removed: their name stands in the journal.
    "revoke update, delete, truncate on access_log from {role}",
    "revoke delete, truncate on people from {role}",
    # And every move of a claim.
    "revoke update, delete, truncate on claims_history from {role}",
    "revoke insert, update, delete on alembic_version from {role}",
)


def upgrade(owner_url: str, *, app_url: str) -> tuple[str | None, str]:
    """Apply what is missing as the owner, then grant; return the revision before and after.

    Raise Conflict when the database was written by a newer version: nothing is changed then.
    """
    engine = create_engine(owner_url)
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    newest = ScriptDirectory.from_config(config).get_current_head()
    if newest is None:  # pragma: no cover - there is always a first revision
        raise Conflict("This version has no schema.")
    try:
        with engine.connect() as connection:
            before = _revision(connection)
            if before == newest:
                return before, newest
            connection.rollback()
            connection.execute(text("set lock_timeout = '60s'"))
            connection.execute(text(_LOCK))
            connection.commit()
            try:
                before = _revision(connection)
                _refuse_newer(config, before)
                connection.rollback()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
                _grant(connection, app_role=make_url(app_url).username, owner=make_url(owner_url).username)
            finally:
                connection.rollback()
                connection.execute(text(_UNLOCK))
                connection.commit()
            return before, newest
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision


def _refuse_newer(config: Config, revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Conflict(
            f"The database has schema {revision}, which this version does not know.",
            fix="Run the newer version of Recoup that wrote it.",
        )


def _grant(connection: Connection, *, app_role: str | None, owner: str | None) -> None:
    if app_role is None or app_role == owner:
        return
    role = connection.dialect.identifier_preparer.quote(app_role)
    for statement in GRANTS:
        connection.execute(text(statement.format(role=role)))
    connection.commit()
