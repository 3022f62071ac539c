"""A sheet of policies: each of its lines becomes a policy, or is rejected with a sentence. Nothing vanishes."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from recoup.areas.claims.models import PolicyKind, PolicyStatus
from recoup.areas.claims.rules import cells as reading
from recoup.areas.claims.rules import columns
from recoup.areas.claims.rules.columns import Columns, Known
from recoup.core.errors import Invalid
from recoup.office.people.rules import addresses

MOST_ROWS = 200_000
LONGEST_NUMBER = 64
MOST_PROBLEMS = 4
"""Sentences about one line; whoever mends these sees the others next."""

COLUMNS = Known(
    spellings={
        "policy_number": (
            "policy", "policy no", "policy nr", "policy id", "number", "policennummer", "policen nr", "police",
            "versicherungsschein", "versicherungsscheinnummer", "versicherungsnummer", "vertragsnummer",
        ),
        "holder_email": (
            "email", "e-mail", "mail", "email address", "mail address", "holder mail", "policy holder email",
            "customer email", "insured email", "e-mail-adresse", "mailadresse", "kunden e-mail",
            "versicherungsnehmer e-mail",
        ),
        "holder_name": (
            "name", "holder", "policy holder", "policy holder name", "insured", "insured name", "customer",
            "customer name", "versicherungsnehmer", "versicherter", "kunde", "kundenname",
        ),
        "type": (
            "kind", "policy type", "product", "line of business", "art", "typ", "sparte", "produkt",
            "versicherungsart",
        ),
        "start_date": (
            "start", "begin", "begins", "from", "valid from", "effective", "effective date", "inception",
            "inception date", "policy start", "beginn", "von", "gültig ab", "gueltig ab", "vertragsbeginn",
            "versicherungsbeginn",
        ),
        "end_date": (
            "end", "ends", "to", "until", "valid to", "valid until", "expiry", "expiry date", "expiration date",
            "policy end", "ende", "bis", "gültig bis", "gueltig bis", "ablauf", "ablaufdatum", "vertragsende",
            "versicherungsende",
        ),
        "premium": (
            "annual premium", "yearly premium", "prämie", "praemie", "jahresprämie", "beitrag", "jahresbeitrag",
        ),
        "sum_insured": (
            "insured sum", "insured amount", "coverage amount", "limit", "coverage limit", "versicherungssumme",
            "deckungssumme", "deckung",
        ),
        "currency": ("currency code", "ccy", "währung", "waehrung"),
        "status": ("policy status", "state", "zustand", "vertragsstatus"),
        "auto_renew": (
            "auto renewal", "automatic renewal", "renewal", "renews", "verlängerung", "automatische verlängerung",
        ),
    },
    required=("policy_number", "holder_email", "type", "start_date", "end_date", "premium"),
)  # fmt: skip

_KINDS: Mapping[str, str] = {
    word: kind
    for kind, words in {
        PolicyKind.AUTO: "auto motor car vehicle kfz kraftfahrt kraftfahrzeug",
        PolicyKind.HEALTH: "health medical kranken krankenversicherung gesundheit",
        PolicyKind.LIFE: "life leben lebensversicherung",
        PolicyKind.HOME: "home house household property hausrat wohngebaude wohngebaeude gebaude gebaeude",
        PolicyKind.TRAVEL: "travel reise reiseversicherung",
        PolicyKind.OTHER: "other sonstige sonstiges andere",
    }.items()
    for word in words.split()
}
_STATUSES: Mapping[str, str] = {
    word: status
    for status, words in {
        PolicyStatus.ACTIVE: "active inforce aktiv laufend",
        PolicyStatus.EXPIRED: "expired lapsed ended abgelaufen beendet",
        PolicyStatus.CANCELLED: "cancelled canceled terminated gekundigt gekuendigt storniert",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A line that is a policy. Amounts are minor units of ``currency``; None is what the line says nothing about."""

    line: int
    policy_number: str
    address: str
    name: str
    kind: str
    start_date: date
    end_date: date
    premium_minor: int
    sum_insured_minor: int | None
    currency: str
    status: str | None
    auto_renew: bool | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is none, and why; ``cells`` are its own, for whoever mends it."""

    line: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole sheet, read: every line of it is in ``policies`` or in ``rejected``."""

    header: tuple[str, ...]
    columns: Columns
    policies: Sequence[PolicyRow]
    rejected: Sequence[Rejected]

    @property
    def rows(self) -> int:
        """How many lines it has below its titles; empty ones are none."""
        return len(self.policies) + len(self.rejected)


