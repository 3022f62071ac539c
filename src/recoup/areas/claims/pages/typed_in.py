"""What is typed into a draft's forms: read as it stands there, merged with what another device typed meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recoup.areas.claims.rules import loss as losses
from recoup.areas.claims.rules import wording
from recoup.core.errors import Invalid
from recoup.core.money import Money

Typed = Mapping[str, str | list[str]]

PLAIN = (
    "claim_type",
    "incident_date",
    "description",
    "claim_amount",
    "loss_time",
    "loss_location",
    "cause",
    "police_report_no",
    "reported_at",
)
MORE = ("loss_time", "loss_location", "cause", "police_report_no", "reported_at")
"""Fields that are folded away until somebody wants them."""
FIELDS: Mapping[str, tuple[str, ...]] = {"policy": ("user_policy_id",), "what-happened": losses.FIELDS}
"""Which fields each step of the form has."""
LONGEST_BASE = 200_000
_COMMA = re.compile(r"([0-9]{1,16}),([0-9]{1,2})")
_REMOVES = re.compile(r"remove-part-([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the amount, as it was typed."""

    title: str
    amount: str


def word(typed: Typed, name: str) -> str:
    """Return one field, with the line ends that we keep; nothing where it is missing or stands there twice."""
    found = typed.get(name, "")
    return found.replace("\r\n", "\n").replace("\r", "\n") if isinstance(found, str) else ""


def values_of(step: str, typed: Typed) -> dict[str, str]:
    """Return what a step's form holds, as it is kept in a draft."""
    if step == "policy":
        return {"user_policy_id": word(typed, "user_policy_id").strip()}
    values = {name: word(typed, name) for name in PLAIN}
    values["claim_amount"] = with_point(values["claim_amount"])
    values["lines"] = packed(_parts_typed(typed))
    return values


def changed(values: Mapping[str, str], typed: Typed) -> dict[str, str]:
    """Return what was typed here since the form was shown; what stood there already may be older than the draft.

    The form carries what it was shown with, so a page that lay open on another device does not undo what was typed
    on this one.
    """
    try:
        base = json.loads(word(typed, "was")[:LONGEST_BASE] or "{}")
    except (ValueError, RecursionError):
        base = {}
    if not isinstance(base, dict):
        base = {}
    return {name: text for name, text in values.items() if base.get(name) != text}


def parts_of(kept: Mapping[str, str]) -> list[Part]:
    """Return the parts of the amount in a draft."""
    try:
        found = json.loads(kept.get("lines") or "[]")
        return [Part(str(one["title"]), str(one["amount"])) for one in found]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def packed(parts: Sequence[Part]) -> str:
    """Write parts as a draft keeps them; those that are empty are none."""
    kept = [
        {"title": one.title, "amount": one.amount} for one in parts if one.title.strip() or one.amount.strip()
    ]
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def removed(typed: Typed, go: str) -> dict[str, str]:
    """Return the parts without the one that a button removes, counted from 1."""
    found = _REMOVES.fullmatch(go)
    parts = _parts_typed(typed)
    if found is None or not 0 < int(found[1]) <= len(parts):
        return {}
    del parts[int(found[1]) - 1]
    return {"lines": packed(parts)}


def sum_of(parts: Sequence[Part], currency: str) -> Money | None:
    """Return what the parts add up to; None while one of them cannot be read, or there is none."""
    try:
        read = [wording.amount(one.amount, currency) for one in parts]
    except Invalid:
        return None
    return Money(sum(one.minor for one in read), currency) if read else None


def with_point(text: str) -> str:
    """Return an amount as we write it: the keyboards of half of Europe's phones have a comma and no point.

    ``1,250`` stays as it is, because nobody knows what it means.
    """
    found = _COMMA.fullmatch(text.strip())
    return f"{found[1]}.{found[2]}" if found else text


def _parts_typed(typed: Typed) -> list[Part]:
    titles, amounts = _several(typed, "part_title"), _several(typed, "part_amount")
    return [Part(title, with_point(amount)) for title, amount in zip(titles, amounts, strict=False)]


def _several(typed: Typed, name: str) -> list[str]:
    found = typed.get(name, [])
    return found if isinstance(found, list) else [found]
