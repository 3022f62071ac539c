"""Filing a claim, step by step: policy, what happened, documents, review. The draft lies on the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims import incoming
from recoup.areas.claims.api.common import by, today_of
from recoup.areas.claims.models import Claim, Draft
from recoup.areas.claims.pages import shown_mine, typed_in
from recoup.areas.claims.pages.common import HERE, Owner, person, shared
from recoup.areas.claims.pages.steps import (
    OF_STEP,
    STEPS,
    Step,
    Telling,
    Typing,
    at,
    currency_of,
    form,
    shown_step,
)
from recoup.areas.claims.queries import claim_rows, document_rows, draft_rows, own_rows, policy_rows
from recoup.areas.claims.rules import autofill as offers
from recoup.areas.claims.service import autofill, drafts
from recoup.areas.claims.service.adding import Place
from recoup.core.errors import Conflict, Invalid, NotFound, RecoupError
from recoup.core.system import Caller
from recoup.web import pages
from recoup.web.deps import Db, Now, Router, Running, Typed

NEW = f"{HERE}/new"
router = Router(prefix=HERE)


# ---------------------------------------------------------------- beginning


@router.get("/new")
def new(
    request: Request, db: Db, me: Owner, now: Now, policy: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Ask for the policy; nothing is begun before it is chosen."""
    return _new(request, db, me, chosen=policy, today=today_of(me, now))


@router.post("/new")
def begin(*, request: Request, db: Db, me: Owner, now: Now, typed: Typed) -> Response:
    """Begin a draft, and go on to what happened."""
    values = typed_in.values_of("policy", typed)
    today = today_of(me, now)
    try:
        with db.begin_nested():
            draft = drafts.begin(db, person(me), now=now)
            drafts.type_in(db, draft, values, now=now)
            if problem := drafts.problems(db, draft, today=today).get("user_policy_id"):
                raise Invalid(problem)
    except RecoupError as error:
        return _new(request, db, me, chosen=values["user_policy_id"], today=today, problem=error)
    return pages.lead_on(f"{at(draft.id)}/what-happened")


def _new(
    request: Request,
    db: Session,
    me: Caller,
    *,
    chosen: str,
    today: date,
    problem: RecoupError | None = None,
) -> Response:
    rows = policy_rows.of_person(db, person(me))
    return pages.render(
        request,
        "claims/filing_policy.html",
        status=problem.status if problem else 200,
        draft=None,
        here=NEW,
        step="policy",
        steps=STEPS,
        done=frozenset(),
        begun=draft_rows.open_of(db, person(me)),
        policies=shown_mine.policies(rows, today=today),
        chosen=chosen,
        errors={"user_policy_id": problem.sentence()} if problem else {},
        was="{}",
        **shared(),
    )


# ---------------------------------------------------------------- the steps


@router.get("/drafts/{draft_id}")
def go_on(db: Db, me: Owner, now: Now, draft_id: UUID) -> Response:
    """Lead to the first step at which something is missing."""
    draft = _draft(db, me, draft_id)
    if draft.filed_at is not None:
        return _to_filed(draft_id)
    wrong = drafts.problems(db, draft, today=today_of(me, now)).keys()
    step = next((step for step in STEPS if OF_STEP[step] & wrong), "review")
    return pages.lead_on(f"{at(draft_id)}/{step}")


@router.get("/drafts/{draft_id}/filed")
def filed(request: Request, db: Db, me: Owner, now: Now, draft_id: UUID) -> Response:
    """Say that the claim was filed, and what happens next."""
    draft = _draft(db, me, draft_id)
    if draft.filed_claim_id is None:
        return pages.lead_on(at(draft_id))
    claim = _claim(db, me, draft.filed_claim_id)
    return pages.render(
        request,
        "claims/filing_filed.html",
        here=at(draft_id),
        draft=draft,
        step="filed",
        steps=STEPS,
        done=frozenset(STEPS),
        claim=claim,
        documents=document_rows.of_claim(db, claim.id),
        next=shown_mine.next_of(claim, None, now=now),
        **shared(),
    )


@router.get("/drafts/{draft_id}/{step}")
def one_step(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: Owner,
    now: Now,
    draft_id: UUID,
    step: Step,
    check: bool = False,
    part: bool = False,
) -> Response:
    """Show a step of a draft; a draft that was filed leads to its claim."""
    draft = _draft(db, me, draft_id)
    if draft.filed_at is not None:
        return _to_filed(draft_id)
    return shown_step(
        request,
        db,
        system,
        me=me,
        draft=draft,
        step=step,
        now=now,
        telling=Telling(checked=check, one_more=part),
    )


@router.post("/drafts/{draft_id}/file")
def file(*, request: Request, db: Db, system: Running, me: Owner, now: Now, draft_id: UUID) -> Response:
    """File the claim, once: whoever presses again, here or on another device, is led to what was filed."""
    draft = draft_rows.by_id(db, draft_id, owner=person(me), for_update=True)
    if draft is not None and draft.filed_at is not None:
        return _to_filed(draft_id)
    today = today_of(me, now)
    try:
        with db.begin_nested():
            draft = drafts.opened(db, draft_id, me.person)
            drafts.file(
                db,
                system.ports.files,
                draft,
                today=today,
                by=by(me),
                now=now,
            )
    except NotFound:
        raise
    except RecoupError as error:
        db.expire_all()
        problem = None if drafts.problems(db, _draft(db, me, draft_id), today=today) else error
        telling = Telling(status=error.status, problem=problem, checked=True)
        draft = _draft(db, me, draft_id)
        return shown_step(request, db, system, me=me, draft=draft, step="review", now=now, telling=telling)
    incoming.remove_all(system.home, person(me), str(Place(draft_id=draft_id)))
    return _to_filed(draft_id)


