"""Decisions about telephone numbers: one spelling each, which ones may be texted, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recoup.core.errors import Invalid

LONGEST_TYPED = 60
SHOWN_DIGITS = 3

_PREFIX = re.compile(r"\+[1-9][0-9]{0,6}")


def prefix(text: str) -> str:
    """Return a country's prefix in its one spelling, such as ``+41``; raise ValueError for anything else."""
    bare = "".join(text.split())
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    if not _PREFIX.fullmatch(bare):
        raise ValueError("write a country's prefix like +41")
    return bare


def read(typed: str, prefixes: Sequence[str]) -> str:
    """Return a number as E.164 (``+41791234567``). Raise Invalid where it is none, or may not be texted.

    Where one country alone is allowed, its numbers can be typed as they are dialled there.
    """
    import phonenumbers  # noqa: PLC0415 - most requests and commands see no number

    bare = typed.strip()
    bare = f"+{bare[2:]}" if bare.startswith("00") else bare
    if len(bare) > LONGEST_TYPED:
        raise _no_number()
    try:
        found = phonenumbers.parse(bare, _region(prefixes))
    except phonenumbers.NumberParseException:
        raise _no_number() from None
    if found.extension or not phonenumbers.is_valid_number(found):
        raise _no_number()
    number = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    if not allowed(number, prefixes):
        raise Invalid(
            "Numbers of this country get no SMS from here.",
            fix=f"Those that do begin with {_listed(prefixes)}.",
        )
    kind = phonenumbers.PhoneNumberType
    if phonenumbers.number_type(found) not in {kind.MOBILE, kind.FIXED_LINE_OR_MOBILE, kind.PERSONAL_NUMBER}:
        raise Invalid("This number cannot get SMS.", fix="Type the number of a mobile phone.")
    return number


def allowed(number: str, prefixes: Sequence[str]) -> bool:
    """Say whether a number is of a country that SMS may go to."""
    return number.startswith(tuple(prefixes)) if prefixes else False


def masked(number: str) -> str:
    """Write a number so that its owner knows it and nobody else does: ``+41…567``."""
    return f"{number[:3]}…{number[-SHOWN_DIGITS:]}"


def spaced(number: str) -> str:
    """Write a number as people read it: ``+41 79 123 45 67``."""
    import phonenumbers  # noqa: PLC0415 - most requests and commands see no number

    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number


def _region(prefixes: Sequence[str]) -> str | None:
    import phonenumbers  # noqa: PLC0415 - most requests and commands see no number

    if len(prefixes) != 1:
        return None
    try:
        found = phonenumbers.parse(f"{prefixes[0]}0000000")
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.region_code_for_country_code(found.country_code or 0)


def _no_number() -> Invalid:
    return Invalid("This is no telephone number.", fix="Type it with its country, like +41 79 123 45 67.")


def _listed(prefixes: Sequence[str]) -> str:
    return ", ".join(prefixes[:10]) if prefixes else "nothing yet: no country is allowed"
