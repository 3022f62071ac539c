"""CSV as RFC 4180 has it, in UTF-8 with a byte order mark.

The mark is there because people open these files with a double click: without it Excel reads UTF-8 as the machine's
old code page, and every umlaut breaks. Programs know it (``utf-8-sig``; pandas, Polars and DuckDB skip it); those that
do not have Parquet and the API. Instants are in UTC, durations in seconds, numbers plain.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recoup.core import quantity
from recoup.core.clock import to_text
from recoup.office.desk import rules
from recoup.office.desk.writers.fields import Field, seconds

MEDIA_TYPE = "text/csv; charset=utf-8"


def write(path: Path, fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows below a line of titles."""
    kinds = [field.kind for field in fields]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, lineterminator="\r\n")
        lines.writerow([_title(field) for field in fields])
        for row in rows:
            lines.writerow([_cell(kind, value) for kind, value in zip(kinds, row, strict=True)])


def _title(field: Field) -> str:
    unit = {"instant": " (UTC)", "duration": " (seconds)"}.get(field.kind, "")
    return f"{field.title}{unit}"


def _cell(kind: str, value: Any) -> str:
    return "" if value is None else _WRITERS[kind](value)


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "text": rules.defused,
    "instant": to_text,
    "duration": lambda value: quantity.to_text(seconds(value)),
    "whole": str,
    "quantity": quantity.to_text,
    "amount": lambda value: format(value, "f"),
    "yes": lambda value: "yes" if value else "no",
}
