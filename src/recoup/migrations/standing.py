"""Whether a database has the schema of this version."""

from __future__ import annotations

import functools

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session


@functools.cache
def newest() -> str | None:
    """Return the schema that this version writes."""
    config = Config()
    config.set_main_option("script_location", "recoup:migrations")
    return ScriptDirectory.from_config(config).get_current_head()


def revision(db: Session) -> str | None:
    """Return the schema that the database has; None where nothing was written yet."""
    found: str | None = MigrationContext.configure(db.connection()).get_current_revision()
    return found
