"""`recoup doctor`: everything that can be checked, one line each, with what to do about what is not well."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from recoup import app
from recoup.core.db import connect, session_factory, wait_until_ready
from recoup.core.errors import RecoupError
from recoup.core.parts import Check
from recoup.entry import health
from recoup.entry.opening import ready_settings
from recoup.migrations import standing
from recoup.settings import Settings
from recoup.web import output
from recoup.web.health import CheckShown, Health, gathered, knocked, report
from recoup.web.output import Json

WORDS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "none": "-"}
COLOURS = {"ok": "32", "warn": "33", "fail": "31", "none": "2"}


def doctor(*, json: Json = False) -> int:
    """Check everything: settings, folders, the database, the store, mail, the marketplace, workers, the journal.

    Ends with 1 when something fails.
    """
    found = report(_checks())
    if json:
        output.document(found)
    else:
        _say(found)
    return 0 if found.ok else 1


def _checks() -> Iterator[Check]:
    try:
        settings = ready_settings(console="critical")
    except RecoupError as error:
        yield Check("settings", ok=False, detail=error.detail, fix=error.fix)
        return
    yield from health.installation(settings)
    try:
        yield from _with_database(settings)
    except RecoupError as error:
        yield Check("database", ok=False, detail=error.detail, fix=error.fix)


def _with_database(settings: Settings) -> Iterator[Check]:
    with app.database(settings) as databases:
        engine = connect(databases.app_url)
        try:
            wait_until_ready(engine, seconds=10)
            with session_factory(engine).begin() as db:
                found = standing.revision(db)
        finally:
            engine.dispose()
        if found not in {
            None,
            standing.newest(),
        }:  # an older server may be using it: looking must change nothing
            yield health.schema(found)
            return
        with app.composed(settings, databases) as system:
            ours = (health.database, health.role, health.clock)
            yield from gathered(system, (*ours, *system.parts.checks))
            yield from (knocked(probe) for area in app.ALL for made in area.probes for probe in made(system))


def _say(found: Health) -> None:
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        output.say(f"{_word(check)}  {output.clean(check.name).ljust(width)}  {output.clean(check.detail)}")
        if check.fix:
            output.say(f"{'':4}  {'':{width}}  -> {output.clean(check.fix)}")
    failed = sum(check.status == "fail" for check in found.checks)
    output.say("")
    output.say("All is well." if found.ok else f"{failed} of {len(found.checks)} checks failed.")


def _word(check: CheckShown) -> str:
    word = WORDS[check.status].ljust(4)
    return f"\x1b[{COLOURS[check.status]}m{word}\x1b[0m" if sys.stdout.isatty() else word
