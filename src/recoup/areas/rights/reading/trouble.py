"""Finding the line that a report cannot be read beyond, so that the sentence can name it."""

from __future__ import annotations

import csv
from pathlib import Path

from recoup.areas.rights.reading.unpacking import LONGEST_LINE
from recoup.areas.rights.rules.layouts import Layout
from recoup.core.errors import Invalid


def first_problem(path: Path, layout: Layout, *, name: str) -> Invalid | None:
    """Return what is wrong with the first row that does not fit, or None when every row does."""
    csv.field_size_limit(LONGEST_LINE)
    with path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            columns = next(reader)
            key = columns.index(layout.key)
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) != len(columns):
                    return Invalid(
                        f"{name}, line {line}: it has {len(cells)} cells for {len(columns)} columns."
                    )
                if not cells[key]:
                    return Invalid(f"{name}, line {line}: it has no {layout.key}.")
                line = reader.line_num + 1
        except csv.Error as error:
            return Invalid(f"{name}, line {reader.line_num}: its quotes cannot be read ({error}).")
    return None
