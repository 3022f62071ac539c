"""The page that looks into a file which a run left behind: tables as tables, text as text, up to a bound."""

from __future__ import annotations

from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.core.errors import Forbidden, NotFound
from recoup.office.files import service as files
from recoup.office.jobs import queries
from recoup.office.jobs.pages.runs import found
from recoup.office.jobs.rules import preview
from recoup.office.jobs.shown import LINK_LIVES
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Running

router = Router(
    prefix="/desk/runs/{run_id}/files",
    dependencies=[Depends(may("jobs.look")), Depends(may("files.look"))],
)


@router.get("/{file_id}")
def look(
    *, request: Request, db: Db, system: Running, now: Now, me: SignedIn, run_id: UUID, file_id: UUID
) -> Response:
    """Show the beginning of a file."""
    run = found(db, run_id)
    one = next((one for one in queries.artifacts(db, run.id) if one.file_id == file_id), None)
    if one is None:
        raise NotFound(f"Run {run_id} left no file {file_id} behind.")
    file = files.get(db, one.file_id)
    if file.may and not me.may(file.may):
        raise Forbidden("You may not open this file.", fix="Ask an administrator of this installation.")
    shown = None
    if preview.kind_of(file.name, file.media_type) is not None:
        with files.open_file(system.ports.files, file) as body:
            beginning = body.read(preview.MOST_BYTES)
        shown = preview.preview(file.name, file.media_type, beginning, is_whole=file.size <= len(beginning))
    secret = files.signing_secret(system.home)
    link = files.link(system.ports.files, secret, file, expires_in=LINK_LIVES, now=now)
    return pages.render(
        request, "jobs/artifact.html", run=run, name=one.name, file=file, shown=shown, link=link
    )
