"""What claimants are told, by mail and in a few words beside it, planned in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, DocumentState, Note
from recoup.areas.claims.rules import notices as words
from recoup.areas.claims.rules import telling as rules
from recoup.areas.claims.rules.statuses import REASONS, TITLES
from recoup.areas.claims.rules.wording import TYPES
from recoup.core.errors import Invalid
from recoup.core.money import Money
from recoup.core.parts import DeliveryKind, Go, Planned, Result
from recoup.office.controls import service as house
from recoup.office.journal import service as journal
from recoup.office.messages import service as messages
from recoup.office.notices.service import telling as notices
from recoup.office.notices.ways import Ways
from recoup.office.outbox.models import State
from recoup.office.people.models import Person

KIND = "claims.mail"


def tell_filed(
    db: Session,
    claim: Claim,
    documents: Sequence[Document],
    *,
    sender: str,
    portal: str,
    ways: Ways | None,
    now: datetime,
) -> None:
    """Plan the mail that a claim was filed; a second time plans nothing."""
    context = {
        **_about(db, claim, portal),
        "documents": [one.file_name for one in documents],
        "held": [one.file_name for one in documents if one.state == DocumentState.HELD],
    }
    _send(db, claim, "claims_filed", "filed", context, to=_address(db, claim), sender=sender, now=now)
    _notice(db, claim, "filed", words.filed(claim.claim_number), context, ways=ways, now=now)


def tell_moved(
    db: Session, claim: Claim, *, sender: str, portal: str, ways: Ways | None, now: datetime
) -> None:
    """Plan the mail that a claim has another status."""
    approved = Money(claim.approved_minor, claim.currency) if claim.approved_minor is not None else None
    about = _about(db, claim, portal)
    context = {
        **about,
        "colour": rules.COLOURS.get(claim.status, about["colour"]),
        "approved": rules.amount(approved) if approved else "",
        "reason": REASONS.get(claim.reason_code, ""),
        "notes": claim.status_notes,
        "until": claim.due_at if claim.status == "rejected" and claim.reason_code != "withdrawn" else None,
        "is_asked": claim.asked_at is not None,
    }
    _send(
        db,
        claim,
        "claims_status",
        f"{claim.version}",
        context,
        to=_address(db, claim),
        sender=sender,
        now=now,
    )
    said = words.moved(claim.claim_number, TITLES[claim.status], is_asked=claim.asked_at is not None)
    _notice(db, claim, f"{claim.version}", said, context, ways=ways, now=now)


def tell_noted(
    db: Session, claim: Claim, note: Note, *, sender: str, portal: str, ways: Ways | None, now: datetime
) -> None:
    """Plan the mail that a reviewer wrote, or asks for a document."""
    context = {**_about(db, claim, portal), "text": note.text, "is_request": note.is_request}
    _send(db, claim, "claims_note", f"{note.id}", context, to=_address(db, claim), sender=sender, now=now)
    said = words.noted(claim.claim_number, is_request=note.is_request)
    _notice(db, claim, f"{note.id}", said, context, ways=ways, now=now)


def tell_lost(
    db: Session,
    claim: Claim,
    document: Document,
    *,
    what: str,
    sender: str,
    portal: str,
    ways: Ways | None,
    now: datetime,
) -> None:
    """Plan the mail that a document could not be taken after all: which one, why, and what to do."""
    context = {**_about(db, claim, portal), "file": document.file_name, "what": what}
    key = f"lost:{document.id}"
    _send(db, claim, "claims_document_lost", key, context, to=_address(db, claim), sender=sender, now=now)
    _notice(db, claim, key, words.lost(claim.claim_number), context, ways=ways, now=now)


def _send(
    db: Session,
    claim: Claim,
    template: str,
    about: str,
    context: Mapping[str, Any],
    *,
    to: str,
    sender: str,
    now: datetime,
) -> None:
    """Plan one mail. An address that cannot be written to must not undo what it is told of: the journal has it."""
    try:
        messages.send(
            db,
            key=f"claims:{claim.id}:{about}",
            to=to,
            template=template,
            context=context,
            sender=sender,
            now=now,
            kind=KIND,
        )
    except Invalid as error:
        journal.record(
            db,
            "claims.unaddressable",
            f"claims/claim/{claim.id}",
            actor="claims",
            now=now,
            number=claim.claim_number,
            reason=error.detail,
        )


def _notice(
    db: Session,
    claim: Claim,
    about: str,
    said: str,
    context: Mapping[str, Any],
    *,
    ways: Ways | None,
    now: datetime,
) -> None:
    """Plan the few words that go with a mail, by the ways that the claimant switched on."""
    if ways is None:
        return
    notices.tell(
        db,
        key=f"claims:{claim.id}:{about}",
        person_id=claim.person_id,
        title=context["brand"],
        text=said,
        link=context["link"],
        ways=ways,
        now=now,
    )


def _about(db: Session, claim: Claim, portal: str) -> dict[str, Any]:
    held = house.values(db, controls.BRAND, controls.COLOUR)
    return {
        "brand": held.value(controls.BRAND),
        "colour": held.value(controls.COLOUR),
        "name": claim.person_name,
        "number": claim.claim_number,
        "policy": claim.policy_number,
        "type": TYPES[claim.claim_type],
        "incident": claim.incident_date,
        "amount": rules.amount(Money(claim.claim_minor, claim.currency)),
        "status": TITLES[claim.status],
        "at": claim.updated_at,
        "link": f"{portal}/desk/my-claims/{claim.id}",
    }


def _address(db: Session, claim: Claim) -> str:
    return db.get_one(Person, claim.person_id).address


def _before(db: Session, planned: Planned, now: datetime) -> Go:  # noqa: ARG001 - the outbox's shape
    return Go()


def _after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    """Write down, on the claim itself, that its claimant did not get a mail: the desk shows it until somebody calls."""
    if result.state != State.REFUSED:
        return
    claim_id = planned.key.split(":")[1]
    journal.record(
        db,
        "claims.mail_refused",
        f"claims/claim/{claim_id}",
        actor="claims",
        now=now,
        delivery=str(planned.id),
        reason=result.reason,
    )


DELIVERIES = DeliveryKind(KIND, before=_before, after=_after)
"""What the outbox asks before and after it hands over a mail of claims."""
