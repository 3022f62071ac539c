"""What reviewers ask: everybody's claims, and deciding on them."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from recoup.areas.claims.api.common import (
    After,
    ClaimId,
    IfMatch,
    PageSize,
    by,
    house_of,
    in_full,
    next_page,
    shown,
    version_of,
)
from recoup.areas.claims.api.own import visible
from recoup.areas.claims.models import Claim, Status
from recoup.areas.claims.queries import claim_rows, figure_rows
from recoup.areas.claims.rules.approving import ApprovedLine
from recoup.areas.claims.rules.wording import LONGEST_NOTES, amount
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.schemas import (
    AssigneeAsked,
    ClaimInFull,
    ClaimShown,
    ClaimsShown,
    DecisionAsked,
    FindingAsked,
    FlagShown,
    LineAsked,
    PaymentAsked,
    StatusAsked,
    units,
)
from recoup.areas.claims.service import assigning, deciding, flagging, moves, payments
from recoup.areas.claims.service.moves import Move, Moved
from recoup.core.errors import BadRequest, Forbidden
from recoup.core.system import Caller, System
from recoup.web import exact
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Running
from recoup.web.exact import ExactRoute
from recoup.web.known import only_known

router = APIRouter(tags=["claims"], route_class=ExactRoute, dependencies=[Depends(only_known)])

MOST_SKIPPED = 10_000

Looks = Annotated[Caller, Depends(may("claims.look"))]
Decides = Annotated[Caller, Depends(may("claims.decide"))]


@router.get("/claims/all", summary="Everybody's claims, the newest first", response_model=list[ClaimShown])
def all_claims(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Looks,  # noqa: ARG001 - the permission
    status: Status | None = None,
    fraud_only: Annotated[bool, Query(description="Only claims with a flag that nobody looked at.")] = False,
    skip: Annotated[
        int, Query(ge=0, le=MOST_SKIPPED, description="How many to leave out; `after` is faster.")
    ] = 0,
    after: After = None,
    limit: PageSize = 50,
) -> Response:
    """Return a page of all claims; the header `Link` leads to the next one."""
    found = claim_rows.page(
        db, owner=None, status=status, flagged=fraud_only, skip=skip, after=after, limit=limit
    )
    body = shown(db, system, list(found.rows), for_staff=True, now=now)
    words = {"status": status.value if status else None, "fraud_only": "true" if fraud_only else None}
    return exact.answer(list(body), headers=next_page("/claims/all", found.next, limit=limit, **words))


@router.get("/claims/stats", summary="How claims stand as a whole", response_model=ClaimsShown)
def stats(db: Db, me: Looks) -> Response:  # noqa: ARG001 - the permission
    """Return counts, and what was approved by currency."""
    found = figure_rows.totals(db)
    payout = {currency: units(minor, currency) for currency, minor in found.approved.items()}
    return exact.answer(
        ClaimsShown(
            total_claims=found.claims,
            pending_claims=found.pending,
            total_payout=payout,
            fraud_alerts=found.flagged,
        )
    )


@router.patch(
    "/claims/{claim_id}/status",
    summary="Move a claim",
    response_model=ClaimInFull,
    responses={202: {"description": "The approval waits for a second person.", "model": ClaimInFull}},
)
def move_status(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: SignedIn,
    claim_id: ClaimId,
    asked: StatusAsked,
    if_match: IfMatch = None,
) -> Response:
    """Move a claim as a reviewer. Above the reviewer's limit an approval is answered with 202 and waits."""
    claim = visible(db, claim_id, me)
    if not me.may("claims.decide"):
        raise Forbidden(
            "Only reviewers move claims.", fix="A claim of yours is withdrawn or appealed on its page."
        )
    moved = moves.move(
        db, claim_id, _move(claim, asked, if_match), by=by(me), house_=house_of(system), now=now
    )
    return _answer(db, system, moved, now)


@router.post(
    "/claims/{claim_id}/decision",
    summary="Confirm an approval as the second person",
    response_model=ClaimInFull,
)
def decide(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Decides,
    claim_id: ClaimId,
    asked: DecisionAsked,
    if_match: IfMatch = None,
) -> Response:
    """Confirm what another reviewer decided above their limit, or send it back."""
    version = version_of(if_match, asked.version)
    note = clean(asked.note, what="The note", longest=LONGEST_NOTES)
    if asked.confirm:
        moved = deciding.confirm(
            db, claim_id, version=version, note=note, by=by(me), house_=house_of(system), now=now
        )
    else:
        moved = deciding.send_back(db, claim_id, version=version, note=note, by=by(me), now=now)
    return _answer(db, system, moved, now)


@router.post(
    "/claims/{claim_id}/payment",
    summary="Say that a claim was paid, or will not be",
    response_model=ClaimInFull,
)
def pay(
    *, db: Db, system: Running, now: Now, me: Decides, claim_id: ClaimId, asked: PaymentAsked
) -> Response:
    """End a claim's open payment; ``reference`` names the transfer, or the reason why there is none."""
    claim = moves.locked(db, claim_id)
    moves.not_ones_own(claim, by(me))
    reference = clean(asked.reference, what="The reference", longest=300)
    payments.end(db, claim, asked.state, reference=reference, actor=by(me).actor, now=now)
    return _answer(db, system, Moved(claim), now)


@router.post(
    "/claims/{claim_id}/assignee", summary="Take a claim, or give it back", response_model=ClaimInFull
)
def assign(
    *, db: Db, system: Running, now: Now, me: Decides, claim_id: ClaimId, asked: AssigneeAsked
) -> Response:
    """Take a claim for oneself (``me``), or leave it to anybody (``nobody``)."""
    claim = assigning.assign(db, claim_id, me.person if asked.to == "me" else None, by=by(me), now=now)
    return _answer(db, system, Moved(claim), now)


@router.post(
    "/claims/{claim_id}/flags/{flag_id}", summary="Say whether a flag was right", response_model=FlagShown
)
def resolve_flag(
    *, db: Db, now: Now, me: Decides, claim_id: ClaimId, flag_id: ClaimId, asked: FindingAsked
) -> Response:
    """Resolve a flag with a note."""
    note = clean(asked.note, what="The note", longest=LONGEST_NOTES, required=True)
    return exact.answer(
        FlagShown.of(flagging.resolve(db, claim_id, flag_id, asked.finding, note=note, by=by(me), now=now))
    )


def _move(claim: Claim, asked: StatusAsked, if_match: str | None) -> Move:
    if asked.status not in set(Status):
        raise BadRequest("This is no status.", fix=f"Give one of {', '.join(Status)}.")
    return Move(
        Status(asked.status),
        clean(asked.status_notes or "", what="The notes", longest=LONGEST_NOTES),
        asked.reason_code or "",
        _minor(asked.approved_amount, claim) if asked.approved_amount is not None else None,
        [_line(one, claim) for one in asked.lines],
        version_of(if_match, asked.version),
    )


def _line(asked: LineAsked, claim: Claim) -> ApprovedLine:
    is_nothing = re.fullmatch(r"0{1,10}(\.0{1,10})?", asked.approved_amount) is not None
    return ApprovedLine(
        asked.position, 0 if is_nothing else _minor(asked.approved_amount, claim), asked.reason_code
    )


def _minor(text: str, claim: Claim) -> int:
    return amount(text, claim.currency, what="The approved amount").minor


def _answer(db: Db, system: System, moved: Moved, now: Now) -> Response:
    body = in_full(db, system, moved.claim, for_staff=True, now=now)
    status = 202 if moved.waiting is not None else 200
    return exact.answer(body, status=status, headers={"ETag": f'"{moved.claim.version}"'})
