"""My claims and my policies: what somebody filed, how it stands, what is asked of them, and what they can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims import controls, incoming
from recoup.areas.claims.api.common import After, ClaimId, by, house_of, today_of
from recoup.areas.claims.models import Claim, DocumentState, Status
from recoup.areas.claims.pages import shown_mine
from recoup.areas.claims.pages.common import HERE, POLICIES, Owner, person, shared
from recoup.areas.claims.queries import claim_rows, document_rows, draft_rows, own_rows, policy_rows
from recoup.areas.claims.rules.statuses import OPEN
from recoup.areas.claims.rules.wording import LONGEST_NOTES
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.service import claimant, notes
from recoup.areas.claims.service.adding import Place
from recoup.core.errors import Conflict, NotFound, RecoupError
from recoup.core.keyset import Slice
from recoup.core.system import Caller, System
from recoup.office.controls import service as house
from recoup.web import pages
from recoup.web.deps import Db, Now, Router, Running, Typed

DECIDED_ROWS = 20

router = Router()


@dataclass(frozen=True, slots=True)
class Told:
    """What a claim's page is told besides: which form did not work, why, and what was typed into it."""

    form: str = ""
    text: str = ""
    problem: RecoupError | None = None


@router.get(HERE)
def my_claims(request: Request, db: Db, me: Owner, now: Now, after: After = None) -> Response:
    """Show drafts to go on with, claims that are not decided, and those that are."""
    who = person(me)
    decided: Slice[Claim] = own_rows.decided_claims(db, who, after=after, limit=DECIDED_ROWS)
    is_first = after is None
    begun = draft_rows.open_of(db, who) if is_first else ()
    open_ = own_rows.open_claims(db, who) if is_first else ()
    ids = [one.id for one in (*open_, *decided.rows)]
    return pages.render(
        request,
        "claims/my_claims.html",
        tab="claims",
        begun=begun,
        counts=own_rows.document_counts(db, [one.id for one in begun]),
        open=open_,
        decided=decided,
        is_first=is_first,
        infected=own_rows.infected(db, ids),
        has_policies=bool(policy_rows.of_person(db, who)),
        can_appeal=lambda claim: shown_mine.can_appeal(claim, now=now),
        **shared(),
    )


@router.get(POLICIES)
def my_policies(request: Request, db: Db, me: Owner, now: Now) -> Response:
    """Show one's policies, and the way to file a claim on each."""
    rows = policy_rows.of_person(db, person(me))
    shown = shown_mine.policies(rows, today=today_of(me, now))
    return pages.render(request, "claims/my_policies.html", tab="policies", policies=shown, **shared())


@router.get(f"{HERE}/{{claim_id}}")
def one_claim(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId
) -> Response:
    """Show one's own claim."""
    return shown_claim(request, db, system, claim_id, me=me, now=now)


@router.post(f"{HERE}/{{claim_id}}/messages")
def write(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId, typed: Typed
) -> Response:
    """Write to the reviewer."""

    def work(text: str) -> None:
        claim = claimant.own(db, claim_id, by(me))
        said = clean(text, what="The message", longest=LONGEST_NOTES, required=True)
        notes.write(db, claim, said, from_staff=False, by=by(me), house_=house_of(system), now=now)

    refused = _tried(
        work,
        "message",
        _word(typed, "text"),
        request=request,
        db=db,
        system=system,
        claim_id=claim_id,
        me=me,
        now=now,
    )
    return refused or pages.lead_on(f"{HERE}/{claim_id}#story", "Your message is with the reviewer.")


@router.post(f"{HERE}/{{claim_id}}/withdrawal")
def withdraw(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId, typed: Typed
) -> Response:
    """Withdraw a claim that nobody reviews yet."""

    def work(text: str) -> None:
        note = clean(text, what="The note", longest=LONGEST_NOTES)
        claimant.withdraw(db, claim_id, note=note, by=by(me), house_=house_of(system), now=now)

    refused = _tried(
        work,
        "withdraw",
        _word(typed, "note"),
        request=request,
        db=db,
        system=system,
        claim_id=claim_id,
        me=me,
        now=now,
    )
    return refused or pages.lead_on(f"{HERE}/{claim_id}", "The claim is withdrawn.")


