"""How changes read for people: in a mail, in a workbook, in a list."""

from __future__ import annotations

from collections.abc import Sequence

from recoup.areas.rights.models import Change
from recoup.core.money import Money

SHOWN, LONGEST = 3, 60
EMPTY = "(empty)"


def what(change: Change, *, shown: int = SHOWN) -> str:
    """Say which cells differ and how: ``claim_status ACTIVE → INACTIVE``, the first few, the rest counted."""
    cells = list(zip(change.columns, change.before, change.after, strict=True))
    said = [f"{name} {_cell(was)} → {_cell(now)}" for name, was, now in cells[:shown]]
    if len(cells) > shown:
        said.append(f"and {len(cells) - shown} more")
    return "; ".join(said)


def weight(views: int, worth: Money | None) -> str:
    """Say what something weighs: in views, and in money where a price is known."""
    text = f"{views:,} views"
    return f"{text}, about {worth}" if worth is not None else text


def counted(added: int, gone: int, changed: int) -> str:
    """Say how many of each sort there are."""
    return f"{added:,} added, {gone:,} gone, {changed:,} changed"


def _cell(text: str) -> str:
    return EMPTY if not text else text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def for_slack(text: str) -> str:
    """Escape what Slack would take for a command (api.slack.com/reference/surfaces/formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_text(head: str, causes: Sequence[tuple[str, int]], link: str) -> str:
    """Write a message for a webhook: a line, causes, an address."""
    lines = [f"*{for_slack(head)}*", *(f"• {count:,} {for_slack(cause)}" for cause, count in causes)]
    return "\n".join([*lines, for_slack(link)])
