"""What the Clazar stand-in takes for a metering request, and which quantities each marketplace allows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from recoup.core import quantity
from recoup.core.errors import Invalid

CLOUDS = ("aws", "azure", "gcp")
FIELDS = ("cloud", "contract_id", "dimension", "start_time", "end_time", "quantity")
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Malformed(Exception):
    """The request is no metering request, and is answered with 400 as a whole."""


def read_records(body: bytes) -> list[dict[str, Any]]:
    """Read {"request": [record, …]}; raise Malformed when one of them has not the documented shape."""
    try:
        records = json.loads(body)["request"]
    except (ValueError, KeyError, TypeError):
        raise Malformed('The body is not {"request": [...]}.') from None
    if not isinstance(records, list) or not records:
        raise Malformed("request is a list of at least one record.")
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise Malformed(f"request[{number}] is not an object.")
        for name in FIELDS:
            if not isinstance(record.get(name), str) or not record[name]:
                raise Malformed(f"request[{number}].{name} is a string that must be given.")
        if record["cloud"] not in CLOUDS:
            raise Malformed(f"request[{number}].cloud is one of {', '.join(CLOUDS)}.")
        if not isinstance(record.get("custom_properties", {}), dict):
            raise Malformed(f"request[{number}].custom_properties is an object.")
        if not read_time(record["start_time"]) < read_time(record["end_time"]):
            raise Malformed(f"request[{number}] ends before it starts.")
    return records


def read_time(text: str) -> datetime:
    """Read ``YYYY-MM-DDTHH:MM:SSZ``; raise Malformed on any other form."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"{text} is not a time like 2025-07-23T21:00:00Z.") from None


def quantity_problem(cloud: str, text: str) -> str | None:
    """Say why a marketplace does not take a quantity: AWS takes whole numbers, Azure none that is zero."""
    try:
        value = quantity.parse(text)
    except Invalid:
        return "The quantity is not a number."
    if value < 0:
        return "The quantity is negative."
    if cloud == "aws" and value != value.to_integral_value():
        return "The quantity must be a whole number for this marketplace."
    if cloud == "azure" and not value:
        return "The quantity must be more than zero for this marketplace."
    return None
