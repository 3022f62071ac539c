"""What a reviewer does on the page of a claim: decide, be the second person, pay, look at flags, write, take it.

After a decision the next claim of the queue opens, in the order that the claim was opened from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims.api.common import ClaimId, by, house_of
from recoup.areas.claims.lists import DECIDES, DESK
from recoup.areas.claims.models import Finding
from recoup.areas.claims.pages import asked, review
from recoup.areas.claims.pages.queue import to_claim, to_queue, wanted_of
from recoup.areas.claims.pages.review import Said, changed_since
from recoup.areas.claims.queries import claim_rows, desk_rows
from recoup.areas.claims.rules.wording import LONGEST_NOTES
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.service import (
    assigning,
    deciding,
    flagging,
    hints,
    moves,
    notes,
    payments,
    reviewing,
)
from recoup.areas.claims.service.moves import By, House, Moved
from recoup.core.errors import Changed, Invalid, RecoupError
from recoup.core.system import Caller, System
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed

router = Router(prefix=f"{DESK}/{{claim_id:int}}", dependencies=[Depends(may(DECIDES))])

GOES_ON = frozenset({"approve", "reject", "ask"})
"""What leads to the next claim of the queue; everything else stays on this one."""
DID: Mapping[str, str] = {
    "approve": "approved",
    "reject": "rejected",
    "ask": "asked for more",
    "review": "taken under review",
    "complete": "completed",
    "reopen": "opened again",
}
LONGEST_REFERENCE = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent:
    """A form of a claim's page: who sent it, and what stands in it."""

    request: Request
    system: System
    me: Caller
    claim_id: int
    said: Mapping[str, str]
    now: datetime

    @property
    def by(self) -> By:
        """Who sent it, as use cases take it."""
        return by(self.me)

    @property
    def house(self) -> House:
        """What mails need to know of this server."""
        return house_of(self.system)

    @property
    def words(self) -> str:
        """The words of the queue that the claim was opened from."""
        return self.said.get("queue", "")

    @property
    def here(self) -> str:
        """The address of the claim's page, as it was looked at."""
        query = {name: self.said[name] for name in ("queue", "document") if self.said.get(name)}
        path = f"{DESK}/{self.claim_id}"
        return f"{path}?{urlencode(query)}" if query else path

    def page(self, db: Session, said: Said) -> Response:
        """Answer with the page again."""
        return review.page(
            self.request, db, self.system, self.me, self.claim_id, words=self.words, said=said, now=self.now
        )


async def sent(
    *, request: Request, system: Running, now: Now, me: SignedIn, claim_id: ClaimId, typed: Typed
) -> Sent:
    """Return the form of a request."""
    return Sent(request, system, me, claim_id, asked.words(typed), now)


Form = Annotated[Sent, Depends(sent)]


@router.post("/decide")
def decide(db: Db, form: Form) -> Response:
    """Decide, and open the next claim."""
    claim = review.of(db, form.claim_id)
    to = _following(db, form)
    try:
        wanted = asked.read(claim, claim_rows.lines(db, form.claim_id), form.said)
    except asked.Wrong as wrong:
        return form.page(db, Said(422, form.said, wrong.errors))

    def work() -> Moved:
        return wanted.do(db, by=form.by, house_=form.house, now=form.now)

    moved = _tried(db, form, work)
    if isinstance(moved, Response):
        return moved
    did = "asked to be confirmed by a second person" if moved.waiting is not None else DID[wanted.how]
    done = f"{claim.claim_number} is {did}."
    return _led_on(done, to, form) if wanted.how in GOES_ON else pages.lead_on(form.here, done)


@router.post("/second")
def second(db: Db, form: Form) -> Response:
    """Confirm an approval as the second person, or send it back."""
    claim = review.of(db, form.claim_id)
    to = _following(db, form)
    is_confirmed = form.said.get("how") == "confirm"

    def work() -> Moved:
        note = _clean(form.said.get("note", ""), "The note")
        version = asked.version_of(form.said)
        if is_confirmed:
            return deciding.confirm(
                db, form.claim_id, version=version, note=note, by=form.by, house_=form.house, now=form.now
            )
        return deciding.send_back(db, form.claim_id, version=version, note=note, by=form.by, now=form.now)

    moved = _tried(db, form, work)
    if isinstance(moved, Response):
        return moved
    did = "approved by a second person" if is_confirmed else "sent back; it is under review still"
    return _led_on(f"{claim.claim_number} is {did}.", to, form)


