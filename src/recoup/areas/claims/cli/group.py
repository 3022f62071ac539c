"""The group of commands that claims plugs in."""

from __future__ import annotations

import cyclopts

from recoup.areas.claims.cli.decide import DecideCommands
from recoup.areas.claims.cli.filing import FileCommands
from recoup.areas.claims.cli.look import LookCommands
from recoup.areas.claims.cli.policies import PastCommands, PolicyCommands
from recoup.web.area import OpenSystem


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``claims``."""
    look, decide, files = LookCommands(opened), DecideCommands(opened), FileCommands(opened)
    policies, past = PolicyCommands(opened), PastCommands(opened)
    group = cyclopts.App(
        name="claims",
        help="Insurance claims: filed, reviewed, decided, paid; policies and past claims brought in.",
    )
    group.command(look.list_, name="list")
    group.command(look.show)
    group.command(look.flags)
    group.command(files.file)
    group.command(decide.move)
    group.command(decide.confirm)
    group.command(decide.send_back)
    group.command(decide.pay)
    group.command(decide.void)
    held = cyclopts.App(name="policies", help="Policies: what there is, and bringing a sheet in.")
    held.command(policies.list_, name="list")
    held.command(policies.bring_in, name="import")
    history = cyclopts.App(name="history", help="Claims that were decided elsewhere, for the figures.")
    history.command(past.bring_in, name="import")
    group.command(held)
    group.command(history)
    return (group,)
