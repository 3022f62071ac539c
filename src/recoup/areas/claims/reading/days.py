"""Days as people write them, in several orders and in six languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

EARLIEST, LATEST = 1980, 2079
"""Years that a document is taken to speak of; of two digits, they are the one that lies between."""
# English, German, French, Spanish, Dutch, Polish (both cases); without accents, which recognisers miss.
_MONTHS = (
    "january januar janner janvier enero januari styczen stycznia jan janv ene sty",
    "february februar fevrier febrero februari luty lutego feb fev fevr lut",
    "march marz maerz mars marzo maart marzec marca mar mrz mrt",
    "april avril abril kwiecien kwietnia apr avr abr kwi",
    "may mai mayo mei maj maja",
    "june juni juin junio czerwiec czerwca jun cze",
    "july juli juillet julio lipiec lipca jul juil lip",
    "august aout agosto augustus sierpien sierpnia aug ago sie",
    "september septembre septiembre setiembre wrzesien wrzesnia sep sept wrz",
    "october oktober octobre octubre pazdziernik pazdziernika oct okt paz",
    "november novembre noviembre listopad listopada nov lis",
    "december dezember decembre diciembre grudzien grudnia dec dez dic gru",
)
_MONTHS_A_YEAR = len(_MONTHS)
_CENTURY = 100
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME = "|".join(sorted(_MONTH_OF, key=lambda name: (-len(name), name)))
_YEAR = r"(?P<year>(?:19|20)[0-9]{2}|'?[0-9]{2})"
_START, _END = r"(?<![\w.,/-])", r"(?!\w|[./-][0-9])"
_GAP = r"[ \t]*[.,/-]?[ \t]*"
_YEAR_FIRST = re.compile(
    r"(?<!\w)(?P<year>(?:19|20)[0-9]{2})([-./])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})(?![0-9])"
)
_NUMBERS = re.compile(
    r"(?<![0-9.,/-])(?P<one>[0-9]{1,2})(?P<mark>[./-]) ?(?P<two>[0-9]{1,2})(?P=mark) ?"
    # A recogniser may run the time into the year: 02.03.2015:59 is 15:59 on 2 March 2020.
    r"(?:(?P<glued>[0-9]{2})(?=[0-9]{2}:[0-9]{2}(?![0-9]))|(?P<year>(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9]|[.,/][0-9]))"
)
_DAY_FIRST = re.compile(
    rf"{_START}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th|er|\.|º)?[ \t-]*(?:(?:of|de|den)[ \t]+)?"
    rf"(?P<name>{_NAME})(?![^\W0-9_]){_GAP}(?:(?:de|del|of)[ \t]+)?{_YEAR}(?![0-9]|[.,][0-9])"
)
_MONTH_FIRST = re.compile(
    rf"(?<!\w)(?P<name>{_NAME})(?![^\W0-9_])\.?[ \t-]*(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?"
    rf"[ \t]*[,.-]?[ \t]*(?P<year>(?:19|20)[0-9]{{2}})(?![0-9])"
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day, from ``start`` to ``end`` of its text; ``other`` is what it would be with day and month exchanged."""

    day: date
    other: date | None
    start: int
    end: int


def days_in(text: str, *, month_first: bool = False) -> list[Day]:
    """Return the days that a text names; where day and month cannot be told apart, ``month_first`` decides."""
    plain = folded(text)
    found: list[Day] = []
    for day in _all(plain, month_first=month_first):
        if not any(day.start < other.end and other.start < day.end for other in found):
            found.append(day)
    return sorted(found, key=lambda day: day.start)


def is_month_first(text: str) -> bool | None:
    """Tell whether days such as 03/20/2023 show the order of a text; None where they do not."""
    for match in _NUMBERS.finditer(text):
        one, two = int(match["one"]), int(match["two"])
        if match["mark"] == "/" and (one > _MONTHS_A_YEAR) != (two > _MONTHS_A_YEAR):
            return two > _MONTHS_A_YEAR
    return None


def folded(text: str) -> str:
    """Return a text in lower case and without accents, letter for letter as long as it was."""
    return "".join(_plain(letter) for letter in text)


def _plain(letter: str) -> str:
    lower = letter.lower()
    bare = "l" if lower == "ł" else unicodedata.normalize("NFKD", lower)[:1]
    return bare if len(bare) == 1 else letter


def _all(plain: str, *, month_first: bool) -> Iterator[Day]:
    for match in _YEAR_FIRST.finditer(plain):
        yield from _made(match, int(match["month"]), int(match["day"]), match["year"])
    for match in _NUMBERS.finditer(plain):
        day, month = int(match["one"]), int(match["two"])
        year = match["glued"] or match["year"]
        if match["mark"] == "/" and month_first:
            day, month = month, day
        other = None if match["mark"] == "." else _day(year, day, month)
        made = _day(year, month, day)
        if made is None:
            made, other = other, None
        if made is not None:
            yield Day(made, other if other != made else None, match.start(), match.end())
    for pattern in (_DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(plain):
            yield from _made(match, _MONTH_OF[match["name"]], int(match["day"]), match["year"])


def _made(match: re.Match[str], month: int, day: int, year: str) -> Iterator[Day]:
    made = _day(year, month, day)
    if made is not None:
        yield Day(made, None, match.start(), match.end())


def _day(year: str, month: int, day: int) -> date | None:
    number = int(year.lstrip("'"))
    if number < _CENTURY:
        number += 2000 if number <= LATEST - 2000 else 1900
    if not EARLIEST <= number <= LATEST:
        return None
    try:
        return date(number, month, day)
    except ValueError:
        return None
