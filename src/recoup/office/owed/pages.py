"""The page of what is owed."""

from __future__ import annotations

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.office.owed.lists import OWED
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router

router = Router(prefix="/desk/owed", dependencies=[Depends(may("owed.look"))])


@router.get("")
def listed(request: Request, db: Db) -> Response:
    """List what is owed."""
    lead = "Sums that are owed to the company, the next to lapse first. Each leads to where it comes from."
    return pages.listed(request, db, OWED, lead=lead)
