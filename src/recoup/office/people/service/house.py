"""What the house does on behalf of somebody who may not see it themselves: a link, for an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

from recoup.core.db import act_as

_WHO = text(
    "select current_setting('recoup.role', true), nullif(current_setting('recoup.person', true), '')::uuid"
)


@contextmanager
def as_house(db: Session) -> Iterator[None]:
    """Let the house itself act in this transaction for a moment, and then whoever it was before."""
    db.flush()
    role, person = db.execute(_WHO).one()
    act_as(db, role="system", person=None)
    yield
    db.flush()
    act_as(db, role=role or "", person=person)
