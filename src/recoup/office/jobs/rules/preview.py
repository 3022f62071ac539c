"""What a page shows of a file without its being downloaded: the first rows of a table, or the first lines of a text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

MOST_BYTES = 256 * 1024
MOST_ROWS = 200
MOST_COLUMNS = 40
LONGEST_CELL = 300

Kind = Literal["table", "json", "text"]

TABLES = frozenset({"text/csv", "text/tab-separated-values"})


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file. A table has ``rows``, the first being its head; anything else has ``text``."""

    kind: Kind
    rows: Sequence[Sequence[str]] = ()
    text: str = ""
    is_cut: bool = False


def kind_of(name: str, media_type: str) -> Kind | None:
    """Say how a file can be shown; None where it cannot."""
    bare, ending = media_type.partition(";")[0].strip(), name.rpartition(".")[2].lower()
    if bare in TABLES or ending in {"csv", "tsv"}:
        return "table"
    if bare == "application/json" or ending == "json":
        return "json"
    return "text" if bare.startswith("text/") or ending in {"txt", "log", "ndjson", "jsonl", "md"} else None


def preview(name: str, media_type: str, beginning: bytes, *, is_whole: bool) -> Preview:
    """Read the beginning of a file as what it is; what cannot be read so is shown as text."""
    kind = kind_of(name, media_type) or "text"
    text = beginning.decode("utf-8-sig" if is_whole else "utf-8", "replace").replace(
        "\0", "\N{REPLACEMENT CHARACTER}"
    )
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if kind == "table":
        return _table(text, is_whole=is_whole)
    if kind == "json" and is_whole:
        try:
            return Preview("json", text=msgspec.json.format(text, indent=2))
        except (ValueError, RecursionError):  # msgspec's own failures are ValueErrors
            kind = "text"
    return Preview(kind, text=text, is_cut=not is_whole)


def _table(text: str, *, is_whole: bool) -> Preview:
    lines = text if is_whole else text[: text.rfind("\n") + 1] or text
    first = lines.partition("\n")[0]
    separator = max((",", ";", "\t", "|"), key=first.count)
    rows: list[list[str]] = []
    is_cut = not is_whole
    try:
        for row in csv.reader(io.StringIO(lines, newline=""), delimiter=separator):
            if len(rows) > MOST_ROWS:
                is_cut = True
                break
            is_cut = is_cut or len(row) > MOST_COLUMNS
            rows.append([_cell(one) for one in row[:MOST_COLUMNS]])
    except csv.Error:
        return Preview("text", text=text, is_cut=not is_whole)
    return Preview("table", rows=[row for row in rows if row], is_cut=is_cut)


def _cell(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"
