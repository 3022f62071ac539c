"""What setup keeps among the controls: values of the files that no part here reads yet."""

from __future__ import annotations

from recoup.office.controls.rules import Control

KEPT = Control(
    "setup.kept",
    str,
    "",
    "What the setup files say that no part of this installation reads yet. An export gives it back unchanged.",
    longest=50_000,
    page="/desk/setup",
)
