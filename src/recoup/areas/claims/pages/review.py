"""One claim for who decides on it: documents beside what is claimed, flags, hints, the decision; its whole file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from recoup.areas.claims.api.common import ClaimId, by, house_of
from recoup.areas.claims.lists import DECIDES, DESK, MAY
from recoup.areas.claims.models import Claim, Decision, DocumentState, PaymentState, Status
from recoup.areas.claims.pages import asked, shown
from recoup.areas.claims.pages.common import PAGE_WIDTH, PAGES_SHOWN
from recoup.areas.claims.pages.queue import to_claim, to_queue, wanted_of
from recoup.areas.claims.pages.shown_mine import TONES, pages_of, why_not_given
from recoup.areas.claims.queries import (
    claim_rows,
    desk_rows,
    document_rows,
    flag_rows,
    policy_rows,
    review_rows,
)
from recoup.areas.claims.rules import statuses
from recoup.areas.claims.rules.flags import TITLES as FLAG_TITLES
from recoup.areas.claims.rules.known import known_at
from recoup.areas.claims.rules.wording import TYPES
from recoup.areas.claims.service import moves, reviewing
from recoup.core.errors import NotFound, RecoupError
from recoup.core.money import Money
from recoup.core.system import Caller, System
from recoup.office.journal.models import Event
from recoup.office.journal.telling import Telling
from recoup.office.outbox.bodies import mail_of
from recoup.office.people.models import Person
from recoup.web import inert, pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Running

NOT_REACHED_FOR = timedelta(days=90)
LONGEST_WORDS = 4_000

router = Router(prefix=DESK, dependencies=[Depends(may(MAY))])

Words = Annotated[str, Query(alias="queue", max_length=LONGEST_WORDS)]
"""The words of the queue's address that a claim was opened from."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a form said, and what was wrong with it; ``changed`` is what happened since its page was made."""

    status: int = 200
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: RecoupError | None = None
    changed: Sequence[Event] = ()


