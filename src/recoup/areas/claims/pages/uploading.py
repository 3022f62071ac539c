"""Documents on their way in: piece by piece from a script that goes on after a lost connection, or with a plain form.

The script asks ``POST …/uploads`` with name and size, sends pieces with ``PATCH …/uploads/ID?offset=N``, and asks
``GET …/uploads/ID`` where to go on. The last piece is answered with the document as a page shows it, or with the
sentence why it was refused; whoever lost that answer sends an empty piece and gets it again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import ClientDisconnect

from recoup.areas.claims import controls, incoming, receiving
from recoup.areas.claims.api.common import ClaimId, by
from recoup.areas.claims.documents import kinds
from recoup.areas.claims.incoming import Announced, Elsewhere, Incoming
from recoup.areas.claims.models import Document
from recoup.areas.claims.pages import steps
from recoup.areas.claims.pages.common import HERE, Owner, at_place, person, shared
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.service import adding
from recoup.areas.claims.service.adding import Place
from recoup.core.errors import BadRequest, Invalid, RecoupError, TooLarge, Unavailable, Unsupported
from recoup.core.system import Caller, System
from recoup.office.controls import service as house
from recoup.web import pages
from recoup.web.deps import Db, Now, Route, Running
from recoup.web.errors import problem
from recoup.web.wire import Asked

FOR_GOOD = (Invalid, Unsupported)
"""What is wrong with a document itself: sending it again changes nothing."""


class AskedByScript(Route):
    """A route that a script of a page asks: it is told what went wrong in a problem document, not in a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the usual handler, which raises nothing that we foresee."""
        usual = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await usual(request)
            except Elsewhere as error:
                return problem(error.status, error.sentence(), offset=error.offset)
            except RecoupError as error:
                headers = {}
                if isinstance(error, Unavailable) and error.retry_after is not None:
                    headers["Retry-After"] = str(error.retry_after)
                return problem(error.status, error.sentence(), headers=headers)
            except RequestValidationError:
                return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "This upload cannot be read.")

        return told


router = APIRouter(prefix=HERE, route_class=AskedByScript)


class UploadAsked(Asked):
    """What a browser says of a file."""

    name: Annotated[str, Field(max_length=incoming.LONGEST_NAME)]
    size: Annotated[int, Field(ge=0, le=2**53)]
    type: Annotated[str, Field(max_length=200)] = ""
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    modified: Annotated[str, Field(max_length=40, pattern="^[0-9]*$")] = ""


# ---------------------------------------------------------------- piece by piece


@router.post("/drafts/{draft_id}/uploads")
def begin_for_draft(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, draft_id: UUID, asked: UploadAsked
) -> Response:
    """Begin to send a document of a draft, or go on with one."""
    return _begun(request, db, system, asked, me=me, place=Place(draft_id=draft_id), now=now)


@router.post("/{claim_id}/uploads")
def begin_for_claim(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId, asked: UploadAsked
) -> Response:
    """Begin to send a document that a reviewer asked for, or go on with one."""
    return _begun(request, db, system, asked, me=me, place=Place(claim_id=claim_id), now=now)


@router.get("/uploads/{upload_id}")
def where(system: Running, me: Owner, upload_id: UUID) -> Response:
    """Say where an upload goes on."""
    return _shown(incoming.find(system.home, person(me), upload_id))


async def piece_of(request: Request, me: Owner) -> bytes:  # noqa: ARG001 - nobody else's bytes are read
    """Read a piece; raise TooLarge on the byte that is too many."""
    piece = bytearray()
    try:
        async for chunk in request.stream():
            piece += chunk
            if len(piece) > incoming.PIECE:
                raise TooLarge(f"A piece has at most {incoming.PIECE:,} bytes.")
    except ClientDisconnect:
        raise BadRequest("The connection ended before the piece was whole.") from None
    return bytes(piece)


@router.patch("/uploads/{upload_id}")
def take(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: Owner,
    now: Now,
    upload_id: UUID,
    offset: Annotated[int, Query(ge=0, le=kinds.LARGEST)],
    piece: Annotated[bytes, Depends(piece_of)],
) -> Response:
    """Take a piece; the last one is answered with what became of the document."""
    request.state.noted = True  # a document is one change here, and stands in the journal
    known = incoming.take(system.home, person(me), upload_id, offset=offset, piece=piece)
    if not known.is_whole:
        return _shown(known)
    return _received(request, db, system, upload_id, me=me, now=now)


def _begun(
    request: Request,
    db: Session,
    system: System,
    asked: UploadAsked,
    *,
    me: Caller,
    place: Place,
    now: datetime,
) -> Response:
    request.state.noted = True
    announced = Announced(asked.name, asked.size, asked.type, asked.sha256, asked.modified)
    known = incoming.same(system.home, person(me), str(place), announced)
    others = incoming.announced_bytes(system.home, person(me), without=known.id if known else None)
    adding.check_room(db, place, size=asked.size + others, by=by(me), now=now)
    db.rollback()
    return _shown(known or incoming.begin(system.home, person(me), str(place), announced, now=now))


def _shown(known: Incoming) -> Response:
    body = {
        "id": str(known.id),
        "address": f"{HERE}/uploads/{known.id}",
        "offset": known.arrived,
        "size": known.announced.size,
    }
    return JSONResponse(body)


def _received(
    request: Request, db: Session, system: System, upload_id: UUID, *, me: Caller, now: datetime
) -> Response:
    """Read a document that is whole, and keep it; only the first who asks does, the others wait for what it became."""
    with incoming.whole(system.home, person(me), upload_id) as (known, path):
        if known.refused:
            return problem(known.status, known.refused)
        place = adding.place_of(known.place)
        if known.document_id is None:
            try:
                document = _read(db, system, known, path, me=me, place=place, now=now)
            except FOR_GOOD as error:
                incoming.settle(system.home, person(me), known, error)
                raise
            incoming.settle(system.home, person(me), known, document.id)
        else:
            document = _again(db, place, known.document_id)
    return _row(request, db, place, document, me=me, now=now)


def _read(
    db: Session, system: System, known: Incoming, path: Path, *, me: Caller, place: Place, now: datetime
) -> Document:
    with tempfile.TemporaryDirectory(dir=incoming.folder(system.home)) as own:
        said = known.announced
        ready = receiving.received(
            system,
            path,
            name=said.name,
            declared=said.declared,
            into=Path(own) / "out",
            actor=by(me).actor,
            now=now,
        )
        document = adding.add(db, system.ports.files, place, ready, since=known.begun_at, by=by(me), now=now)
    db.commit()  # before the upload is settled: what it became has to stand
    return document


def _again(db: Session, place: Place, document_id: int) -> Document:
    """Return the document that an upload became; raise Invalid where it was removed since."""
    found = document_rows.one(db, document_id, claim_id=place.claim_id, draft_id=place.draft_id)
    if found is None:
        raise Invalid("The document was removed meanwhile.", fix="Choose the file again.")
    return found


def _row(
    request: Request, db: Session, place: Place, document: Document, *, me: Caller, now: datetime
) -> Response:
    there = (
        document_rows.of_draft(db, place.draft_id)
        if place.draft_id is not None
        else document_rows.of_claim(db, place.claim_id or 0)
    )
    return pages.render(
        request,
        "claims/document_row.html",
        status=HTTPStatus.CREATED,
        document=document,
        count=len(there),
        most_documents=house.value(db, controls.MOST_DOCUMENTS),
        here=at_place(place),
        can_remove=place.draft_id is not None,
        **(steps.beside(db, place.draft_id, me=me, now=now) if place.draft_id is not None else {}),
        **shared(),
    )