@router.post("/drafts/{draft_id}/discard")
def discard(*, db: Db, system: Running, me: Owner, now: Now, draft_id: UUID) -> Response:
    """Throw a draft away with its documents."""
    draft = drafts.opened(db, draft_id, me.person)
    drafts.discard(db, draft, by=by(me), now=now)
    incoming.remove_all(system.home, person(me), str(Place(draft_id=draft_id)))
    return pages.lead_on(HERE, "The draft was discarded.")


@router.post("/drafts/{draft_id}/{step}/save")
def save(
    *, request: Request, db: Db, me: Owner, now: Now, draft_id: UUID, step: Typing, typed: Typed
) -> Response:
    """Keep what was typed, right or wrong, while somebody types; say so, and what is wrong beside its field."""
    request.state.noted = True  # typing on is one visit, not one for each field
    draft = drafts.opened(db, draft_id, me.person)
    values = typed_in.values_of(step, typed)
    drafts.type_in(db, draft, typed_in.changed(values, typed), now=now)
    shown = form(db, draft, step, me=me, now=now, telling=Telling())
    return pages.render(
        request,
        "claims/saved.html",
        fields=(*typed_in.FIELDS[step], "parts"),
        **{**shown, "was": json.dumps(values, ensure_ascii=False)},
        **shared(),
    )


@router.post("/drafts/{draft_id}/{step}")
def keep(
    *,
    request: Request,
    db: Db,
    system: Running,
    me: Owner,
    now: Now,
    draft_id: UUID,
    step: Typing,
    typed: Typed,
) -> Response:
    """Keep what was typed, and go where the button says; to go on, the step has to be right."""
    if _draft(db, me, draft_id).filed_at is not None:
        return _to_filed(draft_id)
    draft = drafts.opened(db, draft_id, me.person)
    go, values = typed_in.word(typed, "go"), typed_in.values_of(step, typed)
    fresh = typed_in.changed(values, typed) | typed_in.removed(typed, go)
    if go == "sum":
        fresh |= _sum(db, draft, values)
    try:
        if offers.is_use(go):
            fresh |= autofill.taken(db, draft, go, today=today_of(me, now), now=now)
        drafts.type_in(db, draft, fresh, now=now)
    except (Invalid, Conflict) as error:
        telling = Telling(status=error.status, typed=values, problem=error)
        return shown_step(request, db, system, me=me, draft=draft, step=step, now=now, telling=telling)
    to = _onward(draft_id, step, go)
    if to is not None:
        return to
    if OF_STEP[step] & drafts.problems(db, draft, today=today_of(me, now)).keys():
        telling = Telling(status=422, checked=True)
        return shown_step(request, db, system, me=me, draft=draft, step=step, now=now, telling=telling)
    names = list(STEPS)
    return pages.lead_on(f"{at(draft_id)}/{names[names.index(step) + 1]}")


def _onward(draft_id: UUID, step: str, go: str) -> Response | None:
    """Return where a button leads that does not ask whether the step is right; None for the one that does."""
    if go == "later":
        return pages.lead_on(HERE, "Your draft is kept. Go on with it whenever you like, here or elsewhere.")
    if go in STEPS and go != step:
        return pages.lead_on(f"{at(draft_id)}/{go}")
    if go in {"sum", "add-part"} or go.startswith("remove-part"):
        more = "?part=yes" if go == "add-part" else ""
        return pages.lead_on(f"{at(draft_id)}/{step}{more}#parts")
    if offers.is_use(go):
        name = "incident_date" if go.startswith("use-day") else "claim_amount"
        return pages.lead_on(f"{at(draft_id)}/{step}#field-{name}")
    return None


def _sum(db: Session, draft: Draft, values: Mapping[str, str]) -> dict[str, str]:
    """Return the amount that the parts add up to, as it is typed."""
    found = typed_in.sum_of(typed_in.parts_of(values), currency_of(draft_rows.policy_of(db, draft)))
    return {"claim_amount": str(found).partition(" ")[0]} if found is not None else {}


def _draft(db: Session, me: Caller, draft_id: UUID) -> Draft:
    draft = own_rows.draft(db, draft_id, person_id=person(me))
    if draft is None:
        raise NotFound("There is no such draft.", fix="Your claims and drafts are under My claims.")
    return draft


def _claim(db: Session, me: Caller, claim_id: int) -> Claim:
    claim = claim_rows.by_id(db, claim_id, owner=person(me))
    if claim is None:
        raise NotFound(f"There is no claim {claim_id}.")
    return claim


def _to_filed(draft_id: UUID) -> Response:
    return pages.lead_on(f"{at(draft_id)}/filed")
