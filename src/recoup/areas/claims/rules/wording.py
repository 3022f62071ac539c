"""What people type about a claim, read into what is kept: types, amounts, dates, text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, time
from decimal import Decimal

from recoup.areas.claims.models import ClaimType
from recoup.core.errors import Invalid
from recoup.core.money import Money, exponent

TYPES: Mapping[str, str] = {
    ClaimType.MEDICAL: "Medical expense",
    ClaimType.ACCIDENT: "Accident",
    ClaimType.PROPERTY_DAMAGE: "Property damage",
    ClaimType.THEFT: "Theft",
    ClaimType.FIRE: "Fire",
    ClaimType.NATURAL_DISASTER: "Natural disaster",
    ClaimType.OTHER: "Other",
}
_SPELLINGS = {
    re.sub(r"[^a-z]", "", spelling.lower()): kind
    for kind, title in TYPES.items()
    for spelling in (kind, title)
}
LARGEST = 10**12
"""Whole units that are claimed at most: more is a slip of the hand."""
_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,18})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}")
LONGEST_DESCRIPTION = 10_000
LONGEST_NOTES = 2_000


def claim_type(typed: str) -> str:
    """Return the type that ``typed`` spells: ``medical``, ``Medical Expense``."""
    found = _SPELLINGS.get(re.sub(r"[^a-z]", "", typed.lower()))
    if found is None:
        raise Invalid(f"{typed[:60]!r} is no type of claim.", fix=f"Give one of {', '.join(TYPES)}.")
    return found


def amount(typed: str, currency: str, *, what: str = "The amount") -> Money:
    """Read a positive amount such as ``5000`` or ``49.90`` exactly; raise Invalid for anything else."""
    text = typed.strip()
    if not _AMOUNT.fullmatch(text):
        raise Invalid(
            f"{what} {typed[:40]!r} is not an amount.", fix="Write it like 1250.00, without a currency."
        )
    if Decimal(text) > LARGEST:
        raise Invalid(f"{what} is larger than anything that can be claimed.")
    try:
        money = Money.parse(text, currency)
    except Invalid:
        digits = exponent(currency)
        raise Invalid(
            f"{what} {text[:40]} {currency} has more than {digits} digits after the point."
        ) from None
    if money.minor <= 0:
        raise Invalid(f"{what} has to be more than nothing.")
    return money


def day(typed: str, *, what: str = "The day") -> date:
    """Read a day such as ``2026-02-05``."""
    if _DAY.fullmatch(typed.strip()):
        with suppress(ValueError):
            return date.fromisoformat(typed.strip())
    raise Invalid(f"{what} {typed[:40]!r} is not a date.", fix="Write it like 2026-02-05.")


def clock(typed: str) -> time:
    """Read a time of day such as ``14:30``."""
    if _TIME.fullmatch(typed.strip()):
        with suppress(ValueError):
            return time.fromisoformat(typed.strip())
    raise Invalid(f"{typed[:40]!r} is not a time of day.", fix="Write it like 14:30.")


def text(typed: str, *, what: str, longest: int, required: bool = False) -> str:
    """Return text as it is kept: composed, with plain line ends, without what nobody can see."""
    lines = unicodedata.normalize("NFC", typed.replace("\r\n", "\n").replace("\r", "\n"))
    if "\0" in lines or any("\ud800" <= char <= "\udfff" for char in lines):
        raise Invalid(f"{what} holds a character that cannot be kept.", fix="Type it again.")
    clean = "".join(
        char
        for char in lines
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cn"} or char in _JOINERS
    ).strip()
    if required and not clean:
        raise Invalid(f"{what} is empty.")
    if len(clean) > longest:
        raise Invalid(f"{what} is longer than {longest:,} characters.")
    return clean


_JOINERS = "\u200c\u200d"
"""Between letters of some scripts and within emoji these are part of the text."""
