"""`recoup`: the commands, listed without loading what they need; each loads its own when it is asked for."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence

import cyclopts
from cyclopts import Group

from recoup.core.errors import Invalid
from recoup.entry.ending import SIGNALLED, ended, leave_at_once, stop_in_good_order

RUN = Group("Run", sort_key=1)
LOOK = Group("Look, and settle", sort_key=2)
KEEP = Group("Look after it", sort_key=3)

PROGRAMS = {
    "up": ("recoup.entry.up:up", RUN, "Start everything: the database, the server, the workers."),
    "server": ("recoup.entry.server:server", RUN, "Start the server alone."),
    "worker": ("recoup.entry.worker:worker", RUN, "Start one worker process."),
    "demo": (
        "recoup.entry.demo:run",
        RUN,
        "Show it at work for half a minute, with stand-ins for the outside world.",
    ),
    "doctor": (
        "recoup.entry.doctor:doctor",
        KEEP,
        "Check everything, and say what to do about what is not well.",
    ),
    "migrate": ("recoup.entry.upkeep:migrate", KEEP, "Bring the database to this version's schema."),
    "settings": ("recoup.entry.upkeep:settings", KEEP, "Show every setting and where its value comes from."),
    "openapi": ("recoup.entry.upkeep:openapi", KEEP, "Print the description of the API."),
}
"""The programs of this package: where each is, and what --help says of it."""

PARTS = {
    "rights": "YouTube claim reports: collected, compared, told and priced.",
    "claims": "Insurance claims: filed, reviewed, decided, paid; policies and past claims brought in.",
    "metering": "Usage: read, added up exactly, submitted once, proven.",
    "jobs": "What runs when: list, run, pause, schedule.",
    "runs": "What ran and runs: list, show, tail, cancel, look after, run again.",
    "outbox": "Every effect on the outside world: planned, handed over once, proven.",
    "messages": "Mails that left or wait, and the templates they are made of.",
    "notices": "Short notices by SMS and to browsers: who is told, and a test.",
    "owed": "What is owed to us, and when it lapses.",
    "journal": "What happened, to what, by whom; and whether that is still what it was.",
    "lists": "Every list of the portal, as a file: CSV, Excel or Parquet.",
    "controls": "What can be changed while everything runs, with every version kept.",
    "setup": "The three JSON files of the old program: bring in, give back.",
    "people": "Who may come in: add, change, keep out; their sessions, keys and factors.",
}
"""The groups of commands that parts plug in (``Area.commands``), as --help lists them."""


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit code."""
    stop_in_good_order()
    code = ended(lambda: root()(_checked(sys.argv[1:] if tokens is None else tokens)))
    if code > SIGNALLED:
        leave_at_once(code)
    return code


def root() -> cyclopts.App:
    """Return the command line; nothing behind it is loaded yet."""
    app = cyclopts.App(
        name="recoup",
        help="One server for everything a company is owed.",
        version=lambda: importlib.metadata.version("recoup"),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, (where, group, text) in PROGRAMS.items():
        app.command(where, name=name, help=text, group=group)
    for name, text in PARTS.items():
        app.command(f"recoup.entry.parts:{name}", name=name, help=text, group=LOOK)
    return app


def _checked(words: Sequence[str]) -> Sequence[str]:
    """Return the words if all of them are text; the database keeps nothing else."""
    for word in words:
        if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
            raise Invalid(
                f"{word!r} is not text in UTF-8.", fix="Type it again, in a terminal that writes UTF-8."
            )
    return words


if __name__ == "__main__":
    sys.exit(main())
