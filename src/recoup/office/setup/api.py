"""The routes of the setup files."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from recoup.core.downloads import attachment
from recoup.core.errors import Invalid
from recoup.office.setup.rules import layout, reading
from recoup.office.setup.schemas import PlanShown
from recoup.office.setup.service import files
from recoup.office.setup.shown import house_of
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running

router = Router(prefix="/setup", tags=["setup"], dependencies=[Depends(may("controls.look"))])


async def body_of(request: Request) -> bytes:
    """Return the body as it came: numbers in it stay exact."""
    return await request.body()


@router.get("/{name}", summary="A setup file as everything holds now", response_class=Response)
def export(db: Db, system: Running, name: str) -> Response:
    """Return the file; the password in it is empty."""
    found = files.give_back(db, house_of(system), name)
    headers = {"Content-Disposition": attachment(layout.file_name(found.name))}
    return Response(found.content, media_type="application/json", headers=headers)


@router.put("/{name}", summary="Bring a setup file in", dependencies=[Depends(may("controls.change"))])
def bring_in(
    *,
    db: Db,
    system: Running,
    actor: Actor,
    now: Now,
    name: str,
    body: Annotated[bytes, Depends(body_of)],
    dry_run: Annotated[bool, Query(description="Say what would change, and change nothing.")] = False,
) -> PlanShown:
    """Do what a file says, all of it or nothing; the body is the file."""
    read = reading.read(reading.decoded(body), called=name)
    plan = files.look(db, house_of(system), [read])
    if dry_run:
        return PlanShown.of(plan, applied=False)
    if plan.problems:
        told = [one for each in plan.files for one in each.problems]
        sentences = " ".join(f"{one.path}: {one.sentence}" if one.path else one.sentence for one in told[:10])
        raise Invalid(f"Nothing was changed. {sentences}")
    done = files.bring_in(db, house_of(system), [read], seen=plan.digest, actor=actor, now=now)
    return PlanShown.of(done, applied=True)