@router.post(f"{HERE}/{{claim_id}}/appeal")
def appeal(
    *, request: Request, db: Db, system: Running, me: Owner, now: Now, claim_id: ClaimId, typed: Typed
) -> Response:
    """Have a rejected claim looked at again."""

    def work(text: str) -> None:
        note = clean(text, what="The reason", longest=LONGEST_NOTES)
        claimant.appeal(db, claim_id, note=note, by=by(me), house_=house_of(system), now=now)

    refused = _tried(
        work,
        "appeal",
        _word(typed, "note"),
        request=request,
        db=db,
        system=system,
        claim_id=claim_id,
        me=me,
        now=now,
    )
    told = "Your appeal is with the reviewers: they look at the claim again."
    return refused or pages.lead_on(f"{HERE}/{claim_id}", told)


def _tried(
    work: Callable[[str], None],
    form: str,
    text: str,
    *,
    request: Request,
    db: Session,
    system: System,
    claim_id: int,
    me: Caller,
    now: datetime,
) -> Response | None:
    """Do what a form of the claim's page asks for; return the page with what was typed where it is refused."""
    try:
        with db.begin_nested():
            work(text)
    except NotFound:
        raise
    except RecoupError as error:
        told = Told(form, text, error)
        return shown_claim(request, db, system, claim_id, me=me, now=now, status=error.status, told=told)
    return None


def shown_claim(
    request: Request,
    db: Session,
    system: System,
    claim_id: int,
    *,
    me: Caller,
    now: datetime,
    status: int = 200,
    refused: tuple[str, ...] = (),
    told: Told | None = None,
) -> Response:
    """Show one's own claim: nothing of what helps reviewers to decide, and none of their names."""
    db.expire_all()
    claim = claim_rows.by_id(db, claim_id, owner=person(me))
    if claim is None or claim.is_history:
        raise NotFound(f"There is no claim {claim_id}.", fix="Your claims are under My claims.")
    documents = document_rows.of_claim(db, claim.id)
    payments = claim_rows.payments(db, claim.id)
    payment = payments[-1] if payments else None
    story = shown_mine.stream(
        claim,
        me=me.name,
        history=claim_rows.histories(db, [claim.id])[claim.id],
        notes=claim_rows.notes(db, claim.id),
        documents=documents,
        payments=payments,
    )
    missed = own_rows.not_reached(db, claim.id, since=now - shown_mine.TROUBLE_IS_TOLD)
    place = str(Place(claim_id=claim.id))
    can = {"withdraw": claim.status == Status.PENDING, "appeal": shown_mine.can_appeal(claim, now=now)}
    if told is not None and not can.get(told.form, True):
        told = replace(told, form="message")  # its form is gone; what was typed may still be said
    return pages.render(
        request,
        "claims/my_claim.html",
        status=status,
        tab="claims",
        here=f"{HERE}/{claim.id}",
        claim=claim,
        lines=claim_rows.lines(db, claim.id),
        next=shown_mine.next_of(claim, payment, now=now),
        payment=payment,
        story=story,
        asks=[one for one in story if one.waits],
        documents=documents,
        held=[one for one in documents if one.state == DocumentState.HELD],
        infected=[one for one in documents if one.state == DocumentState.INFECTED],
        takes_documents=_takes_documents(db, claim, now=now),
        coming=incoming.unfinished(system.home, person(me), place),
        most_documents=house.value(db, controls.MOST_DOCUMENTS),
        missed=missed,
        address=own_rows.address(db, claim.person_id) if missed else "",
        can=can,
        refused=refused,
        told=told or Told(),
        longest=LONGEST_NOTES,
        **shared(),
    )


def _takes_documents(db: Session, claim: Claim, *, now: datetime) -> bool:
    if claim.status not in OPEN:
        return False
    try:
        notes.check_asked(db, claim, now=now)
    except Conflict:
        return False
    return True


def _word(typed: Mapping[str, str | list[str]], name: str) -> str:
    found = typed.get(name, "")
    return found if isinstance(found, str) else ""
