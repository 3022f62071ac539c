"""The groups of commands that the parts plug in, as attributes, so that the command line can load them by name."""

from __future__ import annotations

import functools

import cyclopts

from recoup import app
from recoup.entry.opening import opened
from recoup.web.area import behind


@functools.cache
def groups() -> dict[str, cyclopts.App]:
    """Return every group by its name."""
    made = [group for area in app.ALL if area.commands for group in behind(area.commands)(opened)]
    return {name: group for group in made for name in group.name}


def __getattr__(name: str) -> cyclopts.App:
    """Return the group called ``name``."""
    if name.startswith("_") or name not in groups():
        raise AttributeError(name)
    return groups()[name]