@router.post("/payment")
def pay(db: Db, form: Form) -> Response:
    """Say that the approved amount was paid, or will not be."""

    def work() -> str:
        state = form.said.get("state", "")
        if state not in {"paid", "void"}:
            raise Invalid("Say whether it was paid, or is void.")
        claim = moves.locked(db, form.claim_id, version=asked.version_of(form.said))
        moves.not_ones_own(claim, form.by)
        reference = clean(form.said.get("reference", ""), what="The reference", longest=LONGEST_REFERENCE)
        payments.end(
            db,
            claim,
            "paid" if state == "paid" else "void",
            reference=reference,
            actor=form.by.actor,
            now=form.now,
        )
        return f"The payment of {claim.claim_number} is {state}."

    return _stayed(db, form, work)


@router.post("/flags/{flag_id:int}")
def resolve_flag(db: Db, form: Form, flag_id: ClaimId) -> Response:
    """Say whether a flag was right, with a note."""

    def work() -> str:
        finding = form.said.get("finding", "")
        if finding not in set(Finding):
            raise Invalid("Say whether the flag was right or wrong.")
        note = _clean(form.said.get("note", ""), "The note")
        flag = flagging.resolve(
            db, form.claim_id, flag_id, Finding(finding), note=note, by=form.by, now=form.now
        )
        return f"The flag was {flag.finding}: that is kept with your note."

    return _stayed(db, form, work)


@router.post("/readings/{proposal_id}")
def settle_reading(db: Db, form: Form, proposal_id: UUID) -> Response:
    """Say whether what was read in a document is right; it changes nothing of the claim."""

    def work() -> str:
        reading = hints.settle(
            db,
            form.claim_id,
            proposal_id,
            is_right=form.said.get("finding") == "right",
            by=form.by,
            now=form.now,
        )
        return f"{reading.value} is {'right' if reading.taken else 'wrong'}: that is kept."

    return _stayed(db, form, work)


@router.post("/messages")
def write(db: Db, form: Form) -> Response:
    """Write a message to the claimant."""

    def work() -> str:
        text = clean(form.said.get("text", ""), what="The message", longest=LONGEST_NOTES, required=True)
        claim = moves.locked(db, form.claim_id)
        moves.not_ones_own(claim, form.by)
        notes.write(db, claim, text, from_staff=True, by=form.by, house_=form.house, now=form.now)
        return "The message is sent, and stands in the claim."

    return _stayed(db, form, work)


@router.post("/reached")
def reached(db: Db, form: Form) -> Response:
    """Write down that the claimant was told in another way what a mail did not tell them."""

    def work() -> str:
        reviewing.reached(
            db, form.claim_id, note=_clean(form.said.get("note", ""), "The note"), by=form.by, now=form.now
        )
        return "It is written down that the claimant knows."

    return _stayed(db, form, work)


@router.post("/desk")
def assign(db: Db, form: Form) -> Response:
    """Take a claim, or give it back."""

    def work() -> str:
        is_mine = form.said.get("to") == "me"
        if is_mine and form.me.person is None:
            raise Invalid("A claim is taken by a person, and this key is nobody's.", fix="Sign in.")
        claim = assigning.assign(
            db, form.claim_id, form.me.person if is_mine else None, by=form.by, now=form.now
        )
        return f"{claim.claim_number} is {'on your desk' if is_mine else 'free for anybody'}."

    return _stayed(db, form, work)


# ---------------------------------------------------------------- what all of them do


def _tried(db: Session, form: Sent, work: Callable[[], T]) -> Response | T:
    """Do it, or answer with the page again: with what was typed, and with what changed where that is the reason."""
    try:
        with db.begin_nested():
            return work()
    except RecoupError as error:
        db.expire_all()
        is_stale = isinstance(error, Changed)
        changed = changed_since(db, form.claim_id, form.said.get("seen", "")) if is_stale else ()
        return form.page(db, Said(error.status, form.said, problem=error, changed=changed))


def _stayed(db: Session, form: Sent, work: Callable[[], str]) -> Response:
    done = _tried(db, form, work)
    return done if isinstance(done, Response) else pages.lead_on(form.here, done)


def _following(db: Session, form: Sent) -> str | None:
    """Return the address of the claim that comes next, looked up before this one moves out of its place."""
    wanted, claim = wanted_of(form.words, zone=form.me.zone), review.of(db, form.claim_id)
    following = desk_rows.following(db, wanted, claim, now=form.now) if wanted is not None else None
    return to_claim(following, form.words) if following is not None else None


def _led_on(done: str, following: str | None, form: Sent) -> Response:
    """Lead to the next claim, or to the queue where this was the last one."""
    if following is None:
        return pages.lead_on(to_queue(form.words), f"{done} That was the last one in this order.")
    return pages.lead_on(following, f"{done} This is the next one.")


def _clean(text: str, what: str) -> str:
    return clean(text, what=what, longest=LONGEST_NOTES)
