"""Commands of the book of what is owed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number

from recoup.core.ids import parse_id
from recoup.office.owed import queries
from recoup.office.owed.schemas import LapsingShown, OwedShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Limit
from recoup.web.wire import page_of


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``owed``."""
    these = _Commands(opened)
    group = cyclopts.App(name="owed", help="What is owed to us, and when it lapses.")
    group.command(these.listed, name="list")
    group.command(these.lapsing)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        area: Annotated[str | None, Parameter(help="Only what this area wrote down.")] = None,
        after: Annotated[str | None, Parameter(help="Go on with what lapses after this id.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List what is open, the next to lapse first."""
        start = parse_id(after) if after else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.open_items(db, area=area, after=start, limit=limit + 1)
            found = page_of(OwedShown, rows, limit=limit)
        columns = {
            "LAPSES": lambda item: item.lapses_at or "never",
            "AMOUNT": lambda item: output.joined([item.amount, item.currency]) or "not known",
            "PARTY": lambda item: item.party,
            "WHAT": lambda item: item.title,
            "AREA": lambda item: item.area,
        }
        output.listing(found, columns, as_json=json, empty="Nothing is owed.", go_on="--after")

    def lapsing(
        self,
        *,
        hours: Annotated[
            int, Parameter(validator=Number(gte=1, lte=24 * 366), help="How far to look ahead.")
        ] = 48,
        json: Json = False,
    ) -> None:
        """Show what lapses in each hour to come, and what it is worth."""
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.lapsing_by_hour(db, until=system.clock() + timedelta(hours=hours))
            found = page_of(LapsingShown, rows)
        columns = {
            "HOUR": lambda row: row.hour,
            "ITEMS": lambda row: row.items,
            "WORTH": lambda row: output.joined([row.amount, row.currency]) or "not known",
        }
        output.listing(found, columns, as_json=json, empty=f"Nothing lapses within {hours} hours.")
