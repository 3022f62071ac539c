"""What a policy holder asks: their policies, their claims, and filing one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from recoup.areas.claims import receiving
from recoup.areas.claims.api.common import (
    After,
    ClaimId,
    DocumentId,
    PageSize,
    by,
    house_of,
    in_full,
    links,
    next_page,
    person_of,
    shown,
    today_of,
)
from recoup.areas.claims.models import Claim, DocumentState
from recoup.areas.claims.queries import claim_rows, document_rows, policy_rows
from recoup.areas.claims.rules import cover
from recoup.areas.claims.rules import loss as losses
from recoup.areas.claims.rules.wording import LONGEST_NOTES
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.schemas import (
    ClaimInFull,
    ClaimShown,
    DocumentShown,
    NoteAsked,
    NoteShown,
    PolicyShown,
    SaidAsked,
    UrlShown,
)
from recoup.areas.claims.service import claimant, filing, notes
from recoup.areas.claims.service.filing import Key
from recoup.core.errors import BadRequest, Conflict, Invalid, NotFound
from recoup.core.system import Caller
from recoup.web import exact, uploads
from recoup.web.auth import Actor, SignedIn, may, permit
from recoup.web.deps import Db, Now, Running
from recoup.web.exact import ExactRoute
from recoup.web.known import only_known
from recoup.web.uploads import Form

router = APIRouter(tags=["claims"], route_class=ExactRoute, dependencies=[Depends(only_known)])

LONGEST_KEY = 255
ID_DIGITS = 19
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["user_policy_id", *losses.REQUIRED, "files"],
                    "additionalProperties": False,
                    "properties": {
                        "user_policy_id": {"type": "integer", "minimum": 1},
                        "claim_type": {"type": "string"},
                        "incident_date": {"type": "string", "format": "date"},
                        "description": {"type": "string"},
                        "claim_amount": {"type": "number", "exclusiveMinimum": 0},
                        "loss_time": {"type": "string", "description": "Such as 14:30."},
                        "loss_location": {"type": "string"},
                        "cause": {"type": "string"},
                        "police_report_no": {"type": "string"},
                        "reported_at": {"type": "string", "format": "date"},
                        "lines": {
                            "type": "string",
                            "description": 'The parts of the claim: a JSON list of {"title", "amount"}.',
                        },
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        },
                    },
                }
            }
        },
    }
}


async def sent_form(request: Request, system: Running, me: SignedIn) -> AsyncIterator[Form]:
    """Read the form with its files, after it is known who sends it."""
    permit(me, "claims.own")
    async with uploads.received(request, system.home, receiving.bounds(receiving.MOST_AT_ONCE)) as form:
        yield form


Sent = Annotated[Form, Depends(sent_form, scope="function")]


@router.get("/policies/my", summary="The caller's policies", response_model=list[PolicyShown])
def my_policies(db: Db, now: Now, me: Annotated[Caller, Depends(may("claims.own"))]) -> Response:
    """Return the caller's policies, those that end last first."""
    today = today_of(me, now)
    rows = policy_rows.of_person(db, me.person) if me.person else []
    return exact.answer([PolicyShown.of(one, is_active=cover.is_active(one, today=today)) for one in rows])


@router.post("/claims", summary="File a claim with documents", response_model=ClaimShown, openapi_extra=_FORM)
def file_claim(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: SignedIn,
    actor: Actor,
    sent: Sent,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key and content again answers with the claim that was filed."),
    ] = None,
) -> Response:
    """File a claim: it stands with all its documents, or not at all."""
    person = person_of(me)
    policy_id, key = _policy_id(sent), _key(idempotency_key, sent)
    losses.look(sent.fields)
    if not sent.files:
        raise BadRequest("At least one document is required.", fix="Send it as files.")
    # No transaction is open while documents are read.
    ready = receiving.examined(system, sent.files, sent.folder, actor=actor, now=now)
    if key is not None and (known := filing.filed_before(db, person, key)) is not None:
        return exact.answer(shown(db, system, [visible(db, known, me)], for_staff=False, now=now)[0])
    policy = filing.policy_for(db, policy_id, person)
    filed = filing.file(
        db,
        system.ports.files,
        policy,
        losses.checked(sent.fields, currency=policy.currency),
        ready=ready,
        key=key,
        today=today_of(me, now),
        actor=actor,
        now=now,
    )
    urls = links(db, system, filed.documents, now=now)
    return exact.answer(
        ClaimShown.of(filed.claim, documents=filed.documents, urls=urls, history=filed.history, flags=())
    )


@router.get("/claims", summary="The caller's claims, the newest first", response_model=list[ClaimShown])
def my_claims(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Annotated[Caller, Depends(may("claims.own"))],
    after: After = None,
    limit: PageSize = 50,
) -> Response:
    """Return a page of the caller's own claims; the header `Link` leads to the next one."""
    person_of(me)
    found = claim_rows.page(db, owner=me.person, after=after, limit=limit)
    body = shown(db, system, list(found.rows), for_staff=False, now=now)
    return exact.answer(list(body), headers=next_page("/claims", found.next, limit=limit))


@router.post("/claims/{claim_id}/withdrawal", summary="Withdraw one's own claim", response_model=ClaimShown)
def withdraw(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Annotated[Caller, Depends(may("claims.own"))],
    claim_id: ClaimId,
    asked: SaidAsked,
) -> Response:
    """Withdraw a claim that nobody has taken under review yet."""
    note = clean(asked.note, what="The note", longest=LONGEST_NOTES)
    claim = claimant.withdraw(db, claim_id, note=note, by=by(me), house_=house_of(system), now=now)
    return exact.answer(shown(db, system, [claim], for_staff=False, now=now)[0])


