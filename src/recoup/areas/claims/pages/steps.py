"""What each step of filing a claim shows of its draft."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims import controls, incoming
from recoup.areas.claims.api.common import today_of
from recoup.areas.claims.models import Draft, Policy
from recoup.areas.claims.pages import shown_mine, typed_in
from recoup.areas.claims.pages.common import HERE, person, shared
from recoup.areas.claims.queries import document_rows, draft_rows, policy_rows
from recoup.areas.claims.service import autofill, drafts
from recoup.areas.claims.service.adding import Place
from recoup.core.errors import RecoupError
from recoup.core.system import Caller, System
from recoup.office.controls import service as house
from recoup.web import pages

STEPS: Mapping[str, str] = {
    "policy": "Policy",
    "what-happened": "What happened",
    "documents": "Documents",
    "review": "Review",
}
OF_STEP: Mapping[str, frozenset[str]] = {
    "policy": frozenset(typed_in.FIELDS["policy"]),
    "what-happened": frozenset(typed_in.FIELDS["what-happened"]),
    "documents": frozenset({"documents"}),
    "review": frozenset(),
}
Typing = Literal["policy", "what-happened"]
Step = Literal["policy", "what-happened", "documents", "review"]


@dataclass(frozen=True, slots=True)
class Telling:
    """What a page of a draft is told besides: what did not work, and what was typed and could not be kept."""

    status: int = 200
    typed: Mapping[str, str] = field(default_factory=dict)
    problem: RecoupError | None = None
    refused: tuple[str, ...] = ()
    checked: bool = False
    """What is missing is told, too; before somebody goes on, only what is wrong is."""
    one_more: bool = False
    """An empty part waits for its title."""


def shown_step(
    request: Request,
    db: Session,
    system: System,
    *,
    me: Caller,
    draft: Draft,
    step: Step,
    now: datetime,
    telling: Telling,
) -> Response:
    """Show a step of a draft."""
    place = str(Place(draft_id=draft.id))
    return pages.render(
        request,
        f"claims/filing_{_FILES[step]}.html",
        status=telling.status,
        problem=telling.problem,
        refused=telling.refused,
        coming=incoming.unfinished(system.home, person(me), place),
        most_documents=house.value(db, controls.MOST_DOCUMENTS),
        **form(db, draft, step, me=me, now=now, telling=telling),
        **shared(),
    )


_FILES: Mapping[str, str] = {
    "policy": "policy",
    "what-happened": "loss",
    "documents": "documents",
    "review": "review",
}


def form(
    db: Session, draft: Draft, step: Step, *, me: Caller, now: datetime, telling: Telling
) -> dict[str, Any]:
    """Return what the template of a step knows of its draft."""
    today = today_of(me, now)
    found = {
        name: shown_mine.plain(sentence) for name, sentence in drafts.problems(db, draft, today=today).items()
    }
    policy = draft_rows.policy_of(db, draft)
    typed = {**dict.fromkeys(drafts.FIELDS, ""), **draft.typed, **telling.typed}
    parts = typed_in.parts_of(typed)
    is_told = telling.checked or step == "review"
    return {
        "draft": draft,
        "here": at(draft.id),
        "step": step,
        "steps": STEPS,
        "done": frozenset(name for name in STEPS if name != "review" and not OF_STEP[name] & found.keys()),
        "found": found,
        "errors": {name: text for name, text in found.items() if is_told or typed.get(name, "").strip()},
        "step_of": {name: step for step, names in OF_STEP.items() for name in names},
        "typed": typed,
        "chosen": typed["user_policy_id"],
        "policies": shown_mine.policies(policy_rows.of_person(db, person(me)), today=today),
        "policy": policy,
        "begun": (),
        "documents": document_rows.of_draft(db, draft.id),
        "readings": autofill.of_draft(db, draft, typed=typed, today=today, now=now),
        "parts": [*parts, *([typed_in.Part("", "")] if telling.one_more or not parts else [])],
        "one_more": telling.one_more,
        "sum": typed_in.sum_of(parts, currency_of(policy)),
        "currency": currency_of(policy),
        "more_is_open": any(typed[name].strip() for name in typed_in.MORE),
        "was": json.dumps(
            {name: draft.typed.get(name, "") for name in typed_in.FIELDS.get(step, ())}, ensure_ascii=False
        ),
        "today": today,
        "is_day": _is_day,
        "is_clock": _is_clock,
    }


def beside(db: Session, draft_id: UUID, *, me: Caller, now: datetime) -> dict[str, Any]:
    """Return what a page that lies open puts in the place of what a draft's documents said so far."""
    draft = draft_rows.by_id(db, draft_id, owner=person(me))
    if draft is None:
        return {}
    found = autofill.of_draft(db, draft, today=today_of(me, now), now=now)
    return {
        "readings": found,
        "step": "documents",
        "currency": currency_of(draft_rows.policy_of(db, draft)),
        "swapped": True,
    }


def currency_of(policy: Policy | None) -> str:
    """Return what amounts of a draft are in."""
    return policy.currency if policy is not None else "EUR"


def _is_day(text: str) -> bool:
    """Say whether a browser's own field for days can show this; what cannot be read is shown as it was typed."""
    try:
        date.fromisoformat(text or "2000-01-01")
    except ValueError:
        return False
    return True


def _is_clock(text: str) -> bool:
    try:
        datetime.strptime(text or "00:00", "%H:%M")  # noqa: DTZ007 - a time of day
    except ValueError:
        return False
    return True


def at(draft_id: UUID) -> str:
    """Return where a draft's pages are."""
    return f"{HERE}/drafts/{draft_id}"
