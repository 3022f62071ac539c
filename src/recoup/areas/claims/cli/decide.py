"""Commands with which a person decides: move a claim, confirm as the second person, say that it was paid."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from recoup.areas.claims.cli.common import ClaimName, Version, approved, by, claim_of, house_of
from recoup.areas.claims.cli.look import ClaimListed
from recoup.areas.claims.models import Claim, Status
from recoup.areas.claims.rules import wording
from recoup.areas.claims.rules.statuses import REASONS, TITLES
from recoup.areas.claims.service import deciding, moves, payments
from recoup.areas.claims.service.moves import Move
from recoup.core.money import Money
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json

LONGEST_REFERENCE = 300
Why = Annotated[str, Parameter(help="What the first reviewer, or the journal, is told.")]


class DecideCommands:
    """Deciding, as somebody with a shell on the server."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def move(
        self,
        claim: ClaimName,
        status: Annotated[Status, Parameter(help="Where it goes.")],
        *,
        amount: Annotated[
            str | None, Parameter(help="What is approved, in the claim's currency, such as 4800.00.")
        ] = None,
        notes: Annotated[str, Parameter(help="What the claimant is told.")] = "",
        reason: Annotated[str, Parameter(help=f"Why: {', '.join(REASONS)}.")] = "",
        version: Version = None,
        json: Json = False,
    ) -> None:
        """Move a claim; the claimant is told by mail.

        An approval above the limit of the control claims.authority waits for a second person.
        """
        with self._opened() as system, system.sessions.begin() as db:
            row = claim_of(db, claim)
            granted = None
            if amount is not None:
                granted = wording.amount(amount, row.currency, what="The approved amount").minor
            text = wording.text(notes, what="The notes", longest=wording.LONGEST_NOTES)
            asked = Move(status, text, reason, granted, version=version)
            moved = moves.move(db, row.id, asked, by=by(), house_=house_of(system), now=system.clock())
            waits = moved.waiting
            said = (
                f"The approval of {Money(waits.amount_minor, row.currency)} waits for a second person."
                if waits is not None
                else _stands(moved.claim)
            )
            _show(moved.claim, said, as_json=json)

    def confirm(
        self, claim: ClaimName, *, note: Why = "", version: Version = None, json: Json = False
    ) -> None:
        """Confirm an approval that waits, as a second person; who approved it first cannot."""
        with self._opened() as system, system.sessions.begin() as db:
            moved = deciding.confirm(
                db,
                claim_of(db, claim).id,
                version=version,
                note=_note(note),
                by=by(),
                house_=house_of(system),
                now=system.clock(),
            )
            _show(moved.claim, _stands(moved.claim), as_json=json)

    def send_back(self, claim: ClaimName, *, note: Why, version: Version = None, json: Json = False) -> None:
        """Decline an approval that waits; the claim stays under review."""
        with self._opened() as system, system.sessions.begin() as db:
            moved = deciding.send_back(
                db, claim_of(db, claim).id, version=version, note=_note(note), by=by(), now=system.clock()
            )
            _show(moved.claim, "The approval was sent back.", as_json=json)

    def pay(
        self,
        claim: ClaimName,
        *,
        reference: Annotated[str, Parameter(help="What names the transfer.")],
        json: Json = False,
    ) -> None:
        """Say that what was approved was paid."""
        self._end(claim, "paid", reference, as_json=json)

    def void(
        self,
        claim: ClaimName,
        *,
        reason: Annotated[str, Parameter(help="Why it is not paid.")],
        json: Json = False,
    ) -> None:
        """Say that what was approved will not be paid after all."""
        self._end(claim, "void", reason, as_json=json)

    def _end(self, claim: str, state: Literal["paid", "void"], reference: str, *, as_json: bool) -> None:
        with self._opened() as system, system.sessions.begin() as db:
            row = moves.locked(db, claim_of(db, claim).id)
            text = wording.text(reference, what="The reference", longest=LONGEST_REFERENCE)
            payment = payments.end(db, row, state, reference=text, actor=by().actor, now=system.clock())
            said = f"{Money(payment.amount_minor, payment.currency)} of {row.claim_number}: {state}. {text}"
            _show(row, said, as_json=as_json)


def _note(text: str) -> str:
    return wording.text(text, what="The note", longest=wording.LONGEST_NOTES)


def _stands(claim: Claim) -> str:
    granted = f" with {approved(claim)}" if claim.approved_minor is not None else ""
    return f"Claim {claim.claim_number} is {TITLES[claim.status].lower()}{granted}."


def _show(claim: Claim, said: str, *, as_json: bool) -> None:
    if as_json:
        output.document(
            {**ClaimListed.of(claim).model_dump(mode="json"), "version": claim.version, "said": said}
        )
    else:
        output.say(said)