def read(lines: Iterable[tuple[int, Sequence[str]]], *, currency: str) -> Sheet:
    """Read lines with their numbers, the first of which names the columns; ``currency`` is that of lines without one.

    Raise Invalid for a sheet that cannot be one of policies, or has more than ``MOST_ROWS`` lines.
    """
    every = iter(lines)
    try:
        _, header = next(one for one in every if any(cell.strip() for cell in one[1]))
    except StopIteration:
        raise Invalid("The sheet is empty.") from None
    place = columns.resolve(COLUMNS, header)
    policies: dict[str, PolicyRow] = {}
    originals: dict[str, tuple[str, ...]] = {}
    torn: dict[str, list[int]] = {}
    rejected: list[Rejected] = []
    count = 0
    for line, cells in every:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise Invalid(
                f"The sheet has more than {MOST_ROWS:,} lines.", fix="Bring it in as several files."
            )
        row = _row(line, cells, place, currency)
        if isinstance(row, Rejected):
            rejected.append(row)
        elif (first := policies.get(row.policy_number)) is None:
            policies[row.policy_number], originals[row.policy_number] = row, tuple(cells)
        elif _says(first) == _says(row):
            rejected.append(
                Rejected(line, f"Line {first.line} says the same of {row.policy_number}.", tuple(cells))
            )
        else:
            torn.setdefault(row.policy_number, [first.line]).append(line)
            rejected.append(Rejected(line, _two_ways(row.policy_number, first.line), tuple(cells)))
    for number, places in torn.items():
        first = policies.pop(number)
        rejected.append(Rejected(first.line, _two_ways(number, places[1]), originals[number]))
    return Sheet(
        tuple(title.strip() for title in header),
        place,
        tuple(policies.values()),
        tuple(sorted(rejected, key=lambda one: one.line)),
    )


def _says(row: PolicyRow) -> tuple[object, ...]:
    return (row.address, row.name, row.kind, row.start_date, row.end_date, row.premium_minor,
            row.sum_insured_minor, row.currency, row.status, row.auto_renew)  # fmt: skip


def _two_ways(number: str, other: int) -> str:
    return f"Line {other} says something else of {number}. Neither is taken."


def _row(line: int, cells: Sequence[str], place: Columns, default: str) -> PolicyRow | Rejected:
    if problem := columns.fits(place, cells):
        return Rejected(line, problem, tuple(cells))
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, column, read in _READERS:
        try:
            values[name] = read(place.cell(cells, column))
        except Invalid as error:
            problems.append(error.sentence())
    try:
        values |= _amounts(cells, place, default)
    except Invalid as error:
        problems.append(error.sentence())
    if not problems and values["end_date"] < values["start_date"]:
        problems.append(f"It ends on {values['end_date']}, before it starts on {values['start_date']}.")
    if problems:
        return Rejected(line, " ".join(problems[:MOST_PROBLEMS]), tuple(cells))
    return PolicyRow(line, **values)


def _amounts(cells: Sequence[str], place: Columns, default: str) -> Mapping[str, Any]:
    currency = reading.currency(place.cell(cells, "currency") or default)
    premium, insured = place.cell(cells, "premium"), place.cell(cells, "sum_insured")
    if not premium:
        raise Invalid("It has no premium.", fix="Write 0 where there is none.")
    sum_insured = reading.amount(insured, currency, what="The sum_insured").minor if insured else None
    if sum_insured == 0:
        raise Invalid("The sum_insured is nothing.", fix="Leave it empty where there is no bound.")
    return {
        "premium_minor": reading.amount(premium, currency, what="The premium").minor,
        "sum_insured_minor": sum_insured,
        "currency": currency,
    }


def _number(text: str) -> str:
    number = unicodedata.normalize("NFC", text)
    if not number:
        raise Invalid("It has no policy_number.")
    if _ROUNDED.fullmatch(number):
        raise Invalid(
            f"The policy_number {number} was rounded by the spreadsheet.", fix="Format that column as text."
        )
    if len(number) > LONGEST_NUMBER or not number.isprintable():
        raise Invalid(
            f"The policy_number {number[:40]!r} is longer than {LONGEST_NUMBER} characters, or not plain text."
        )
    return number


def _address(text: str) -> str:
    if not text:
        raise Invalid("It has no holder_email.")
    return addresses.normalise(text)


def _of_words(words: Mapping[str, str], text: str, *, what: str, known: Iterable[str]) -> str:
    found = words.get(reading.plain(text))
    if found is None:
        raise Invalid(f"{what} {text[:40]!r} is not known.", fix=f"Give one of {', '.join(known)}.")
    return found


@functools.lru_cache(maxsize=1_000)
def _kind(text: str) -> str:
    if not text:
        raise Invalid("It has no type.")
    return _of_words(_KINDS, text, what="The type", known=PolicyKind)


def _status(text: str) -> str | None:
    return _of_words(_STATUSES, text, what="The status", known=PolicyStatus) if text else None


def _yes(text: str) -> bool | None:
    return reading.yes(text, what="The auto_renew") if text else None


def _day(name: str) -> Callable[[str], date]:
    def read(text: str) -> date:
        if not text:
            raise Invalid(f"It has no {name}.")
        return reading.day(text, what=f"The {name}")

    return read


_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")
"""A long number, as a spreadsheet writes it when it takes it for a quantity."""
_READERS: Sequence[tuple[str, str, Callable[[str], Any]]] = (
    ("policy_number", "policy_number", _number),
    ("address", "holder_email", _address),
    ("name", "holder_name", addresses.name),
    ("kind", "type", _kind),
    ("start_date", "start_date", _day("start_date")),
    ("end_date", "end_date", _day("end_date")),
    ("status", "status", _status),
    ("auto_renew", "auto_renew", _yes),
)
