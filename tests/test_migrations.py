"""The schema that the migrations make is the one that the code maps, and the application may not do everything."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from recoup import app
from recoup.core.db import Base
from recoup.core.errors import Conflict
from recoup.migrations import schema
from support.postgres import Database


def test_the_migrations_make_what_the_models_map(database: Database) -> None:
    assert app.ALL  # imports every model
    engine = create_engine(database.owner_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    ours = [one for one in differences if "procrastinate" not in str(one)]
    assert ours == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    before, after = schema.upgrade(database.owner_url, app_url=database.app_url)
    assert before == after == "0012"


def test_a_schema_of_a_newer_version_is_refused(
    database: Database, owner_sessions: sessionmaker[Session]
) -> None:
    with owner_sessions.begin() as db:
        db.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="9999"):
        schema.upgrade(database.owner_url, app_url=database.app_url)


@pytest.mark.parametrize(
    "statement",
    [
        "update events set actor = 'nobody'",
        "delete from events",
        "truncate events",
        "update seals set hash = ''",
        "delete from seals",
        "update access_log set name = 'nobody'",
        "delete from access_log",
        "truncate access_log",
        "delete from people",
        "update alembic_version set version_num = '0001'",
        "create table mine (id int)",
        "alter table events add column more text",
    ],
)
def test_the_application_cannot(sessions: sessionmaker[Session], statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), sessions.begin() as db:
        db.execute(text(statement))
