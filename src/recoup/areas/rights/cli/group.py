"""The group of commands that rights plugs in."""

from __future__ import annotations

import cyclopts

from recoup.areas.rights.cli.look import LookCommands
from recoup.areas.rights.cli.settle import SettleCommands
from recoup.areas.rights.cli.sync import SyncCommands
from recoup.web.area import OpenSystem


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``rights``."""
    sync, look, settle = SyncCommands(opened), LookCommands(opened), SettleCommands(opened)
    group = cyclopts.App(name="rights", help="YouTube claim reports: collected, compared, told and priced.")
    group.command(sync.download)
    group.command(sync.process)
    group.command(sync.sync)
    group.command(look.status)
    group.command(look.reports)
    group.command(look.changes)
    group.command(look.known)
    group.command(look.claim)
    group.command(look.asset)
    group.command(settle.accept)
    group.command(settle.reject)
    group.command(settle.authorise)
    return (group,)
