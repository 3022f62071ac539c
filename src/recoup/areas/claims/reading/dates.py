"""Which of the days on a document is its own: not when it is due, was ordered, or covers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recoup.areas.claims.reading.days import days_in, is_month_first
from recoup.areas.claims.reading.labels import Label, labels_of
from recoup.areas.claims.reading.numbers import sums_in
from recoup.areas.claims.reading.scoring import UPPER_PART, Scored, company, once
from recoup.areas.claims.reading.words import Row, Word, around

_OWN = re.compile(
    r"invoice dat|date of issue|issue dat|issued|bill dat|billing dat|receipt dat|date of invoice|tax point|"
    r"rechnungsdatum|belegdatum|ausstellungsdatum|kaufdatum|datum der rechnung|rechnung vom|rechnungs- und|"
    r"date de facture|date facture|date de la facture|date d.emission|facture du|emise? le|"
    r"fecha de (?:la )?factura|fecha factura|fecha de emision|fecha de expedicion|"
    r"factuur ?-?datum|datum factuur|overzichtdatum|"
    r"data wystawienia|data faktury|wystawiono"
)
_PLAIN = re.compile(r"\b(?:date|dated|datum|fecha|data)\b")
_ALONE = re.compile(r"\W*(?:date|dated|datum|fecha|data)\W*")
_ON = re.compile(r"(?:^|\s)(?:on|le|du|am|vom|el|op|dnia)[ :.,]*$")
_OTHER = re.compile(
    r"\bdue\b|fallig|zahlbar|zahlungsziel|bis zum|echeance|a regler|vencimiento|verval|betaal(?:d|baar|datum)|"
    r"termin|platnosci|order|bestell|commande|pedido|zamowien|aankoop|"
    r"deliver|ship|liefer|leistung|livraison|entrega|lever|dostaw|sprzedaz|"
    r"period|zeitraum|von|from|until|\bto\b|periode|okres|"
    r"birth|geboren|geburts|naissance|nacimiento|geboorte|urodz|"
    r"valid|gultig|expir|valable|print|gedruckt|version|stand\b|since|seit"
)
_TIME = re.compile(r"[ \t,]*(?:[0-2]?[0-9][:.][0-5][0-9]|um |at )")
_RANGE = re.compile(r"[ \t]*(?:[-\u2013\u2014]|bis|to|au|al|tot|do)[ \t]*[0-9]")
_MOST_WORDS = 9


def dates_of(rows: Sequence[Row], *, month_first: bool) -> list[Scored]:
    """Return the days (ISO) of a document that may be its own, best first, each once.

    ``month_first`` is how 03/04/2023 is read where the document itself does not show it.
    """
    order = is_month_first("\n".join(row.text for row in rows))
    found = []
    for at, row in enumerate(rows):
        for day in days_in(row.text, month_first=month_first if order is None else order):
            words = row.between(day.start, day.end)
            points = _points(rows, at, day.start, day.end, words)
            found.append(Scored(day.day.isoformat(), words, points))
            if day.other is not None and order is None:
                found.append(Scored(day.other.isoformat(), words, points - 3.0))
    return once(found)


def _points(rows: Sequence[Row], at: int, start: int, end: int, words: tuple[Word, ...]) -> float:
    row = rows[at]
    points = 2.0 + 0.5 * (row.box[1] < UPPER_PART) + 0.5 * (row.page == 1)
    labels = labels_of(rows, at, start, around(words))
    points += max((_meaning(label) for label in labels), key=abs, default=0.0)
    if sums_in(row.text):  # a line of what was bought, or a payment
        points -= 1.0
    if _TIME.match(row.text, end):
        points += 2.0
    if _RANGE.match(row.text, end) or row.text[:start].rstrip().endswith(("-", "\u2013", "\u2014")):
        points -= 3.0
    if company(row.text, start, end) > _MOST_WORDS:
        points -= 1.5
    return points


def _meaning(label: Label) -> float:
    """Say how much a label makes its day the document's own, or another."""
    own, other = _last(_OWN, label.text), _last(_OTHER, label.text)
    if own > other:
        return 5.0 * label.weight
    if other >= 0:
        return -4.0 * label.weight
    if _ALONE.fullmatch(label.text):
        return 4.5 * label.weight
    if _PLAIN.search(label.text):
        return 3.5 * label.weight
    return 2.0 * label.weight if _ON.search(label.text) else 0.0


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Return where a pattern is found last, as the nearest words count; -1 where it is not."""
    return max((match.start() for match in pattern.finditer(text)), default=-1)
