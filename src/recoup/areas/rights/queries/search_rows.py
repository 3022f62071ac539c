"""Every SELECT of the search: by index, and few at a time. It is asked at every letter that somebody types."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.rights.models import Thing

MOST = 5


def by_key(db: Session, series_id: UUID, start: str) -> Sequence[Thing]:
    """Return claims or assets of a series whose id begins with ``start``, gone ones too."""
    statement = select(Thing).where(Thing.series_id == series_id, Thing.key >= start)
    found = db.scalars(statement.order_by(Thing.key).limit(MOST)).all()
    return [one for one in found if one.key.startswith(start)]


def names(db: Session, column: InstrumentedAttribute[str], start: str) -> list[str]:
    """Return different ids of videos or assets that begin with ``start``: one look into the index for each."""
    found: list[str] = []
    statement = select(column).where(~Thing.is_gone).order_by(column).limit(1)
    name = db.scalar(statement.where(column >= start))
    while name is not None and name.startswith(start) and len(found) < MOST:
        found.append(name)
        name = db.scalar(statement.where(column > name))
    return found
