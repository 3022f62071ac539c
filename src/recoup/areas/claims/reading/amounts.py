"""Which of the sums on a document is the one that it is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from recoup.areas.claims.reading.days import days_in
from recoup.areas.claims.reading.labels import Label, labels_of
from recoup.areas.claims.reading.numbers import Sum, sums_in
from recoup.areas.claims.reading.scoring import UPPER_PART, company, first
from recoup.areas.claims.reading.words import Row, Word, around

# Without accents and in lower case: English, German, French, Spanish, Dutch, Polish.
_WHAT_IS_OWED = re.compile(
    r"amount due|balance due|total due|amount payable|total payable|payable amount|grand total|invoice total|"
    r"total amount|total invoice|total for this invoice|please pay|total to pay|amount to pay|total \(?incl|"
    r"gesamtbetrag|rechnungsbetrag|rechnungssumme|endbetrag|endsumme|zahlbetrag|zu zahlen|gesamtsumme|"
    r"bruttobetrag|gesamt brutto|summe brutto|"
    r"total t\.?t\.?c|net a payer|montant total|total a payer|a payer|montant ttc|total general|montant du|"
    r"total a pagar|importe total|total factura|a pagar|total con iva|total \(?iva incl|"
    r"te betalen|totaalbedrag|factuurbedrag|factuur totaal|totaal incl|bedrag incl|"
    r"do zaplaty|razem brutto|kwota brutto|wartosc brutto|kwota naleznosci|suma pln"
)
_TOTAL = re.compile(r"\b(?:total|totaal|summe|gesamt|suma|razem|ogolem|sum|importe)\b")
_PAID = re.compile(
    r"\b(?:betrag|kartenzahlung|mastercard|visa|girocard|ec[- ]?karte|ec lastschrift|kreditkarte|amount|montant|"
    r"bedrag|brutto|gross|kwota|karta|tarjeta|carte)\b|elec\.?-cash"
)
_PART = re.compile(
    r"sub-? ?tot|zwischensumme|sous-total|posrednia|\bnet(?:to)?\b(?! a payer)|\bexcl|\bht\b|\bhors tax|"
    r"\bohne\b|sin iva|base imponible|warenwert|untaxed|before tax|"
    r"\b(?:mwst|ust|vat|tax|tva|iva|btw|gst|steuer|podatek|umsatzsteuer|mehrwertsteuer|ptu)\b|grondslag|"
    r"discount|rabatt|remise|descuento|korting|rabat|credits?\b|skonto|shipping|versand|porto\b|livraison|envio|"
    r"verzend|fee\b|gebuhr|deposit|pfand|anzahlung|acompte|"
    r"unit|einzel|stuk|prix unit|p\.? ?u\.?\b|precio|prijs|cena|price|rate|"
    r"punkte|points|umsatz von|capital|kapital|kapitaal|capitaux"
)
_WITH_TAX = re.compile(r"incl|inkl|\bttc\b|brutto|\bmit (?:mwst|ust)|\bavec|gross|con iva")
_GIVEN = re.compile(
    r"\bbar(?:geld)?\b|cash|given|tendered|change\b|ruckgeld|zuruck|rockgeld|gegeben|especes|rendu|monnaie|efectivo|"
    r"cambio|contant|wisselgeld|gotowka|reszta"
)
_MOST_WORDS = 8
"""In a cell: a value among more of them stands in a sentence."""
_RULED_OUT = -2.0
_ENOUGH = 200
"""Different sums of which every pair is tried for a sum and its tax."""


@dataclass(frozen=True, slots=True)
class Found:
    """A sum on a document, where it stands, and the points that speak for it."""

    sum: Sum
    words: tuple[Word, ...]
    points: float

    @property
    def number(self) -> Decimal:
        """What it is, exactly."""
        return Decimal(self.sum.value)


def amounts_of(rows: Sequence[Row]) -> list[Found]:
    """Return the sums of a document that may be its total, best first, each value once."""
    found = [
        Found(money, row.between(money.start, money.end), _points(rows, at, money))
        for at, row in enumerate(rows)
        for money in _sums(row.text)
        if not money.is_negative and Decimal(money.value) > 0
    ]
    by_value: dict[Decimal, list[Found]] = {}
    for one in found:
        by_value.setdefault(one.number, []).append(one)
    made_up = _made_up(by_value)
    largest = max((value for value, ones in by_value.items() if _is_money(ones)), default=None)
    best = []
    for value, ones in by_value.items():
        top = first(ones)
        points = top.points + min(1.0, 0.4 * (len(ones) - 1))
        points += 1.0 * (value == largest) + 1.5 * (value in made_up)
        named = next((one.sum for one in (top, *ones) if one.sum.currency), top.sum)
        best.append(Found(replace(top.sum, currency=named.currency), top.words, points))
    return sorted(best, key=lambda one: (-one.points, -one.number))


def _sums(text: str) -> list[Sum]:
    """Return the sums in a text that are no part of a day."""
    days = days_in(text)
    return [
        money
        for money in sums_in(text)
        if not any(day.start < money.end and money.start < day.end for day in days)
    ]


def _is_money(ones: Sequence[Found]) -> bool:
    """Tell whether a value is surely a sum: with cents or a currency, and no cash that was handed over."""
    return any((one.sum.has_cents or one.sum.currency) and one.points > _RULED_OUT for one in ones)


def _points(rows: Sequence[Row], at: int, money: Sum) -> float:
    """Say how much speaks for a sum from where it stands."""
    row = rows[at]
    points = 0.5 * money.has_cents + 0.5 * (money.currency is not None)
    labels = labels_of(rows, at, money.start, around(row.between(money.start, money.end)))
    points += max((_meaning(label) for label in labels), key=abs, default=0.0)
    points += 0.5 * (row.box[1] > UPPER_PART)
    if company(row.text, money.start, money.end) > _MOST_WORDS:
        points -= 2.0
    return points


def _meaning(label: Label) -> float:
    """Say how much a label makes its value the total, or rules it out."""
    text = label.text
    if _GIVEN.search(text) and not re.search(r"karte|card", text):
        return -4.0 * label.weight
    if _PART.search(text) and not _WITH_TAX.search(text):
        return -4.0 * label.weight
    if _WHAT_IS_OWED.search(text):
        return 6.0 * label.weight
    if _TOTAL.search(text):
        return 4.5 * label.weight
    return 2.0 * label.weight if _PAID.search(text) or _WITH_TAX.search(text) else 0.0


def _made_up(by_value: dict[Decimal, list[Found]]) -> set[Decimal]:
    """Return the values that are a sum of two others, of which the lesser is no more than a tax on the greater."""
    values = sorted(by_value, reverse=True)[:_ENOUGH]
    parts = {value for value in values if any(one.points < 0 for one in by_value[value])}
    return {
        net + tax
        for net in parts
        for tax in parts
        if tax < net and tax * 100 <= net * 30 and net + tax in by_value
    }
