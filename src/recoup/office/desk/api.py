"""Routes of lists: what can be exported, and exports."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Depends, Response

from recoup.office.desk import service as exports
from recoup.office.desk.schemas import ExportAsked, ListShown
from recoup.office.jobs.schemas import RunShown
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.wire import Page

router = Router(prefix="/lists", tags=["lists"], dependencies=[Depends(may("lists.export"))])


@router.get("", summary="What can be exported")
def listed(system: Running, me: SignedIn) -> Page[ListShown]:
    """Return the lists that the caller may read, with their columns, filters and orders."""
    return Page[ListShown](items=[ListShown.of(one) for one in exports.readable(system.parts, me)])


@router.post("/{name}/exports", summary="Write a list into a file", status_code=202)
def start(
    *,
    db: Db,
    system: Running,
    me: SignedIn,
    actor: Actor,
    now: Now,
    name: str,
    asked: ExportAsked,
    response: Response,
) -> RunShown:
    """Start a run that writes all rows, as filtered and sorted; the file is among what the run leaves behind."""
    words = {**asked.filters, **({"order": asked.order} if asked.order else {})}
    run = exports.start(
        db,
        system.parts,
        name=name,
        query=urlencode(words),
        format=asked.format,
        caller=me,
        actor=actor,
        now=now,
    )
    response.headers["Location"] = f"/runs/{run.id}"
    return RunShown.model_validate(run)
