"""Claims and assets as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Thing
from recoup.core.keyset import Slice, slice_of

AT_ONCE = 1_000


def most_viewed(
    db: Session,
    series_id: UUID,
    *,
    status: str | None = None,
    asset: str | None = None,
    video: str | None = None,
    after: str | None = None,
    limit: int,
) -> Slice[Thing]:
    """Return what stands, the most viewed first."""
    statement = select(Thing).where(Thing.series_id == series_id, Thing.is_gone.is_(False))
    for column, wanted in ((Thing.status, status), (Thing.asset_id, asset), (Thing.video_id, video)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return slice_of(db, statement, key=[Thing.views, Thing.key], after=after, limit=limit)


def keys_ever(db: Session, series_id: UUID, *, beyond: str, limit: int = AT_ONCE) -> Sequence[str]:
    """Return the keys of everything that any report ever had, in their order, ``beyond`` a key."""
    return db.scalars(
        select(Thing.key)
        .where(Thing.series_id == series_id, Thing.key > beyond)
        .order_by(Thing.key)
        .limit(limit)
    ).all()
