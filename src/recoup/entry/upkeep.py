"""Commands for whoever looks after an installation: its settings, its schema, its API's description."""

from __future__ import annotations

from dataclasses import asdict

import cyclopts

from recoup import app
from recoup.entry.api import described_api
from recoup.entry.opening import ready_settings
from recoup.migrations import schema
from recoup.web import output
from recoup.web.app import schema_of
from recoup.web.output import Json

settings = cyclopts.App(name="settings", help="Every setting, and where its value comes from.")


@settings.command
def show(*, json: Json = False) -> None:
    """Show every setting with the place its value comes from; a secret is only `set` or `not set`."""
    read = app.read_settings()
    rows = read.explain()
    if json:
        output.document({"settings": [asdict(row) for row in rows], "unused": list(read.unused)})
        return
    columns = {
        "SETTING": lambda row: row.name,
        "VALUE": lambda row: row.value,
        "FROM": lambda row: row.origin,
    }
    output.table(columns, rows, empty="There are no settings.")
    for sentence in read.unused:
        output.note(sentence)


def migrate(*, json: Json = False) -> None:
    """Bring the database to this version's schema, and set up what is new. Twice is the same as once."""
    read = ready_settings(console="warning")
    read.home.mkdir(parents=True, exist_ok=True)
    with app.database(read) as databases:
        before, after = schema.upgrade(databases.owner_url, app_url=databases.app_url)
        with app.composed(read, databases):
            pass  # gives new jobs their rows and schedules
    if json:
        output.document({"before": before, "after": after})
    elif before == after:
        output.say(f"The database has this version's schema ({after}).")
    else:
        output.say(f"The database was brought from {before or 'nothing'} to {after}.")


def openapi() -> None:
    """Print the description of the API (OpenAPI 3.1), as one JSON document."""
    output.document(schema_of(described_api()))
