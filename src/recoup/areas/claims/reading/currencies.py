"""Currencies as documents write them: by code, by sign, by name."""

from __future__ import annotations

import re

_CODES = (
    "EUR USD GBP CHF PLN CZK SEK NOK DKK HUF RON BGN ISK CAD AUD NZD JPY CNY HKD SGD INR BRL MXN ZAR TRY ILS AED SAR "
    "KRW THB KWD BHD"
)
_SIGNS = {
    "€": "EUR",
    "euros": "EUR",
    "euro": "EUR",
    "us$": "USD",
    "ca$": "CAD",
    "c$": "CAD",
    "au$": "AUD",
    "a$": "AUD",
    "nz$": "NZD",
    "hk$": "HKD",
    "s$": "SGD",
    "r$": "BRL",
    "$": "USD",
    "us dollars": "USD",
    "dollars": "USD",
    "£": "GBP",
    "zł": "PLN",
    "zl": "PLN",
    "złotych": "PLN",
    "kč": "CZK",
    "sfr.": "CHF",
    "fr.": "CHF",
    "¥": "JPY",
    "₹": "INR",
    "₺": "TRY",
    "₪": "ILS",
    "₩": "KRW",
}
_BY_TEXT = {code.casefold(): code for code in _CODES.split()} | _SIGNS


def _written(text: str) -> str:
    """Make a pattern of one way to write a currency; letters do not touch other letters."""
    before = r"(?<![^\W0-9_])" if text[0].isalpha() else ""
    after = r"(?![^\W0-9_])" if text[-1].isalpha() else ""
    return before + re.escape(text) + after


# Codes and names longest first, so that "US$" is not taken for "$".
WRITTEN = "|".join(_written(text) for text in sorted(_BY_TEXT, key=lambda text: (-len(text), text)))
"""A pattern for any currency, to be searched without regard to case."""
_ANY = re.compile(WRITTEN, re.IGNORECASE)

_EURO_LANDS = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"
_LANDS = {
    "PL": "PLN",
    "GB": "GBP",
    "CH": "CHF",
    "CZ": "CZK",
    "SE": "SEK",
    "DK": "DKK",
    "NO": "NOK",
    "HU": "HUF",
}


def code_of(text: str) -> str:
    """Return the ISO 4217 code of a currency as it is written, such as ``€``; raise KeyError where it is none."""
    return _BY_TEXT[text.casefold()]


def currencies_in(text: str) -> list[tuple[str, int, int]]:
    """Return the code, start and end of every currency that a text names."""
    return [(code_of(found.group()), found.start(), found.end()) for found in _ANY.finditer(text)]


def of_land(land: str) -> str | None:
    """Return the currency of a country (two letters), where it is one that we know."""
    return "EUR" if land in _EURO_LANDS.split() else _LANDS.get(land)
