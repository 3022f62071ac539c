"""Moving many claims with one request: each by itself, with a result for each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from recoup.areas.claims.api.common import by, house_of
from recoup.areas.claims.queries import claim_rows
from recoup.areas.claims.rules.wording import LONGEST_NOTES, amount
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.schemas import BulkAsked, BulkResult, BulkShown
from recoup.areas.claims.service import bulk
from recoup.areas.claims.service.bulk import Chosen
from recoup.areas.claims.service.moves import Move
from recoup.core.errors import Invalid
from recoup.core.system import Caller
from recoup.web import exact
from recoup.web.auth import may
from recoup.web.deps import Db, Now, Running
from recoup.web.exact import ExactRoute

router = APIRouter(tags=["claims"], route_class=ExactRoute)


@router.post("/claims/bulk-status", summary="Move many claims, each by itself", response_model=BulkShown)
def move_many(
    *,
    db: Db,
    system: Running,
    now: Now,
    me: Annotated[Caller, Depends(may("claims.decide"))],
    asked: BulkAsked,
) -> Response:
    """Move each claim as it could be moved alone. What one is refused for keeps none of the others."""
    move = Move(
        asked.status,
        clean(asked.status_notes or "", what="The notes", longest=LONGEST_NOTES),
        asked.reason_code or "",
    )
    done = bulk.move(db, _chosen(db, asked), move, by=by(me), house_=house_of(system), now=now)
    results = [
        BulkResult(
            id=one.claim_id,
            outcome=one.outcome,
            claim_number=one.number,
            status=one.status,
            detail=one.sentence,
        )
        for one in done.results
    ]
    return exact.answer(
        BulkShown(
            id=done.id,
            done=done.count("done"),
            waiting=done.count("waiting"),
            refused=done.count("refused"),
            results=results,
        )
    )


def _chosen(db: Db, asked: BulkAsked) -> list[Chosen]:
    """Read the amounts in each claim's own currency; one that is not there is told of with the others."""
    currencies = claim_rows.currencies(db, [one.id for one in asked.claims])
    found = []
    for one in asked.claims:
        minor = None
        if one.approved_amount is not None and one.id in currencies:
            try:
                minor = amount(one.approved_amount, currencies[one.id], what="The approved amount").minor
            except Invalid as error:
                raise Invalid(f"Claim {one.id}: {error.detail}", fix=error.fix) from None
        found.append(Chosen(one.id, one.version, minor))
    return found
