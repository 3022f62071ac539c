"""Documents looked at: a page as a picture, and the way to the file itself.

For whoever filed the claim, and for who looks at claims. Nothing of a document is parsed here: its stored bytes go to
the keeper, which draws in a process that can do no harm.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from recoup.areas.claims import controls, incoming
from recoup.areas.claims.api.common import DocumentId
from recoup.areas.claims.documents import kinds
from recoup.areas.claims.documents.kinds import Kind
from recoup.areas.claims.models import Document, DocumentState
from recoup.areas.claims.pages import shown_mine
from recoup.areas.claims.queries import document_rows, own_rows
from recoup.core.errors import Conflict, Forbidden, Invalid, Misconfigured, NotFound
from recoup.core.system import Caller, System
from recoup.office.controls import service as house
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.web.auth import SignedIn
from recoup.web.deps import Db, Now, Router, Running

WIDTHS = (160, 320, 640, 1_200, 2_000)
"""Pixels that a page is drawn wide; what is asked for is rounded up, so that few pictures are made of a page."""

router = Router(prefix="/desk/claims-documents/{document_id}")


@router.get("/pages/{number}")
def page(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: SignedIn,
    document_id: DocumentId,
    number: Annotated[int, InPath(ge=1, le=100_000)],
    width: Annotated[int, Query(ge=16, le=WIDTHS[-1])] = 1_200,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Draw a page. The reader's own browser may keep it, and asks each time whether it may still be seen."""
    document, file = _seen(db, me, document_id)
    if not shown_mine.can_be_drawn(document):
        raise Invalid("Word documents can only be downloaded.")
    wide = next(one for one in WIDTHS if one >= width)
    etag = f'"{document.id}-{file.sha256}-{number}-{wide}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Cookie"}
    if etag in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    db.expunge_all()
    db.rollback()  # no transaction is open while a page is drawn
    if wide == WIDTHS[0]:
        request.state.noted = True  # the small picture beside a name is not another look at it
    body = _drawn(system, document, file, number, wide)
    return Response(body, media_type=kinds.PREVIEW_TYPES[Kind(document.kind)], headers=headers)


@router.get("/download")
def download(db: Db, system: Running, now: Now, me: SignedIn, document_id: DocumentId) -> Response:
    """Lead to the file, by a link that works for some minutes."""
    _, file = _seen(db, me, document_id)
    lives = timedelta(minutes=house.value(db, controls.LINK_MINUTES))
    link = files.link(system.ports.files, files.signing_secret(system.home), file, expires_in=lives, now=now)
    return RedirectResponse(link, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _seen(db: Session, me: Caller, document_id: int) -> tuple[Document, File]:
    """Return a document that the caller may see, with its bytes; raise NotFound, or why nobody gets it."""
    looks = me.may("claims.look")
    person = me.person if me.may("claims.own") else None
    found = (
        own_rows.document(db, document_id, person_id=person, looks=looks)
        if looks or person is not None
        else None
    )
    if found is None:
        raise NotFound(f"There is no document {document_id}.")
    if found.state == DocumentState.HELD:
        raise Conflict(shown_mine.why_not_given(found), fix="Look again in a few minutes.")
    if found.state != DocumentState.KEPT:
        raise Forbidden(shown_mine.why_not_given(found))
    file = document_rows.file_of(db, found)
    if file is None:
        raise NotFound(f"There are no bytes of {found.file_name}.")
    files.check_stands(db, file)
    return found, file


def _drawn(system: System, document: Document, file: File, number: int, width: int) -> bytes:
    if system.ports.documents is None:
        raise Misconfigured("This program draws no documents.", fix="Ask the server.")
    with tempfile.TemporaryDirectory(dir=incoming.folder(system.home)) as own:
        source, into = Path(own) / "document", Path(own) / "page"
        with files.open_file(system.ports.files, file) as body, source.open("wb") as copy:
            shutil.copyfileobj(body, copy)
        system.ports.documents.picture(source, kind=document.kind, page=number, width=width, into=into)
        return into.read_bytes()
