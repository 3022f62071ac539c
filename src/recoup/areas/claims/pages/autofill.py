"""What the documents of a draft say, beside what is typed: asked for while they are read, taken over by a click."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from recoup.areas.claims.api.common import today_of
from recoup.areas.claims.pages import typed_in
from recoup.areas.claims.pages.common import HERE, Owner, shared
from recoup.areas.claims.pages.steps import Telling, at, form, shown_step
from recoup.areas.claims.service import autofill, drafts
from recoup.core.errors import Conflict
from recoup.web import pages
from recoup.web.deps import Db, Now, Router, Running, Typed

TOLD = {"claim_amount": "The amount is now what was read.", "incident_date": "The day is now what was read."}
Beside = Literal["documents", "review"]

router = Router(prefix=HERE)


@router.get("/drafts/{draft_id}/readings/{step}")
def readings(*, request: Request, db: Db, me: Owner, now: Now, draft_id: UUID, step: Beside) -> Response:
    """Show what the documents say by now; while one of them is read, the page asks again."""
    request.state.noted = True  # a page that lies open is one visit
    draft = drafts.opened(db, draft_id, me.person)
    shown = form(db, draft, step, me=me, now=now, telling=Telling())
    return pages.render(request, "claims/filing_readings.html", **shown, **shared())


@router.post("/drafts/{draft_id}/readings/{step}")
def use(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: Owner,
    now: Now,
    draft_id: UUID,
    step: Beside,
    typed: Typed,
) -> Response:
    """Take over what was read, as a button says; only that field changes."""
    draft = drafts.opened(db, draft_id, me.person)
    word = typed_in.word(typed, "use")
    try:
        found = autofill.taken(db, draft, word, today=today_of(me, now), now=now)
    except Conflict as error:
        telling = Telling(status=error.status, problem=error)
        return shown_step(request, db, system, me=me, draft=draft, step=step, now=now, telling=telling)
    drafts.type_in(db, draft, found, now=now)
    return pages.lead_on(f"{at(draft_id)}/{step}#readings", TOLD[next(iter(found))])
