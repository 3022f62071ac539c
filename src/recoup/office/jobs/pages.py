"""Pages of jobs and runs."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from recoup.office.jobs.lists import RUNS
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db

router = APIRouter(prefix="/desk", dependencies=[Depends(may("jobs.look"))])


@router.get("/runs")
def runs(request: Request, db: Db) -> Response:
    """List runs."""
    return pages.listed(request, db, RUNS)
