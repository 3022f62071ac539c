"""The commands of notices."""

from __future__ import annotations

import cyclopts

from recoup.office.notices import queries
from recoup.office.notices.api import house_of
from recoup.office.notices.rules import numbers
from recoup.office.notices.schemas import TestShown, WayShown
from recoup.office.notices.service import telling
from recoup.office.notices.ways import Ways
from recoup.office.people.cli.who import Address, person_at
from recoup.office.people.here import portal_of
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Limit
from recoup.web.wire import Page


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``notices``."""
    these = _Commands(opened)
    group = cyclopts.App(
        name="notices", help="Short notices by SMS and to browsers: who is told, and a test."
    )
    group.command(these.listed, name="list")
    group.command(these.test)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(self, *, limit: Limit = 200, json: Json = False) -> None:
        """List who is told by SMS or in a browser. Numbers are shown in part."""
        with self._opened() as system, system.sessions.begin() as db:
            found = queries.listed(db, limit=limit)
        items = [
            WayShown(
                person=one.person,
                address=one.address,
                number=numbers.masked(one.number) if one.number else "",
                is_on=one.is_wanted,
                devices=one.devices,
            )
            for one in found
        ]
        columns: output.Columns = {
            "ADDRESS": lambda row: row.address,
            "NUMBER": lambda row: row.number,
            "SMS": lambda row: ("on" if row.is_on else "off") if row.number else "",
            "BROWSERS": lambda row: row.devices,
        }
        output.listing(
            Page[WayShown](items=items), columns, as_json=json, empty="Nobody switched notices on yet."
        )

    def test(self, address: Address, *, json: Json = False) -> None:
        """Send somebody a test by every way that they switched on."""
        with self._opened() as system, system.sessions.begin() as db:
            sent = telling.test(
                db,
                person_id=person_at(db, address).id,
                house=house_of(system),
                link=f"{portal_of(system.settings)}/desk/account",
                ways=Ways.of(system.settings),
                now=system.clock(),
            )
        if json:
            output.document(TestShown(ways=sent))
        elif sent:
            output.say(f"A test leaves by {sent} {'way' if sent == 1 else 'ways'}.")
        else:
            output.say("A test left less than a minute ago.")
