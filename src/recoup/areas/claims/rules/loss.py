"""A claim as it is typed, field by field, read into what is filed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from recoup.areas.claims.rules import wording
from recoup.core.errors import Invalid
from recoup.core.money import Money

REQUIRED = ("claim_type", "incident_date", "description", "claim_amount")
OPTIONAL = ("loss_time", "loss_location", "cause", "police_report_no", "reported_at", "lines")
FIELDS = (*REQUIRED, *OPTIONAL)
MOST_LINES = 50
LONGEST_TITLE = 200
FINEST = "CLF"
"""Of all currencies that one has the most digits after the point (ISO 4217)."""


@dataclass(frozen=True, slots=True)
class ClaimedLine:
    """A part of what is claimed."""

    title: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Loss:
    """What happened and what is claimed for it. The parts of ``lines``, where there are any, add up to ``amount``."""

    claim_type: str
    incident_date: date
    description: str
    amount: Money
    loss_time: time | None = None
    loss_location: str = ""
    cause: str = ""
    police_report_no: str = ""
    reported_at: date | None = None
    lines: tuple[ClaimedLine, ...] = field(default=())


def read(typed: Mapping[str, str], *, currency: str) -> tuple[Loss | None, dict[str, str]]:
    """Read every field; return the loss, or None and a sentence for each field that is wrong."""
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, reader in _READERS.items():
        text = typed.get(name, "")
        if not text.strip():
            if name in REQUIRED:
                problems[name] = f"{_TITLES[name]} is missing."
            continue
        try:
            values[name] = reader(text, currency)
        except Invalid as error:
            problems[name] = error.sentence()
    if "claim_amount" in values and "lines" in values and not problems:
        added = sum(line.amount.minor for line in values["lines"])
        if added != values["claim_amount"].minor:
            problems["lines"] = (
                f"The parts add up to {Money(added, currency)}, and {values['claim_amount']} are claimed."
            )
    if problems:
        return None, problems
    values["amount"] = values.pop("claim_amount")
    return Loss(**values), {}


def checked(typed: Mapping[str, str], *, currency: str) -> Loss:
    """As ``read``; raise Invalid with every sentence where a field is wrong."""
    loss, problems = read(typed, currency=currency)
    if loss is None:
        raise Invalid(" ".join(problems.values()))
    return loss


def look(typed: Mapping[str, str]) -> None:
    """Raise Invalid for what is wrong in any currency, before it is known which one the policy has."""
    checked(typed, currency=FINEST)


def _lines(text: str, currency: str) -> tuple[ClaimedLine, ...]:
    """Read a JSON list of ``{"title": "Windscreen", "amount": "300.00"}``."""
    problem = Invalid(
        "The parts of the claim cannot be read.", fix='Write a JSON list of {"title": "…", "amount": "…"}.'
    )
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise problem from None
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_LINES:
        raise problem
    lines = []
    for number, one in enumerate(found, 1):
        if (
            not isinstance(one, dict)
            or set(one) != {"title", "amount"}
            or not all(map(_is_text, one.values()))
        ):
            raise problem
        title = wording.text(one["title"], what=f"Part {number}", longest=LONGEST_TITLE, required=True)
        lines.append(
            ClaimedLine(title, wording.amount(one["amount"], currency, what=f"The amount of part {number}"))
        )
    return tuple(lines)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _short(what: str) -> Callable[[str, str], str]:
    return lambda text, _currency: wording.text(text, what=what, longest=LONGEST_TITLE).replace("\n", " ")


_TITLES: Mapping[str, str] = {
    "claim_type": "The type of the claim (claim_type)",
    "incident_date": "The incident date (incident_date)",
    "description": "The description",
    "claim_amount": "The amount (claim_amount)",
}
_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "claim_type": lambda text, _: wording.claim_type(text),
    "incident_date": lambda text, _: wording.day(text, what="The incident date"),
    "description": lambda text, _: wording.text(
        text, what="The description", longest=wording.LONGEST_DESCRIPTION, required=True
    ),
    "claim_amount": wording.amount,
    "loss_time": lambda text, _: wording.clock(text),
    "loss_location": _short("The place"),
    "cause": _short("The cause"),
    "police_report_no": _short("The number of the police report"),
    "reported_at": lambda text, _: wording.day(text, what="The day of the report"),
    "lines": _lines,
}
