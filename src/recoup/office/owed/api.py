"""Routes of the book of what is owed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from recoup.office.owed import queries
from recoup.office.owed.schemas import LapsingShown, OwedShown
from recoup.web.auth import may
from recoup.web.deps import Db, Now, Router
from recoup.web.paging import Limit
from recoup.web.wire import Page, Word, page_of

router = Router(prefix="/owed", tags=["owed"], dependencies=[Depends(may("owed.look"))])

LONGEST_LOOK_AHEAD = 24 * 366


@router.get("", summary="What is owed to us, the next to lapse first")
def listed(
    db: Db,
    area: Word | None = None,
    after: Annotated[UUID | None, Query(description="Go on with what lapses after this item.")] = None,
    limit: Limit = 50,
) -> Page[OwedShown]:
    """Return what is open."""
    return page_of(OwedShown, queries.open_items(db, area=area, after=after, limit=limit + 1), limit=limit)


@router.get("/lapsing", summary="What lapses when, by value per hour")
def lapsing(
    db: Db,
    now: Now,
    hours: Annotated[int, Query(ge=1, le=LONGEST_LOOK_AHEAD, description="How far to look ahead.")] = 48,
    limit: Limit = 500,
) -> Page[LapsingShown]:
    """Return what lapses in each hour to come, largest sum first within an hour."""
    rows = queries.lapsing_by_hour(db, until=now + timedelta(hours=hours), limit=limit)
    return page_of(LapsingShown, rows)
