"""Many claims at once: each by itself, so that what cannot be done to one keeps none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.queries import review_rows
from recoup.areas.claims.rules.bulk import Way
from recoup.areas.claims.service import assigning, moves
from recoup.areas.claims.service.moves import By, House, Move
from recoup.core.errors import Invalid, RecoupError
from recoup.core.ids import new_id
from recoup.office.journal import service as journal

MOST_AT_ONCE = 200

Outcome = Literal["done", "waiting", "refused"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A claim, the version that was seen (None: whatever it is), and what of it is approved, in minor units."""

    claim_id: int
    version: int | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one: done, waiting for a second person, or refused with a sentence."""

    claim_id: int
    outcome: Outcome
    status: str = ""
    number: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of each, in the order in which they were chosen; ``id`` is what the page of it is called."""

    id: UUID
    results: Sequence[Result] = field(default=())

    def count(self, outcome: Outcome) -> int:
        """Return how many came to that."""
        return sum(one.outcome == outcome for one in self.results)


def apply(
    db: Session, chosen: Sequence[Chosen], way: Way, *, notes: str, by: By, house_: House, now: datetime
) -> Done:
    """Do something to each claim. Raise Invalid for too many, for one that is named twice, or without notes."""
    if way.needs_notes and not notes:
        raise Invalid("The claimants have to be told why.", fix="Write it into the notes.")
    if way.status:
        asked = Move(way.status, notes, way.reason_code)
        return move(db, chosen, asked, what=way.title, by=by, house_=house_, now=now)

    def assigned(one: Chosen) -> Result:
        moves.locked(db, one.claim_id, version=one.version)
        to = by.person if way.is_mine else None
        claim = assigning.assign(db, one.claim_id, to, by=by, now=now)
        return Result(claim.id, "done", claim.status, claim.claim_number)

    return _each(db, chosen, assigned, what=way.title, notes=notes, by=by, now=now)


def move(
    db: Session,
    chosen: Sequence[Chosen],
    asked: Move,
    *,
    what: str = "",
    by: By,
    house_: House,
    now: datetime,
) -> Done:
    """Move each claim as ``asked`` says, with its own version and amount; raise Invalid as ``apply`` does."""

    def moved(one: Chosen) -> Result:
        own = replace(asked, amount=one.amount, version=one.version)
        found = moves.move(db, one.claim_id, own, by=by, house_=house_, now=now)
        claim = found.claim
        outcome: Outcome = "done" if found.waiting is None else "waiting"
        return Result(claim.id, outcome, claim.status, claim.claim_number)

    return _each(db, chosen, moved, what=what or asked.status, notes=asked.notes, by=by, now=now)


def _each(
    db: Session,
    chosen: Sequence[Chosen],
    one: Callable[[Chosen], Result],
    *,
    what: str,
    notes: str,
    by: By,
    now: datetime,
) -> Done:
    """Do one thing after the other, each in a savepoint, and write down what became of each."""
    if len(chosen) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} claims are moved at once, and these are {len(chosen):,}.")
    if len({each.claim_id for each in chosen}) < len(chosen):
        raise Invalid("One of the claims is named twice.", fix="Name each once.")
    results = {}
    for each in sorted(chosen, key=lambda some: some.claim_id):  # two at once lock them in the same order
        try:
            with db.begin_nested():
                results[each.claim_id] = one(each)
        except RecoupError as error:
            results[each.claim_id] = Result(each.claim_id, "refused", sentence=error.sentence())
    done = Done(new_id(), [results[each.claim_id] for each in chosen])
    journal.record(
        db,
        review_rows.MOVED_TOGETHER,
        f"claims/bulk/{done.id}",
        actor=by.actor,
        now=now,
        what=what,
        count=done.count("done"),
        note=notes,
        **{
            kind: [_told(result) for result in done.results if result.outcome == kind]
            for kind in get_args(Outcome)
        },
    )
    return done


def _told(result: Result) -> str:
    return f"{result.claim_id} {result.sentence}".strip()
