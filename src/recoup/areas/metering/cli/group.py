"""The group of commands that metering plugs in."""

from __future__ import annotations

import cyclopts

from recoup.areas.metering.cli.export import ExportCommands
from recoup.areas.metering.cli.look import LookCommands
from recoup.areas.metering.cli.settle import SettleCommands
from recoup.web.area import OpenSystem


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``metering``."""
    export, look, settle = ExportCommands(opened), LookCommands(opened), SettleCommands(opened)
    group = cyclopts.App(name="metering", help="Usage: read, added up exactly, submitted once, proven.")
    group.command(export.export)
    group.command(look.status)
    group.command(look.windows)
    group.command(look.window)
    group.command(look.entries)
    group.command(look.why)
    group.command(look.quarantine)
    group.command(look.unbilled)
    adjustments = cyclopts.App(name="adjustments", help="Differences found late: list them, and settle each.")
    adjustments.default(settle.adjustments)
    adjustments.command(settle.end)
    group.command(adjustments)
    group.command(settle.retry)
    group.command(settle.import_state)
    return (group,)