@router.post("/claims/{claim_id}/appeal", summary="Appeal against a rejection", response_model=ClaimShown)
def appeal(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Annotated[Caller, Depends(may("claims.own"))],
    claim_id: ClaimId,
    asked: SaidAsked,
) -> Response:
    """Have a rejected claim looked at again; the note says why."""
    note = clean(asked.note, what="The note", longest=LONGEST_NOTES)
    claim = claimant.appeal(db, claim_id, note=note, by=by(me), house_=house_of(system), now=now)
    return exact.answer(shown(db, system, [claim], for_staff=False, now=now)[0])


@router.post(
    "/claims/{claim_id}/documents",
    summary="Add a document that a reviewer asked for",
    response_model=DocumentShown,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["files"],
                        "properties": {"files": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
def add_document(
    *, db: Db, system: Running, now: Now, me: SignedIn, actor: Actor, claim_id: ClaimId, sent: Sent
) -> Response:
    """Add one document to an open claim that a reviewer asked for more on."""
    claim = claimant.own(db, claim_id, by(me))
    if len(sent.files) != 1 or sent.fields:
        raise Invalid("This takes one document.", fix="Send it as files.")
    notes.check_asked(db, claim, now=now)
    db.rollback()  # no transaction is open while documents are read
    (ready,) = receiving.examined(system, sent.files, sent.folder, actor=actor, now=now)
    claim = claimant.own(db, claim_id, by(me))
    document = notes.add_document(db, system.ports.files, claim, ready, by=by(me), now=now)
    return exact.answer(DocumentShown.of(document, links(db, system, [document], now=now).get(document.id)))


@router.get("/claims/{claim_id}/notes", summary="The messages of a claim", response_model=list[NoteShown])
def read_notes(db: Db, me: SignedIn, claim_id: ClaimId) -> Response:
    """Return the messages of a claim, oldest first."""
    claim = visible(db, claim_id, me)
    return exact.answer([NoteShown.of(one) for one in claim_rows.notes(db, claim.id)])


@router.post("/claims/{claim_id}/notes", summary="Write a message on a claim", response_model=NoteShown)
def write_note(
    *, db: Db, system: Running, now: Now, me: SignedIn, claim_id: ClaimId, asked: NoteAsked
) -> Response:
    """Write to the reviewers, or as one to the claimant."""
    claim = visible(db, claim_id, me, for_update=True)
    from_staff = me.person is None or claim.person_id != me.person
    if from_staff:
        permit(me, "claims.decide")
    note = notes.write(
        db,
        claim,
        clean(asked.text, what="The message", longest=LONGEST_NOTES, required=True),
        from_staff=from_staff,
        is_request=asked.is_request,
        by=by(me),
        house_=house_of(system),
        now=now,
    )
    return exact.answer(NoteShown.of(note))


@router.get("/claims/{claim_id}", summary="One claim with everything", response_model=ClaimInFull)
def one_claim(*, db: Db, system: Running, now: Now, me: SignedIn, claim_id: ClaimId) -> Response:
    """Return one's own claim, or any for who works here."""
    claim = visible(db, claim_id, me)
    body = in_full(
        db, system, claim, for_staff=me.may("claims.look") and claim.person_id != me.person, now=now
    )
    return exact.answer(body, headers={"ETag": f'"{claim.version}"'})


@router.get(
    "/claims/{claim_id}/documents/{document_id}/refresh-url",
    summary="A new link to a document",
    response_model=UrlShown,
)
def refresh_url(
    *, db: Db, system: Running, now: Now, me: SignedIn, claim_id: ClaimId, document_id: DocumentId
) -> Response:
    """Return a link that works for some minutes."""
    claim = visible(db, claim_id, me)
    document = document_rows.one(db, document_id, claim_id=claim.id)
    if document is None:
        raise NotFound(f"There is no document {document_id} on this claim.")
    if document.state != DocumentState.KEPT:
        raise Conflict(
            f"{document.file_name} is {document.state}, and is not given out.", fix=document.reason
        )
    return exact.answer(UrlShown(url=links(db, system, [document], now=now)[document.id]))


def visible(db: Db, claim_id: int, me: Caller, *, for_update: bool = False) -> Claim:
    """Return a claim that the caller may see: their own, or any for who works here. Raise NotFound otherwise."""
    owner = None if me.may("claims.look") else me.person
    if owner is None and not me.may("claims.look"):
        raise NotFound(f"There is no claim {claim_id}.")
    claim = claim_rows.by_id(db, claim_id, owner=owner, for_update=for_update)
    if claim is None:
        raise NotFound(f"There is no claim {claim_id}.")
    return claim


def _policy_id(sent: Form) -> int:
    unknown = sorted(set(sent.fields) - {"user_policy_id", *losses.FIELDS})
    if unknown:
        raise Invalid(f"A claim has no field {unknown[0][:60]!r}.")
    text = sent.fields.get("user_policy_id", "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= ID_DIGITS):
        raise Invalid("user_policy_id has to be the number of one of your policies.", fix="See /policies/my.")
    return int(text)


def _key(text: str | None, sent: Form) -> Key | None:
    if text is None:
        return None
    if not 0 < len(text) <= LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.")
    return Key(text, sent.sha256)
