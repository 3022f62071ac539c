"""Words in, proposals out: date, amount, currency and supplier of a document. No files, no models, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recoup.areas.claims.reading.amounts import amounts_of
from recoup.areas.claims.reading.currency import currencies_of
from recoup.areas.claims.reading.dates import dates_of
from recoup.areas.claims.reading.results import MOST_OF_A_FIELD, Field, Proposed
from recoup.areas.claims.reading.scoring import Scored
from recoup.areas.claims.reading.suppliers import suppliers_of
from recoup.areas.claims.reading.words import WHOLE, Word, around, rows_of

_CERTAIN = 550
_LEAST_POINTS = 1.75
_HALF = 4.0
"""Points that come to a confidence of a half."""
_MOST = 990


def proposals(words: Sequence[Word]) -> tuple[Proposed, ...]:
    """Return what a document's words propose, at most three values for each field, best first."""
    rows = rows_of(words)
    amounts = amounts_of(rows)
    currencies = currencies_of(rows, amounts)
    month_first = bool(currencies) and currencies[0].value == "USD"
    return (
        *_proposed(Field.DATE, dates_of(rows, month_first=month_first)),
        *_proposed(Field.AMOUNT, (Scored(one.sum.value, one.words, one.points) for one in amounts)),
        *_proposed(Field.CURRENCY, currencies),
        *_proposed(Field.SUPPLIER, suppliers_of(rows)),
    )


def is_enough(words: Sequence[Word]) -> bool:
    """Tell whether words say for certain enough what a document is about."""
    best = {one.field: one.confidence for one in reversed(proposals(words))}
    return all(best.get(field, 0) >= _CERTAIN for field in (Field.DATE, Field.AMOUNT, Field.SUPPLIER))


def _proposed(field: Field, scored: Iterable[Scored]) -> list[Proposed]:
    """Turn the best of a field into proposals; those for which too little speaks are left out."""
    weighed = sorted(((one.points * _sure(one.words), one) for one in scored), key=lambda pair: -pair[0])
    best = [(points, one) for points, one in weighed if points >= _LEAST_POINTS][:MOST_OF_A_FIELD]
    made: list[Proposed] = []
    for index, (points, one) in enumerate(best):
        lead = points - best[1][0] if index == 0 and len(best) > 1 else points
        confidence = min(_confidence(points, lead), made[-1].confidence if made else WHOLE)
        made.append(Proposed(field, one.value, one.words[0].page, around(one.words), confidence))
    return made


def _sure(words: Sequence[Word]) -> float:
    """Return how sure the least sure of some words is, from 0 to 1."""
    return min(word.sure for word in words) / WHOLE


def _confidence(points: float, lead: float) -> int:
    """Turn points into thousandths: half at four, never all; a narrow lead over the next takes up to a quarter."""
    share = points**2 / (points**2 + _HALF**2)
    return min(_MOST, round(WHOLE * share * (0.75 + 0.25 * min(1.0, lead))))
