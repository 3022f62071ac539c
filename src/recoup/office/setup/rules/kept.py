"""What is kept of the files until there is a part that reads it: one text, in one control, exact to the digit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from recoup.office.setup.rules.layout import ETL, FILES

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_MONTHLY = re.compile(r"(\d{1,2}) (\d{1,2}) (\d{1,2}) \* \*")


@dataclass(frozen=True, slots=True)
class Kept:
    """Values by path, and whether the job that some of them are for still has to get them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    waiting: bool = False


def parse(text: str) -> Kept:
    """Read what the control holds."""
    if not text:
        return Kept()
    found = json.loads(text, parse_float=Decimal)
    return Kept(found["values"], waiting=bool(found["waiting"]))


def to_text(kept: Kept) -> str:
    """Write it as the control holds it."""
    return _ENCODER.encode({"values": dict(kept.values), "waiting": kept.waiting}).decode()


def value(kept: Kept, path: str) -> Any:
    """Return what is kept at a path, or what stands there by default."""
    default = next(one.default for one in FILES[ETL] if one.path == path)
    return kept.values.get(path, default)


def pretty(document: Mapping[str, Any]) -> bytes:
    """Write a file as a person would, numbers as they came."""
    return msgspec.json.format(_ENCODER.encode(document), indent=2) + b"\n"


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return paths and values as the object that a file is."""
    document: dict[str, Any] = {}
    for path, one in values.items():
        section, dot, key = path.partition(".")
        if dot:
            document.setdefault(section, {})[key] = one
        else:
            document[path] = one
    return document


def cron_of(kept: Kept) -> str:
    """Return the monthly schedule as cron fields."""
    minute, hour, day = (value(kept, f"schedule.{name}") for name in ("minute", "hour", "day_of_month"))
    return f"{minute} {hour} {day} * *"


def schedule_of(cron: str) -> dict[str, int] | None:
    """Return cron fields as the file has them, or None where they are not once a month."""
    found = _MONTHLY.fullmatch(cron)
    if found is None:
        return None
    minute, hour, day = map(int, found.groups())
    return {"schedule.day_of_month": day, "schedule.hour": hour, "schedule.minute": minute}
