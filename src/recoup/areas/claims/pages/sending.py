"""Documents that come with a form, as browsers without a script send them; and taking one out again."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims import controls, incoming, receiving
from recoup.areas.claims.api.common import ClaimId, DocumentId, by
from recoup.areas.claims.api.own import Sent
from recoup.areas.claims.documents import kinds
from recoup.areas.claims.pages import mine, steps
from recoup.areas.claims.pages.common import HERE, Owner, at_place, person, shared
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.service import adding, drafts
from recoup.areas.claims.service.adding import Place
from recoup.areas.claims.service.moves import By
from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.web import pages
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.uploads import Form

router = Router(prefix=HERE)


@router.post("/drafts/{draft_id}/documents")
def add_to_draft(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, draft_id: UUID, sent: Sent
) -> Response:
    """Take documents with a form, and say what became of each."""
    place = Place(draft_id=draft_id)
    refused, added = _all(db, system, place, sent, who=by(me), now=now)
    if not refused:
        return pages.lead_on(f"{at_place(place)}/documents", _told(added))
    draft = drafts.opened(db, draft_id, me.person)
    telling = steps.Telling(status=422, refused=tuple(refused))
    return steps.shown_step(
        request, db, system, me=me, draft=draft, step="documents", now=now, telling=telling
    )


@router.post("/{claim_id}/documents")
def add_to_claim(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId, sent: Sent
) -> Response:
    """Take documents that a reviewer asked for, with a form."""
    place = Place(claim_id=claim_id)
    refused, added = _all(db, system, place, sent, who=by(me), now=now)
    if not refused:
        return pages.lead_on(at_place(place), _told(added))
    return mine.shown_claim(request, db, system, claim_id, me=me, now=now, status=422, refused=tuple(refused))


def _all(
    db: Session, system: System, place: Place, sent: Form, *, who: By, now: datetime
) -> tuple[list[str], list[str]]:
    """Take each document of a form by itself; return the sentences of those that were refused, and names of others."""
    refused: list[str] = []
    added: list[str] = []
    files = [
        one for one in sent.files if one.name or one.size
    ]  # browsers send an empty one where none is chosen
    if not files:
        refused.append("No document was chosen.")
    for number, one in enumerate(files):
        try:
            adding.check_room(db, place, size=one.size, by=who, now=now)
            db.rollback()  # no transaction is open while a document is read
            ready = receiving.received(
                system,
                one.path,
                name=one.name,
                declared=one.declared,
                into=sent.folder / f"{number}.out",
                actor=who.actor,
                now=now,
            )
            document = adding.add(db, system.ports.files, place, ready, since=now, by=who, now=now)
            db.commit()  # each stands for itself: one that is refused later takes no other away
            added.append(document.file_name)
        except RecoupError as error:
            db.rollback()
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                raise
            refused.append(error.sentence())
    return refused, added


def _told(added: list[str]) -> str:
    return f"{added[0]} is here." if len(added) == 1 else f"{len(added)} documents are here."


@router.post("/drafts/{draft_id}/documents/{document_id}/remove")
def remove(
    *, request: Request, db: Db, me: Owner, now: Now, draft_id: UUID, document_id: DocumentId
) -> Response:
    """Take a document out of a draft."""
    draft = drafts.opened(db, draft_id, me.person)
    found = document_rows.one(db, document_id, draft_id=draft_id)
    drafts.remove_document(db, draft, document_id, by=by(me), now=now)
    name = found.file_name if found is not None else "The document"
    place = Place(draft_id=draft_id)
    if "hx-request" not in request.headers:
        return pages.lead_on(f"{at_place(place)}/documents", f"{name} was removed.")
    return pages.render(
        request,
        "claims/document_gone.html",
        name=name,
        count=len(document_rows.of_draft(db, draft_id)),
        most_documents=house.value(db, controls.MOST_DOCUMENTS),
        here=at_place(place),
        **steps.beside(db, draft_id, me=me, now=now),
        **shared(),
    )


@router.post("/uploads/{upload_id}/remove")
def forget(*, request: Request, system: Running, me: Owner, upload_id: UUID) -> Response:
    """Remove what arrived of a document that somebody does not want to send any more."""
    known = incoming.find(system.home, person(me), upload_id)
    incoming.remove(system.home, person(me), upload_id)
    name = kinds.clean(known.announced.name)
    if "hx-request" not in request.headers:
        place = adding.place_of(known.place)
        step = "/documents" if place.draft_id is not None else ""
        return pages.lead_on(f"{at_place(place)}{step}", f"{name} was removed.")
    return pages.render(request, "claims/document_gone.html", name=name, count=None, most_documents=0)
