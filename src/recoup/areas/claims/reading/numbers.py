"""Sums of money as people write them: 1.234,56 and 1,234.56 and 1 234,56 and 1'234.56, exact, as decimal text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recoup.areas.claims.reading.currencies import WRITTEN, code_of

MOST_DIGITS = 13
"""Before the point."""
_SPACE = " \u00a0\u202f\u2009"
_GROUPED = rf"[1-9][0-9]{{0,2}}(?:(?P<apart>[.,'\u2019{_SPACE}])[0-9]{{3}})(?:(?P=apart)[0-9]{{3}})*"
_CENTS = r"[.,] ?[0-9]{2}(?![0-9])|[.,](?:--?|\u2013|\u2014)"
_NUMBER = rf"(?:(?P<grouped>{_GROUPED})|(?P<plain>[0-9]{{1,{MOST_DIGITS}}}))(?P<cents>{_CENTS})?"
# A number stands alone: no part of a date, a time, an account, a version, a share or a price per unit. One letter may
# follow, which is a tax code on a receipt.
_BEFORE = r"(?<![\w.,:/#-])(?<![\w.,:/#]-)"
_AFTER = rf"(?![0-9]|[.,:/'\u2019-][0-9]|[{_SPACE}\t]?[%°]|[{_SPACE}]?(?:Uhr|h|Std|kg|km)\b|[^\W0-9_]{{2}})"
_NOT_PER = rf"(?![{_SPACE}]?(?:{WRITTEN})?[{_SPACE}]?/[^\W_])"
_SUM = re.compile(
    rf"(?:(?P<before>{WRITTEN})[{_SPACE}\t:.]*)?"
    rf"(?(before)|{_BEFORE})(?P<sign>[-\u2013\u2212+][{_SPACE}]?)?(?P<number>{_NUMBER}){_AFTER}{_NOT_PER}"
    rf"(?(before)|(?:[{_SPACE}]?(?P<after>{WRITTEN}))?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sum:
    """A number that may be money, from ``start`` to ``end`` of its text; ``value`` has a point and no grouping.

    ``currency`` is the ISO code of what stands right beside it. ``has_cents``: two digits after the point were written.
    """

    value: str
    is_negative: bool
    has_cents: bool
    currency: str | None
    start: int
    end: int


def sums_in(text: str) -> list[Sum]:
    """Return the numbers of a text that may be sums of money, in their order."""
    found = []
    for match in _SUM.finditer(text):
        digits = re.sub(r"[^0-9]", "", match["grouped"] or match["plain"])
        if len(digits) > MOST_DIGITS:
            continue
        cents = match["cents"]
        if cents and match["apart"] and cents[0] == match["apart"]:  # 1.234.56 is no sum
            continue
        named = match["before"] or match["after"]
        if not (cents or named or (match["grouped"] and match["apart"] not in _SPACE)):
            continue
        whole = digits.lstrip("0") or "0"
        part = re.sub(r"[^0-9]", "", cents or "")
        found.append(
            Sum(
                value=f"{whole}.{part}" if part else whole,
                is_negative=(match["sign"] or "+").strip() != "+",
                has_cents=bool(cents),
                currency=code_of(named) if named else None,
                start=match.start("number"),
                end=match.end("number"),
            )
        )
    return found
