"""Pages of past claims: a file is chosen, a run looks at it, and another one loads it or nobody does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.claims import history
from recoup.areas.claims.jobs.past import LAYOUTS, MAY
from recoup.areas.claims.rules.statuses import TITLES
from recoup.areas.claims.rules.wording import TYPES
from recoup.core.errors import Invalid, RecoupError, TooLarge
from recoup.core.money import Money
from recoup.office.files import rules as file_rules
from recoup.office.jobs import queries as runs
from recoup.office.jobs.models import RunState
from recoup.web import pages, uploads
from recoup.web.auth import Actor, SignedIn, may, permit
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.uploads import Form

HERE = "/desk/claims/history"
ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
ABOUT = {
    "recoup": "Columns of your own, as this page names them",
    "nfip": "FEMA's flood claims, as OpenFEMA publishes them",
}

router = Router(prefix=HERE, dependencies=[Depends(may(MAY))])


async def chosen_file(request: Request, system: Running, me: SignedIn) -> AsyncIterator[Form | RecoupError]:
    """Give the form with the file, or why it could not be read: the page says so beside the field."""
    permit(me, MAY)
    async with AsyncExitStack() as stack:
        try:
            form = await stack.enter_async_context(uploads.received(request, system.home, history.BOUNDS))
        except (Invalid, TooLarge) as error:
            yield error
            return
        yield form


Chosen = Annotated[Form | RecoupError, Depends(chosen_file, scope="function")]


@router.get("")
def choose(request: Request) -> Response:
    """Show where to choose a file, and what it has to look like."""
    return _choose(request)


@router.post("")
def look(*, request: Request, db: Db, system: Running, actor: Actor, now: Now, sent: Chosen) -> Response:
    """Keep the file, and queue the run that says what it would load."""
    if isinstance(sent, RecoupError):
        return _choose(request, problem=sent)
    layout = sent.fields.get("layout", "")
    upload = next((one for one in sent.files if one.name or one.size), None)
    if upload is None:
        none = Invalid("No file was chosen.", fix="Choose a CSV file.")
        return _choose(request, problem=none, layout=layout)
    try:
        chosen = history.layout_of(layout)
    except Invalid as error:
        return _choose(request, problem=error, layout=layout)
    with upload.path.open("rb") as body:
        name = file_rules.clean_name(upload.name)
        file = history.keep(db, system.ports.files, body=body, name=name, actor=actor, now=now)
    db.flush()
    run = history.start(db, file.id, chosen, dry_run=True, actor=actor, now=now)
    return pages.lead_on(f"{HERE}/{run.id}")


@router.get("/{run_id}")
def preview(request: Request, db: Db, system: Running, run_id: UUID) -> Response:
    """Show how far the look at a file is, then what would be loaded and what would not, and why."""
    run, params = history.looked(db, run_id)
    is_over = run.state not in ACTIVE
    return pages.render(
        request,
        "claims/history_preview.html",
        run=run,
        is_active=not is_over,
        is_good=run.state == RunState.SUCCEEDED,
        name=history.name_of(db, params.file),
        seen=history.seen(db, system.ports.files, run) if is_over else None,
        rejected=next((one for one in runs.artifacts(db, run.id) if one.name == "rejected.csv"), None),
        stands=history.stands(db, params.file),
        types=TYPES,
        titles=TITLES,
        Money=Money,
        here=HERE,
    )


@router.post("/{run_id}/load")
def load(*, db: Db, actor: Actor, now: Now, run_id: UUID) -> Response:
    """Queue the run that loads the file, and lead to it."""
    run = history.load(db, run_id, actor=actor, now=now)
    return pages.lead_on(f"/desk/runs/{run.id}", "The past claims are being loaded: all of them, or none.")


@router.post("/{run_id}/leave")
def leave(*, db: Db, actor: Actor, now: Now, run_id: UUID) -> Response:
    """Give the file up."""
    history.leave(db, run_id, actor=actor, now=now)
    return pages.lead_on(HERE, "Everything was left as it is.", tone="calm")


def _choose(request: Request, *, problem: RecoupError | None = None, layout: str = "recoup") -> Response:
    columns = LAYOUTS["recoup"].columns
    return pages.render(
        request,
        "claims/history.html",
        status=problem.status if problem else 200,
        error=problem.sentence() if problem else "",
        layout=layout,
        layouts=ABOUT,
        required=columns.required,
        optional=[name for name in columns.spellings if name not in columns.required],
        largest=history.LARGEST,
        here=HERE,
    )
