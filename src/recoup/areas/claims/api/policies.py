"""Everybody's policies, for who works here, and bringing them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from recoup.areas.claims import importing
from recoup.areas.claims.api.common import After, PageSize, next_page, sheet_of, today_of
from recoup.areas.claims.models import PolicyKind, PolicyStatus
from recoup.areas.claims.policy_schemas import ImportShown, PolicyHeld
from recoup.areas.claims.queries import policy_sheets
from recoup.areas.claims.service import policies
from recoup.areas.claims.sheets.child import LARGEST
from recoup.core.errors import Invalid
from recoup.core.system import Caller
from recoup.office.files import rules as file_rules
from recoup.web import exact, uploads
from recoup.web.auth import Actor, SignedIn, may, permit
from recoup.web.deps import Db, Now, Running
from recoup.web.exact import ExactRoute
from recoup.web.uploads import Bounds, Form

router = APIRouter(tags=["claims"], route_class=ExactRoute)

LONGEST_TEXT = 100
FIELD = "file"
BOUNDS = Bounds(files=1, bytes_each=LARGEST, file_fields=frozenset({FIELD}))
"""What a form with a sheet may hold."""
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "additionalProperties": False,
                    "properties": {
                        FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": "A CSV file or an Excel workbook (.xlsx) of up to 20 MB.",
                        },
                        "apply": {
                            "type": "string",
                            "description": "What the preview answered: exactly that is done, or nothing.",
                        },
                    },
                }
            }
        },
    }
}


async def sent_sheet(request: Request, system: Running, me: SignedIn) -> AsyncIterator[Form]:
    """Read the form with its file, after it is known who sends it."""
    permit(me, policies.MAY)
    async with uploads.received(request, system.home, BOUNDS) as form:
        yield form


Sent = Annotated[Form, Depends(sent_sheet, scope="function")]


@router.get(
    "/policies", summary="Everybody's policies, the last added first", response_model=list[PolicyHeld]
)
def all_policies(
    *,
    db: Db,
    now: Now,
    me: Annotated[Caller, Depends(may("claims.look"))],
    text: Annotated[
        str | None,
        Query(max_length=LONGEST_TEXT, description="A part of the number, or of the holder's name."),
    ] = None,
    policy_type: PolicyKind | None = None,
    status: PolicyStatus | None = None,
    after: After = None,
    limit: PageSize = 50,
) -> Response:
    """Return a page of all policies; the header `Link` leads to the next one."""
    if text is not None and not text.isprintable():
        raise Invalid("This cannot be searched for.", fix="Write a plain text.")
    found = policy_sheets.page(db, text=text, kind=policy_type, status=status, after=after, limit=limit)
    today = today_of(me, now)
    words = {"text": text, "policy_type": policy_type, "status": status}
    return exact.answer(
        [PolicyHeld.held(one, today=today) for one in found.rows],
        headers=next_page("/policies", found.next, limit=limit, **words),
    )


@router.post("/policies/import", summary="Bring policies in", response_model=ImportShown, openapi_extra=_FORM)
def bring_in(
    *,
    db: Db,
    system: Running,
    now: Now,
    actor: Actor,
    sent: Sent,
    dry_run: Annotated[bool, Query(description="Say what would change, and change nothing.")] = False,
) -> Response:
    """Add and change policies as a sheet says; lines that are none are told, and the others are taken."""
    upload = sheet_of(sent, fields=["apply"])
    name = file_rules.clean_name(upload.name)
    with upload.path.open("rb") as body, importing.sheet(system, db, body, name=name) as read:
        if dry_run:
            return exact.answer(ImportShown.of(policies.plan(db, read), applied=False))
        done = policies.apply(
            db,
            system.ports.files,
            read,
            body=body,
            media_type=importing.media_type(body),
            seen=sent.fields.get("apply"),
            actor=actor,
            now=now,
        )
    return exact.answer(ImportShown.of(done, applied=True))
