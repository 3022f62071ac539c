"""In which currency a document counts: beside its sums first, then anywhere, then by country."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recoup.areas.claims.reading.amounts import Found
from recoup.areas.claims.reading.currencies import currencies_in, of_land
from recoup.areas.claims.reading.days import folded
from recoup.areas.claims.reading.numbers import sums_in
from recoup.areas.claims.reading.scoring import Scored
from recoup.areas.claims.reading.words import Row, Word

# A tax number or an account says in which country it is, and so in which currency it counts, most likely.
_LAND = re.compile(
    r"\b(?:(?P<tax>[A-Z]{2}) ?[A-Z]?[0-9]{2}[0-9 .]{5,14}[0-9](?:B ?[0-9]{2})?|"
    r"(?P<bank>[A-Z]{2})[0-9]{2} ?[A-Z0-9]{4} ?[0-9]{4})\b"
)
_BY_WORDS = (
    (re.compile(r"\b(?:mwst|ust-?id|tva|btw|iva)\b"), "EUR"),
    (re.compile(r"\b(?:nip|faktura vat|ptu|regon)\b"), "PLN"),
)
_MOST_NAMED = 8.0
"""Points: a long list in a currency says no more than a short one."""

_Clue = tuple[str, float, tuple[Word, ...]]


def currencies_of(rows: Sequence[Row], amounts: Sequence[Found]) -> list[Scored]:
    """Return the currencies of a document whose sums are given best first, best first, each once."""
    points: dict[str, float] = {}
    places: dict[str, tuple[Word, ...]] = {}
    for most, clues in ((_MOST_NAMED, _named(rows, amounts)), (2 * _MOST_NAMED, _implied(rows))):
        for code, more, words in clues:
            points[code] = min(most, points.get(code, 0.0) + more)
            places.setdefault(code, words)
    scored = [Scored(code, places[code], points[code]) for code in points]
    return sorted(scored, key=lambda one: (-one.points, one.value))


def _named(rows: Sequence[Row], amounts: Sequence[Found]) -> Iterator[_Clue]:
    """Yield the currencies that a document names."""
    if amounts and amounts[0].sum.currency:
        yield amounts[0].sum.currency, 4.0, amounts[0].words
    for row in rows:
        beside = {money.currency for money in sums_in(row.text)}
        for code, start, end in currencies_in(row.text):
            yield code, 0.7 if code in beside else 0.4, row.between(start, end)


def _implied(rows: Sequence[Row]) -> Iterator[_Clue]:
    """Yield the currencies of the countries that a document's numbers and words are of."""
    for row in rows:
        for match in _LAND.finditer(row.text):
            code = of_land(match["tax"] or match["bank"])
            if code:
                yield code, 0.8, row.between(match.start(), match.end())
        plain = folded(row.text)
        for pattern, code in _BY_WORDS:
            found = pattern.search(plain)
            if found:
                yield code, 0.5, row.between(found.start(), found.end())
