"""Claims and assets as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Thing


def most_viewed(
    db: Session,
    series_id: UUID,
    *,
    status: str | None = None,
    asset: str | None = None,
    video: str | None = None,
    limit: int,
) -> Sequence[Thing]:
    """Return what stands, the most viewed first."""
    statement = select(Thing).where(Thing.series_id == series_id, Thing.is_gone.is_(False))
    for column, wanted in ((Thing.status, status), (Thing.asset_id, asset), (Thing.video_id, video)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return db.scalars(statement.order_by(Thing.views.desc(), Thing.key.desc()).limit(limit)).all()
