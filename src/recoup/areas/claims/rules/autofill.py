"""What the documents of a draft say beside what was typed: offered to take over, and never taken by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from recoup.areas.claims.models import Policy
from recoup.areas.claims.rules import cover, wording
from recoup.areas.claims.rules.telling import amount as written
from recoup.core.errors import Invalid
from recoup.core.money import Money

SURE_ENOUGH = 500
"""Thousandths: what less speaks for is a guess for the reviewer, and shown to nobody else."""
SUM = "use-sum"
_USES = re.compile(r"use-(amount|day)-([0-9]{1,18})")


class Said(Protocol):
    """One value that a reading proposes; ``confidence`` in thousandths."""

    field: str
    value: str
    confidence: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What one document says for sure enough.

    ``amount`` is in the policy's currency, or what the document says without one; ``foreign`` is the other currency
    in which it is. ``is_new_amount`` and ``is_new_day``: taking it would change what was typed.
    """

    document_id: int
    name: str
    amount: Money | None
    foreign: str
    day: date | None
    supplier: str
    is_new_amount: bool
    is_new_day: bool

    @property
    def sum(self) -> str:
        """The amount as people write it; empty where there is none."""
        return written(self.amount) if self.amount is not None else ""

    @property
    def amount_word(self) -> str:
        """What the button says to the server that takes the amount."""
        return f"use-amount-{self.document_id}"

    @property
    def day_word(self) -> str:
        """What the button says to the server that takes the day."""
        return f"use-day-{self.document_id}"


@dataclass(frozen=True, slots=True)
class Offers:
    """What the documents say, each and together, and in words where that is not what was typed.

    ``total`` is there where several documents say an amount in the policy's currency.
    """

    each: Sequence[Offer] = ()
    total: Money | None = None
    is_new_total: bool = False
    amount_differs: str = ""
    day_differs: str = ""

    @property
    def total_written(self) -> str:
        """The total as people write it."""
        return written(self.total) if self.total is not None else ""


@dataclass(frozen=True, slots=True)
class Read:
    """What reading one document came to."""

    document_id: int
    name: str
    said: Sequence[Said]


def offered(read: Iterable[Read], *, typed: Mapping[str, str], policy: Policy | None, today: date) -> Offers:
    """Return what is offered of what was read; ``today`` is the claimant's own day. Nothing where nothing is sure."""
    currency = policy.currency if policy is not None else "EUR"
    claimed, day = _amount(typed.get("claim_amount", ""), currency), _day(typed.get("incident_date", ""))
    each = [_offer(one, currency, claimed, day, policy=policy, today=today) for one in read]
    each = [one for one in each if one.amount is not None or one.day is not None or one.foreign]
    own = [one for one in each if one.amount is not None and not one.foreign]
    total = Money(sum(one.amount.minor for one in own if one.amount), currency) if len(own) > 1 else None
    return Offers(
        each,
        total,
        is_new_total=total is not None and total != claimed,
        amount_differs=_amount_differs(each, own, total, claimed),
        day_differs=_day_differs(each, day),
    )


def taken(offers: Offers, word: str) -> dict[str, str]:
    """Return what a button types into a draft; nothing where what it offered is gone, or the word is none."""
    if word == SUM:
        return _typed_amount(offers.total)
    found = _USES.fullmatch(word)
    offer = next((one for one in offers.each if found and one.document_id == int(found[2])), None)
    if found is None or offer is None:
        return {}
    if found[1] == "amount":
        return {} if offer.foreign else _typed_amount(offer.amount)
    return {"incident_date": offer.day.isoformat()} if offer.day is not None else {}


def is_use(word: str) -> bool:
    """Say whether a button takes something over that was read."""
    return word == SUM or _USES.fullmatch(word) is not None


def _typed_amount(money: Money | None) -> dict[str, str]:
    return {"claim_amount": str(money).partition(" ")[0]} if money is not None else {}


def _offer(
    read: Read,
    currency: str,
    claimed: Money | None,
    day: date | None,
    *,
    policy: Policy | None,
    today: date,
) -> Offer:
    best: dict[str, Said] = {}
    for one in read.said:
        if one.field not in best or one.confidence > best[one.field].confidence:
            best[one.field] = one
    sure = {name: one.value for name, one in best.items() if one.confidence >= SURE_ENOUGH}
    said_in = best["currency"].value if "currency" in best else currency
    # An amount is as sure as its currency: of a guess that it is another one, nothing is offered.
    is_known = said_in == currency or "currency" in sure
    amount = _amount(sure.get("amount", ""), said_in) if is_known else None
    found = _day(sure.get("date", ""))
    foreign = said_in if amount is not None and said_in != currency else ""
    return Offer(
        document_id=read.document_id,
        name=read.name,
        amount=amount,
        foreign=foreign,
        day=found,
        supplier=sure.get("supplier", ""),
        is_new_amount=amount is not None and not foreign and amount != claimed,
        is_new_day=found is not None and found != day and _is_covered(policy, found, today=today),
    )


def _is_covered(policy: Policy | None, day: date, *, today: date) -> bool:
    """Say whether a claim can be filed for a day: what would only be refused is not offered."""
    if policy is None:
        return day <= today
    try:
        cover.check(policy, day, today=today)
    except Invalid:
        return False
    return True


def _amount_differs(
    each: Sequence[Offer], own: Sequence[Offer], total: Money | None, claimed: Money | None
) -> str:
    """Return a sentence where no document says what is claimed, and neither do all of them together."""
    if claimed is None or not own or any(one.foreign for one in each):
        return ""
    if claimed == total or any(claimed == one.amount for one in own):
        return ""
    says = f"the documents say {written(total)} together" if total else f"{own[0].name} says {own[0].sum}"
    return f"You claim {written(claimed)}, and {says}. That is fine if you claim another part of it."


def _day_differs(each: Sequence[Offer], day: date | None) -> str:
    days = [one.day for one in each if one.day is not None]
    if day is None or not days or day in days:
        return ""
    return (
        f"You say that it happened on {day:%d %b %Y}. "
        "That is fine: a bill is often of a later day, and what counts is the day on which it happened."
    )


def _amount(text: str, currency: str) -> Money | None:
    try:
        return wording.amount(text, currency)
    except Invalid:
        return None


def _day(text: str) -> date | None:
    try:
        return wording.day(text)
    except Invalid:
        return None
