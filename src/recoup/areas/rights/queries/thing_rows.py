"""Claims and assets as they stand now."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Thing
from recoup.core.keyset import Slice, slice_of


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
