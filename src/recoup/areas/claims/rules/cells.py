"""What the cells of a sheet say, read strictly: what could mean two things is refused, never guessed."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from recoup.core.errors import Invalid
from recoup.core.money import Money, exponent

FIRST_YEAR = 1900
MONTHS_IN_A_YEAR = 12
MOST_DIGITS = 16
LONGEST_SHOWN = 40

_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d\d?)\2(\d\d?)(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?", re.ASCII)
_DOTTED = re.compile(r"(\d\d?)\. ?(\d\d?)\. ?(\d{4})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d\d?)([/-])(\d\d?)\2(\d{4})", re.ASCII)
_DAY_AND_MONTH = re.compile(r"(\d\d?)\.?[ -]([^\W\d_]+)\.?,?[ -](\d{4})")
_MONTH_AND_DAY = re.compile(r"([^\W\d_]+)\.? (\d\d?),? (\d{4})")
_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january januar janner jan",
            "february februar feb",
            "march marz maerz mar mrz",
            "april apr",
            "may mai",
            "june juni jun",
            "july juli jul",
            "august aug",
            "september sept sep",
            "october oktober oct okt",
            "november nov",
            "december dezember dec dez",
        ),
        1,
    )
    for name in names.split()
}
_WRITE_DAYS = "Write it like 2026-02-05."

_GROUP_SIGNS = str.maketrans("", "", " \u00a0\u202f\u2009'\u2019")
_GROUPED_BY_BLANKS = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f\u2009'\u2019]\d{3})+(?:[.,]\d*)?", re.ASCII)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_COMMA_GROUPS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_DOT_GROUPS = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+", re.ASCII)
_EITHER_WAY = re.compile(r"-?[1-9]\d{0,2},\d{3}", re.ASCII)

_YES = frozenset({"yes", "y", "true", "1", "x", "ja", "j", "wahr", "on"})
_NO = frozenset({"no", "n", "false", "0", "nein", "falsch", "off"})


def plain(text: str) -> str:
    """Return a word as it is compared: small letters without accents, digits, nothing else."""
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ẞ", "ss")).lower()
    return "".join(char for char in folded if char.isalnum())


@functools.lru_cache(maxsize=50_000)
def day(text: str, *, what: str) -> date:
    """Read a day: ``2026-02-05``, ``5.2.2026``, ``5 Feb 2026``, ``13/02/2026``; ``05/02/2026`` could be two."""
    bare = text.strip()
    for pattern, read in _READERS:
        if (found := pattern.fullmatch(bare)) is not None:
            try:
                read_day = date(*read(found))
            except _TwoDays:
                raise Invalid(f"{what} {_shown(text)} could be two days.", fix=_WRITE_DAYS) from None
            except (ValueError, KeyError):
                break
            if read_day.year < FIRST_YEAR:
                raise Invalid(f"{what} {_shown(text)} is before {FIRST_YEAR}.")
            return read_day
    raise Invalid(f"{what} {_shown(text)} is not a date.", fix=_WRITE_DAYS)


class _TwoDays(Exception):
    """A day and a month that could change places."""


def _year_first(found: re.Match[str]) -> tuple[int, int, int]:
    year, sign, month, of_month = found.groups()
    if not sign and len(month + of_month) != 4:  # noqa: PLR2004 - 20260205 has two digits for each
        raise ValueError
    return int(year), int(month), int(of_month)


def _year_last(found: re.Match[str]) -> tuple[int, int, int]:
    first, _, second, year = found.groups()
    left, right = int(first), int(second)
    if left != right and left <= MONTHS_IN_A_YEAR and right <= MONTHS_IN_A_YEAR:
        raise _TwoDays
    return (int(year), right, left) if left > MONTHS_IN_A_YEAR else (int(year), left, right)


_READERS = (
    (_YEAR_FIRST, _year_first),
    (_DOTTED, lambda found: (int(found[3]), int(found[2]), int(found[1]))),
    (_YEAR_LAST, _year_last),
    (_DAY_AND_MONTH, lambda found: (int(found[3]), _MONTHS[plain(found[2])], int(found[1]))),
    (_MONTH_AND_DAY, lambda found: (int(found[3]), _MONTHS[plain(found[1])], int(found[2]))),
)


@functools.lru_cache(maxsize=50_000)
def amount(text: str, currency: str, *, what: str) -> Money:
    """Read an amount exactly: ``1250.00``, ``1,250.00``, ``1.250,00``, ``1250,5``; not ``1,250``, which could be two.

    Raise Invalid for what is none, is finer than the currency's smallest unit, or is less than nothing.
    """
    number = _decimal(text, what)
    digits = number.lstrip("-").partition(".")[0].lstrip("0")
    if len(digits) > MOST_DIGITS:
        raise Invalid(f"{what} {_shown(text)} is larger than anything that is insured.")
    try:
        money = Money.parse(number, currency)
    except Invalid:
        places = exponent(currency)
        said = f"more than {places} digits after the point" if places else "digits after the point"
        raise Invalid(f"{what} {_shown(text)} {currency} has {said}.") from None
    if money.minor < 0:
        raise Invalid(f"{what} {_shown(text)} is less than nothing.")
    return money


def _decimal(text: str, what: str) -> str:
    bare = text.strip()
    if _GROUPED_BY_BLANKS.fullmatch(bare):
        bare = bare.translate(_GROUP_SIGNS)
    if _PLAIN.fullmatch(bare):
        return bare
    if _EITHER_WAY.fullmatch(bare):
        raise Invalid(f"{what} {_shown(text)} could be two amounts.", fix="Write it like 1250.00.")
    if _COMMA_GROUPS.fullmatch(bare):
        return bare.replace(",", "")
    if _DOT_GROUPS.fullmatch(bare):
        return bare.replace(".", "").replace(",", ".")
    if _DECIMAL_COMMA.fullmatch(bare):
        return bare.replace(",", ".")
    raise Invalid(
        f"{what} {_shown(text)} is not an amount.", fix="Write it like 1250.00, without a currency."
    )


@functools.lru_cache(maxsize=1_000)
def currency(text: str) -> str:
    """Read a currency: ``EUR``, ``eur``."""
    return Money(0, text.strip().upper()).currency


@functools.lru_cache(maxsize=1_000)
def yes(text: str, *, what: str) -> bool:
    """Read yes or no, in English or German."""
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Invalid(f"{what} {_shown(text)} is neither yes nor no.")


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")
