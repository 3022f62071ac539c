"""The group ``people``, put together."""

from __future__ import annotations

import cyclopts

from recoup.office.people.cli.holdings import Holdings
from recoup.office.people.cli.who import Who
from recoup.web.area import OpenSystem


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``people``."""
    who, holdings = Who(opened), Holdings(opened)
    group = cyclopts.App(
        name="people", help="Who may come in: add, change, keep out; their sessions, keys and factors."
    )
    group.command(who.listed, name="list")
    group.command(who.add)
    group.command(who.link)
    group.command(who.role)
    group.command(who.disable)
    group.command(who.enable)
    group.command(holdings.sessions)
    group.command(holdings.end_sessions, name="end-sessions")
    group.command(holdings.keys)
    group.command(holdings.access)
    factors = cyclopts.App(name="factors", help="Second factors.")
    factors.command(holdings.reset)
    group.command(factors)
    return (group,)
