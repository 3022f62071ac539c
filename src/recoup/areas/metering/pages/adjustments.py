"""Differences found late: the list, what settling some of them would do, and the settling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from recoup.areas.metering.lists import ADJUSTMENTS
from recoup.areas.metering.queries import detail_rows
from recoup.areas.metering.rules.adjusting import preview
from recoup.areas.metering.schemas import SettleAdjustments
from recoup.areas.metering.service import adjustments as settling
from recoup.core.errors import Invalid, RecoupError
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Typed

HERE = "/desk/metering/adjustments"
MOST = 200

router = Router(prefix=HERE, dependencies=[Depends(may("metering.look"))])

How = Literal["carry", "dismiss"]


@router.get("")
def all_adjustments(request: Request, db: Db) -> Response:
    """List differences found late."""
    return pages.listed(request, db, ADJUSTMENTS, template="metering/adjustments.html", tab="adjustments")


@router.get("/settle", dependencies=[Depends(may("metering.settle"))])
def preview_of(
    request: Request,
    db: Db,
    how: How = "carry",
    id: Annotated[list[UUID], Query(max_length=MOST)] = [],  # noqa: A002, B006 - the boxes of the list are called so
) -> Response:
    """Show what settling these adjustments would do; nothing is changed yet."""
    return _preview(request, db, how=how, ids=id)


@router.post("/settle", dependencies=[Depends(may("metering.settle"))])
def settle(request: Request, db: Db, actor: Actor, now: Now, typed: Typed) -> Response:
    """Carry the differences on, or let them go."""
    asked, errors = forms.read(SettleAdjustments, typed)
    if asked is None:
        first = next(iter(errors.values()))
        return pages.render(request, "web/problem.html", status=422, problem=first, back=HERE)
    try:
        with db.begin_nested():
            ended = settling.end_all(
                db, asked.id, carry=asked.how == "carry", note=asked.note, actor=actor, now=now
            )
    except RecoupError as error:
        return _preview(
            request, db, how=asked.how, ids=asked.id, note=asked.note, problem=error, status=error.status
        )
    count = "1 difference" if len(ended) == 1 else f"{len(ended)} differences"
    did = "carried on into the next submissions" if asked.how == "carry" else "let go"
    return pages.lead_on(HERE, f"{count} {did}.")


def _preview(
    request: Request,
    db: Db,
    *,
    how: How,
    ids: Sequence[UUID],
    note: str = "",
    problem: RecoupError | None = None,
    status: int = 200,
) -> Response:
    chosen = detail_rows.chosen_adjustments(db, ids)
    if not chosen:
        nothing = Invalid("No adjustment was chosen.", fix="Choose one or more in the list.")
        return pages.render(request, "web/problem.html", status=nothing.status, problem=nothing, back=HERE)
    return pages.render(
        request,
        "metering/settle_adjustments.html",
        status=status,
        problem=problem,
        chosen=chosen,
        effects=preview(
            (
                one.stream,
                one.adjustment.contract,
                one.adjustment.dimension,
                one.carried,
                one.adjustment.difference,
            )
            for one in chosen
        ),
        how=how,
        note=note,
    )
