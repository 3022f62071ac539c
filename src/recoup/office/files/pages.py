"""Pages of stored files: the list, one file, and the way to its bytes."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from recoup.core.errors import Forbidden
from recoup.core.system import Caller
from recoup.office.files import queries, rules, service
from recoup.office.files.lists import FILES
from recoup.office.files.models import File
from recoup.office.journal.telling import title_of
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Running

LINK_LIVES = timedelta(minutes=5)
"""Long enough to follow a redirect, and to begin again where a download broke off."""

router = Router(prefix="/desk/files", dependencies=[Depends(may("files.look"))])


@router.get("")
def listed(request: Request, db: Db) -> Response:
    """List files."""
    return pages.listed(
        request, db, FILES, lead="Everything that is kept here: exports, reports, and what runs left behind."
    )


@router.get("/{file_id}")
def one(request: Request, db: Db, me: SignedIn, file_id: UUID) -> Response:
    """Show what is known of a file."""
    file = service.get(db, file_id)
    return pages.render(
        request,
        "files/file.html",
        file=file,
        kind=rules.kind_of(file.name, file.media_type),
        belongs_to=title_of(file.subject),
        opens=_opens(me, file),
        withdrawn=queries.withdrawn(db, file.id),
    )


@router.get("/{file_id}/download")
def download(db: Db, system: Running, now: Now, me: SignedIn, file_id: UUID) -> Response:
    """Lead to the bytes, by a link that is made for this one look."""
    file = service.get(db, file_id)
    if not _opens(me, file):
        raise Forbidden(
            f"You may not open {file.name}: that needs the permission {file.may}.",
            fix="Ask an administrator of this installation.",
        )
    service.check_stands(db, file)
    secret = service.signing_secret(system.home)
    link = service.link(system.ports.files, secret, file, expires_in=LINK_LIVES, now=now)
    return RedirectResponse(link, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _opens(me: Caller, file: File) -> bool:
    return not file.may or me.may(file.may)
