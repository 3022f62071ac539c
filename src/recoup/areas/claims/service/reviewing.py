"""What a reviewer asks for with one click, made of the moves that there are: each with its own row and mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Status
from recoup.areas.claims.queries import review_rows
from recoup.areas.claims.rules.statuses import EARLY_REJECTIONS
from recoup.areas.claims.service import moves, notes
from recoup.areas.claims.service.moves import By, House, Move, Moved
from recoup.core.errors import Invalid
from recoup.office.journal import service as journal

MORE = "more_information"


@dataclass(frozen=True, slots=True)
class Planned:
    """What a move would come to: the exact bytes of its mail, or none while it waits for a second person."""

    mail: bytes | None
    is_waiting: bool


def decide(db: Session, claim_id: int, asked: Move, *, by: By, house_: House, now: datetime) -> Moved:
    """Move a claim as ``moves.move`` does. What nobody has taken under review yet is taken so first.

    That is a move of its own, with its own row in the history and its own mail; raise what ``moves.move`` does.
    """
    claim = moves.locked(db, claim_id, version=asked.version)
    if claim.status == Status.PENDING and _needs_review(asked):
        taken = Move(Status.UNDER_REVIEW, version=asked.version)
        claim = moves.move(db, claim_id, taken, by=by, house_=house_, now=now).claim
        asked = replace(asked, version=claim.version)
    return moves.move(db, claim_id, asked, by=by, house_=house_, now=now)


def ask(
    db: Session, claim_id: int, text: str, *, version: int | None, by: By, house_: House, now: datetime
) -> Moved:
    """Ask the claimant for more. A claim under review goes back to pending for it; a pending one stays as it is.

    Raise Invalid without a text, and what ``moves.move`` does.
    """
    claim = moves.locked(db, claim_id, version=version)
    if claim.status != Status.PENDING:
        back = Move(Status.PENDING, text, MORE, version=version)
        return moves.move(db, claim_id, back, by=by, house_=house_, now=now)
    moves.not_ones_own(claim, by)
    if not text:
        raise Invalid("The claimant has to be told what is missing.", fix="Write it into the notes.")
    notes.write(db, claim, text, from_staff=True, is_request=True, by=by, house_=house_, now=now)
    return Moved(claim)


def rehearse(db: Session, claim_id: int, work: Callable[[], Moved]) -> Planned:
    """Do something to a claim, look at the mail that it plans, and undo all of it; raise whatever ``work`` does.

    What is looked at is what would leave: the same code writes it, and nothing of it stays.
    """
    with db.begin_nested() as point:
        before = {one.id for one in review_rows.mails(db, claim_id)}
        moved = work()
        new = [one.id for one in review_rows.mails(db, claim_id) if one.id not in before]
        planned = Planned(
            review_rows.bytes_of(db, new[-1]) if new else None, is_waiting=moved.waiting is not None
        )
        point.rollback()
    db.expire_all()
    return planned


def reached(db: Session, claim_id: int, *, note: str, by: By, now: datetime) -> None:
    """Write down that a claimant was told in another way what a mail did not tell them; ``note`` says how."""
    claim = moves.locked(db, claim_id)
    moves.not_ones_own(claim, by)
    if not note:
        raise Invalid(
            "Whoever looks later has to know how the claimant was told.", fix="Write it into the note."
        )
    journal.record(
        db,
        review_rows.REACHED,
        review_rows.subject(claim_id),
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        note=note,
    )


def _needs_review(asked: Move) -> bool:
    is_early = asked.status == Status.REJECTED and asked.reason_code in EARLY_REJECTIONS
    return asked.status == Status.APPROVED or (asked.status == Status.REJECTED and not is_early)
