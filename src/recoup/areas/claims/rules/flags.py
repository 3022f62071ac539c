"""Why somebody should look twice at a claim. A flag says what was seen; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from recoup.areas.claims.models import FlagKind
from recoup.core.money import Money, exponent

EARLY_DAYS = 5
BITS, NEAR_BITS = 64, 6
"""Bits of 64 in which two pictures may differ and still be called near: a scaled or lighter copy differs in fewer."""
FEWEST_FOR_OUTLIERS = 30
ROUND_FROM = 1_000
ROUND_STEP = 500
VELOCITY_DAYS = 90
DATE_SLACK = timedelta(days=1)

TITLES: Mapping[str, str] = {
    FlagKind.SAME_DOCUMENT: "Same document",
    FlagKind.SIMILAR_PICTURE: "Near-identical picture",
    FlagKind.EARLY: "Soon after the start",
    FlagKind.BEFORE_START: "Before the start",
    FlagKind.LARGE: "Large amount",
    FlagKind.OUTLIER: "Unusual amount",
    FlagKind.VELOCITY: "Many claims",
    FlagKind.ROUND: "Round sum",
    FlagKind.FILE_DATE: "File date",
}


@dataclass(frozen=True, slots=True)
class Raised:
    """A flag: its kind, what in the claim it is about (a document's number, or nothing), and one sentence."""

    kind: FlagKind
    reason: str
    about: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A document of the claim, and the numbers of other claims that have the same bytes, or nearly the same picture."""

    id: int
    name: str
    facts: Mapping[str, Any]
    same: Sequence[str] = ()
    near: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Usual:
    """What claims of a type and currency came to: how many, and their quartiles in minor units."""

    claims: int
    first: int
    third: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a claim when it is looked at. ``earlier`` counts the claimant's claims of the 90 days before."""

    amount: Money
    incident: date
    filed_at: datetime
    policy_start: date | None
    earlier: int
    usual: Usual | None = None
    documents: Sequence[Seen] = ()


def tells(fingerprint: int) -> bool:
    """Say whether a picture's fingerprint tells it from others: that of an empty page is that of all empty pages."""
    bits: int = (fingerprint & ((1 << BITS) - 1)).bit_count()
    return NEAR_BITS < bits < BITS - NEAR_BITS


def raised(facts: Facts, *, large: Decimal, many: int) -> list[Raised]:
    """Return every flag of a claim. ``large`` counts whole units of its currency, ``many`` the claimant's claims."""
    return [*_documents(facts), *_days(facts), *_amounts(facts, large), *_velocity(facts, many)]


def _documents(facts: Facts) -> Iterable[Raised]:
    for one in facts.documents:
        if one.same:
            reason = f"{one.name} came with {_named(one.same)}, too."
            yield Raised(FlagKind.SAME_DOCUMENT, reason, str(one.id), {"claims": list(one.same)})
        if one.near:
            reason = f"{one.name} looks like a picture of {_named(one.near)}."
            yield Raised(FlagKind.SIMILAR_PICTURE, reason, str(one.id), {"claims": list(one.near)})
        yield from _file_date(facts, one)


def _file_date(facts: Facts, one: Seen) -> Iterable[Raised]:
    """Flag a photo that was taken before the incident, and a file made on a day that had not come when it was sent."""
    made = _day(one.facts.get("made_at"))
    if made is None:
        return
    is_photo = bool(one.facts.get("camera"))
    if is_photo and made < facts.incident - DATE_SLACK:
        reason = f"{one.name} was taken on {made}, before the incident of {facts.incident}."
    elif made > facts.filed_at.date() + DATE_SLACK:
        reason = f"{one.name} says that it was made on {made}, after it was sent."
    else:
        return
    yield Raised(FlagKind.FILE_DATE, reason, str(one.id), {"made": str(made)})


def _days(facts: Facts) -> Iterable[Raised]:
    if facts.policy_start is None:
        return
    days = (facts.incident - facts.policy_start).days
    if days < 0:
        reason = f"The incident was {-days} day{'' if days == -1 else 's'} before the policy began."
        yield Raised(FlagKind.BEFORE_START, reason, details={"days": days})
    elif days <= EARLY_DAYS:
        when = "on the day" if days == 0 else f"{days} day{'' if days == 1 else 's'} after"
        reason = f"The incident was {when} {'that ' if days == 0 else ''}the policy began."
        yield Raised(FlagKind.EARLY, reason, details={"days": days})


def _amounts(facts: Facts, large: Decimal) -> Iterable[Raised]:
    money, places = facts.amount, exponent(facts.amount.currency)
    unit = 10**places
    if money.minor > Money.rounded(large, money.currency).minor:
        yield Raised(
            FlagKind.LARGE, f"{money} is above {large:f} {money.currency}.", details={"limit": f"{large:f}"}
        )
    usual = facts.usual
    if usual is not None and usual.claims >= FEWEST_FOR_OUTLIERS:
        bound = usual.third + 3 * (usual.third - usual.first)  # Tukey's outer fence
        if money.minor > bound > usual.first:
            reason = (
                f"{money} is far above what {usual.claims:,} claims of this type came to: "
                f"half of them lie between {Money(usual.first, money.currency)} and "
                f"{Money(usual.third, money.currency)}."
            )
            yield Raised(FlagKind.OUTLIER, reason, details={"claims": usual.claims, "bound_minor": bound})
    if money.minor >= ROUND_FROM * unit and money.minor % (ROUND_STEP * unit) == 0:
        yield Raised(FlagKind.ROUND, f"{money} is a round sum.")


def _velocity(facts: Facts, many: int) -> Iterable[Raised]:
    if facts.earlier >= many:
        reason = f"The claimant filed {facts.earlier} other claims within {VELOCITY_DAYS} days."
        yield Raised(FlagKind.VELOCITY, reason, details={"earlier": facts.earlier})


def _named(numbers: Sequence[str]) -> str:
    first, *others = numbers
    return f"claim {first}" + (f" and {len(others)} more" if others else "")


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None
