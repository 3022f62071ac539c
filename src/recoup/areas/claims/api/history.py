"""Past claims over HTTP: a file is sent, and a run loads it or says what it would load."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from recoup.areas.claims import history
from recoup.areas.claims.api.common import sheet_of
from recoup.areas.claims.jobs.past import LAYOUTS, MAY
from recoup.office.files import rules as file_rules
from recoup.office.jobs.schemas import RunShown
from recoup.web import exact, uploads
from recoup.web.auth import Actor, SignedIn, permit
from recoup.web.deps import Db, Now, Running
from recoup.web.exact import ExactRoute
from recoup.web.uploads import Form

router = APIRouter(tags=["claims"], route_class=ExactRoute)

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [history.FIELD, "layout"],
                    "additionalProperties": False,
                    "properties": {
                        history.FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": "A CSV file in UTF-8 of up to 100 MB.",
                        },
                        "layout": {
                            "type": "string",
                            "enum": sorted(LAYOUTS),
                            "description": "Whose columns it has.",
                        },
                    },
                }
            }
        },
    }
}


async def sent_file(request: Request, system: Running, me: SignedIn) -> AsyncIterator[Form]:
    """Read the form with its file, after it is known who sends it."""
    permit(me, MAY)
    async with uploads.received(request, system.home, history.BOUNDS) as form:
        yield form


Sent = Annotated[Form, Depends(sent_file, scope="function")]


@router.post(
    "/claims/history/import",
    summary="Bring past claims in",
    response_model=RunShown,
    status_code=202,
    openapi_extra=_FORM,
)
def bring_in(
    *,
    db: Db,
    system: Running,
    now: Now,
    actor: Actor,
    sent: Sent,
    dry_run: Annotated[bool, Query(description="Say what would be loaded, and load nothing.")] = False,
) -> Response:
    """Queue a run that loads claims decided elsewhere; `/runs/{id}` says how far it is and what came of it."""
    layout = history.layout_of(sent.fields.get("layout", ""))
    upload = sheet_of(sent, fields=["layout"])
    with upload.path.open("rb") as body:
        name = file_rules.clean_name(upload.name)
        file = history.keep(db, system.ports.files, body=body, name=name, actor=actor, now=now)
    db.flush()
    run = history.start(db, file.id, layout, dry_run=dry_run, actor=actor, now=now)
    return exact.answer(RunShown.model_validate(run), status=202, headers={"Location": f"/runs/{run.id}"})
