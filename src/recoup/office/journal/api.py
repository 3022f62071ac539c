"""The journal's routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import Depends, Query

from recoup.office.journal import jobs, queries
from recoup.office.journal.schemas import EventShown, VerificationShown
from recoup.web.auth import may
from recoup.web.deps import Db, Router, Running
from recoup.web.paging import Before, Limit
from recoup.web.wire import Page, Word, page_of

router = Router(prefix="/journal", tags=["journal"], dependencies=[Depends(may("journal.look"))])


@router.get("", summary="What happened, newest first")
def listed(
    db: Db,
    subject: Annotated[Word | None, Query(description="This subject, and those below it.")] = None,
    kind: Annotated[Word | None, Query(description="Kinds that start with this.")] = None,
    before: Before = None,
    limit: Limit = 50,
) -> Page[EventShown]:
    """Return events about ``subject`` and what lies below it; ``kind`` matches by its beginning."""
    rows = queries.timeline(db, subject=subject, kind=kind, before=before, limit=limit + 1)
    return page_of(EventShown, rows, limit=limit)


@router.get("/verify", summary="Whether the journal is what it was")
def verify(system: Running) -> VerificationShown:
    """Recompute the whole chain and compare it with the heads that were written down outside the database."""
    found = jobs.verify(system)
    return VerificationShown(ok=not found.problems, **asdict(found))
