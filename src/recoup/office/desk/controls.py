"""What an administrator may set about the desk."""

from __future__ import annotations

from recoup.office.controls.rules import Control

MOST_EXPORT_ROWS = Control(
    "desk.most_export_rows",
    int,
    2_000_000,
    "The most rows that an export of a list writes; a longer list is not written, and waits for a person.",
    minimum=1_000,
    maximum=50_000_000,
)
CONTROLS = (MOST_EXPORT_ROWS,)
