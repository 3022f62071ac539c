"""Tell: people hear of each newest snapshot once, in a transaction of its own."""

from __future__ import annotations

from pathlib import Path

from recoup.areas.rights.models import Report, Series
from recoup.areas.rights.queries import prices, report_rows
from recoup.areas.rights.rules import telling as rules
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.service import books, telling
from recoup.areas.rights.settings import OwnerSettings, RightsSettings, owners_of
from recoup.core.parts import RunningRun


def tell_all(run: RunningRun, settings: RightsSettings, work: Path) -> None:
    """Tell of every newest snapshot that nobody was told of yet; workbooks are written into ``work``."""
    owners = {owner.id: owner for owner in owners_of(settings)}
    with run.system.sessions.begin() as db:
        pending = [
            (series, report, telling.told_before(db, series, report))
            for series in report_rows.all_series(db)
            if (report := report_rows.untold(db, series.id)) is not None
        ]
    for series, report, earlier in pending:
        run.checkpoint()
        owner = owners.get(series.owner)
        if owner is not None and rules.is_worth_telling(report, earlier, owner):
            _tell(run, owner, series, report, work / f"rights-{series.kind}s-{report.day}.xlsx")
        else:
            with run.transaction() as db:
                telling.told(db, series, report.id, now=run.system.clock())


def _tell(run: RunningRun, owner: OwnerSettings, series: Series, report: Report, book: Path) -> None:
    with run.system.sessions.begin() as db:
        books.write(db, series, report, book, price=prices.price(db))
    with run.transaction() as db:
        telling.tell(db, run.system, owner, report.id, book=book, now=run.system.clock())
    book.unlink()
    run.count("told")
    whom = ", ".join([*owner.recipients, *(["the webhook"] if owner.slack_webhook else [])])
    run.log(f"{series.title}, {LAYOUTS[series.kind].noun} of {report.day}: told {whom}.")