@router.get("/{claim_id:int}")
def one(
    *,
    request: Request,
    db: Db,
    system: Running,
    now: Now,
    me: SignedIn,
    claim_id: ClaimId,
    queue: Words = "",
    document: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    amount: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show a claim."""
    typed = {"amount": amount} if amount else {}
    return page(
        request, db, system, me, claim_id, words=queue, document=document, said=Said(typed=typed), now=now
    )


@router.get("/{claim_id:int}/mail", dependencies=[Depends(may(DECIDES))])
def look_at_mail(
    *, request: Request, db: Db, system: Running, now: Now, me: SignedIn, claim_id: ClaimId
) -> Response:
    """Show the mail that the claimant would get of a decision, as it would leave; nothing is done, nothing is kept."""
    claim = of(db, claim_id)
    typed = asked.words(dict(request.query_params))
    try:
        wanted = asked.read(claim, claim_rows.lines(db, claim.id), typed)
        planned = reviewing.rehearse(
            db, claim.id, lambda: wanted.do(db, by=by(me), house_=house_of(system), now=now)
        )
    except asked.Wrong as error:
        return _told(" ".join(error.errors.values()))
    except RecoupError as error:
        return _told(error.sentence())
    if planned.is_waiting:
        return _told("No mail leaves yet: this amount is above your limit, and waits for a second person.")
    mail = mail_of(planned.mail) if planned.mail is not None else None
    return (
        inert.framed(mail.html) if mail else _told("No mail leaves: the claimant has no address that works.")
    )


@router.get("/{claim_id:int}/file")
def whole_file(*, request: Request, db: Db, system: Running, me: SignedIn, claim_id: ClaimId) -> Response:
    """Show everything that there is of a claim on one page, to be printed: who decided, when, and what was known."""
    claim = of(db, claim_id)
    if _is_own(claim, me):
        raise NotFound(
            "The file of your own claim is kept by others.", fix="You find your claim under My claims."
        )
    about = _about(db, claim)
    events = review_rows.events(db, claim.id)
    documents, flags = about["documents"], about["flags"]
    decided = [
        row for row in about["history"] if row.status in {"approved", "rejected"} and row.was != row.status
    ]
    return pages.render(
        request,
        "claims/desk_file.html",
        **about,
        claim=claim,
        amount=Money(claim.claim_minor, claim.currency),
        Money=Money,
        person=_person(db, claim),
        known=[(row, known_at(row.at, documents, flags)) for row in decided],
        steps=_story(claim, about),
        notes=claim_rows.notes(db, claim.id),
        mails=review_rows.mails(db, claim.id),
        readings={key: shown.readings(rows) for key, rows in about["proposals"].items()},
        events=events,
        sentence=_sentences(system),
        who=shown.namer(claim, about["history"]),
        made_by=me.name,
        **_words_of(),
    )


def page(
    request: Request,
    db: Session,
    system: System,
    me: Caller,
    claim_id: int,
    *,
    words: str,
    document: int = 0,
    said: Said | None = None,
    now: datetime,
) -> Response:
    """Answer with the page of a claim, as a look or after a form that did not go through."""
    claim, told = of(db, claim_id), said or Said()
    is_own = _is_own(claim, me)
    about = _about(db, claim)
    wanted = wanted_of(words, zone=me.zone)
    following = desk_rows.following(db, wanted, claim, now=now) if wanted is not None else None
    waiting: Decision | None = about["waiting"]
    may_decide = me.may(DECIDES) and not is_own and not claim.is_history
    documents = about["documents"]
    open_one = next((one for one in documents if one.id == document), documents[0] if documents else None)
    held = desk_rows.names(db, [claim.assignee_id]) if claim.assignee_id is not None else {}
    return pages.render(
        request,
        "claims/desk_claim.html",
        status=told.status,
        problem=told.problem,
        **{**about, **({"flags": [], "estimate": None} if is_own else {})},
        claim=claim,
        amount=Money(claim.claim_minor, claim.currency),
        most=moves.most_paid(db, claim),
        Money=Money,
        units=shown.units,
        person=_person(db, claim),
        is_own=is_own,
        may_decide=may_decide,
        choices=_choices(claim, waiting, about["open_payment"]) if may_decide else (),
        is_first=waiting is not None and waiting.first_by == by(me).actor,
        assignee=held.get(claim.assignee_id, "a reviewer") if claim.assignee_id is not None else "",
        is_mine=me.person is not None and claim.assignee_id == me.person,
        late=desk_rows.late_by(claim, now=now),
        open_document=open_one,
        readings=shown.readings(about["proposals"].get(open_one.id, [])) if open_one and not is_own else [],
        about_file=shown.about_file,
        is_about=shown.is_about,
        pages_of=pages_of,
        why_not_given=why_not_given,
        page_width=PAGE_WIDTH,
        pages_shown=PAGES_SHOWN,
        steps=_story(claim, about),
        notes=claim_rows.notes(db, claim.id),
        same_person=review_rows.others_of_person(db, claim),
        same_policy=[
            one for one in review_rows.others_of_policy(db, claim) if one.person_id != claim.person_id
        ],
        not_reached=review_rows.not_reached(db, since=now - NOT_REACHED_FOR, claim_id=claim.id),
        seen=review_rows.latest_event(db, claim.id) or "",
        words=words,
        back=to_queue(words),
        next_href=to_claim(following, words) if following is not None else to_queue(words),
        has_next=following is not None,
        typed=told.typed,
        errors=told.errors,
        changed=told.changed,
        sentence=_sentences(system),
        who=shown.namer(claim, about["history"]),
        here=f"{DESK}/{claim.id}",
        **_words_of(),
    )


def of(db: Session, claim_id: int) -> Claim:
    """Return a claim; raise NotFound."""
    claim = claim_rows.by_id(db, claim_id)
    if claim is None:
        raise NotFound(f"There is no claim {claim_id}.", fix="Look for it by its number, such as CLM-2025….")
    return claim


def changed_since(db: Session, claim_id: int, seen: str) -> Sequence[Event]:
    """Return what happened to a claim since a page of it was made, as the page says in its form."""
    try:
        return review_rows.events_since(db, claim_id, UUID(seen))
    except ValueError:
        return []


def _about(db: Session, claim: Claim) -> dict[str, Any]:
    """Return what hangs on a claim."""
    documents = document_rows.of_claim(db, claim.id)
    payments = claim_rows.payments(db, claim.id)
    return {
        "policy": policy_rows.of_id(db, claim.policy_id) if claim.policy_id is not None else None,
        "lines": claim_rows.lines(db, claim.id),
        "documents": documents,
        "flags": flag_rows.of_claims(db, [claim.id])[claim.id],
        "history": claim_rows.histories(db, [claim.id])[claim.id],
        "decisions": claim_rows.decisions(db, claim.id),
        "waiting": claim_rows.waiting(db, claim.id),
        "payments": payments,
        "open_payment": next((one for one in payments if one.state == PaymentState.OPEN), None),
        "estimate": review_rows.estimate(db, claim.id),
        "proposals": review_rows.proposals(db, [one.id for one in documents]),
        "kept": DocumentState.KEPT,
    }


def _story(claim: Claim, about: Mapping[str, Any]) -> list[shown.Step]:
    names = ("history", "decisions", "payments", "flags", "documents")
    return shown.story(claim, **{name: about[name] for name in names})


def _sentences(system: System) -> Callable[[Event], str]:
    """Return what tells an event, with statuses as people write them."""
    telling = Telling(system.parts.desk)
    return lambda event: telling.sentence(event).replace("under_review", "under review")


def _words_of() -> dict[str, Any]:
    """Return how things are called."""
    return {
        "types": TYPES,
        "titles": statuses.TITLES,
        "reasons": statuses.REASONS,
        "flag_titles": FLAG_TITLES,
        "tones": TONES,
    }


def _choices(claim: Claim, waiting: Decision | None, open_payment: object) -> tuple[str, ...]:
    """Return what can be decided now."""
    if waiting is not None:
        return ("second",)
    match claim.status:
        case Status.PENDING:
            return ("approve", "reject", "ask", "review")
        case Status.UNDER_REVIEW:
            return ("approve", "reject", "ask")
        case Status.APPROVED:
            return ("pay",) if open_payment is not None else ("complete",)
        case Status.REJECTED if claim.reason_code != "withdrawn":
            return ("reopen",)
    return ()


def _is_own(claim: Claim, me: Caller) -> bool:
    return me.person is not None and claim.person_id == me.person


def _person(db: Session, claim: Claim) -> Person | None:
    """Return the claimant, where the reader may know of people."""
    return db.get(Person, claim.person_id)


def _told(sentence: str) -> HTMLResponse:
    return inert.framed(f'<p style="font-family:sans-serif;padding:1rem">{escape(sentence)}</p>')
