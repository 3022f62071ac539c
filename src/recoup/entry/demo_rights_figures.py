"""What the demo's second act came to: our history of claims and assets beside what their made-up owner has."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, ReportState, Series, Version
from recoup.areas.rights.queries import change_rows, report_rows, thing_rows, version_rows
from recoup.areas.rights.rules.layouts import FOLDED
from recoup.entry.demo_figures import Check
from recoup.office.owed import queries as owed
from recoup.sandbox.youtube_reports import PACIFIC

MOST = 1_000_000
"""More rows than a demo has of anything."""
ANSWER_WITHIN = timedelta(days=30)

Which = tuple[str, date]
"""A kind of report and a day."""
Snapshot = Mapping[str, Mapping[str, str]]
"""The cells that are compared, by claim or asset."""
Difference = tuple[str, Mapping[str, tuple[str, str]]]
"""Added, gone or changed, and which cells differ how."""


@dataclass(frozen=True, slots=True)
class KindFigures:
    """The reports of one kind in figures."""

    kind: str
    fetched: int
    broken: int
    made_anew: int
    snapshots: int
    rows: int
    folded: int
    now: int
    added: int
    gone: int
    changed: int
    waiting: int


@dataclass(slots=True)
class RightsBooks:
    """What our tables and mails say."""

    figures: list[KindFigures] = field(default_factory=list)
    sums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of what was kept of each report, by YouTube's id."""
    snapshots: dict[Which, Snapshot] = field(default_factory=dict)
    changes: dict[Which, Mapping[str, Difference]] = field(default_factory=dict)
    waiting: dict[str, datetime] = field(default_factory=dict)
    """Until when each claim has to be answered."""
    workbooks: list[str] = field(default_factory=list)
    """The names of those that were mailed."""
    newest: str = ""
    """What the newest snapshot of claims changed, and why, in words."""


def read_rights(db: Session, mails: Path) -> RightsBooks:
    """Read what our tables say of every kind of report, as they are asked for everywhere else."""
    books = RightsBooks(workbooks=sorted(_attached(mails)))
    for item in owed.open_items(db, area="rights", limit=MOST):
        if item.lapses_at is not None:
            books.waiting[item.key.rpartition(":")[2]] = item.lapses_at
    for series in report_rows.all_series(db):
        reports = report_rows.of_series(db, series.id)
        taken = [one for one in reports if one.state == ReportState.TAKEN]
        books.sums |= {one.report_id: one.sha256 or "" for one in reports}
        books.snapshots |= _snapshots(db, series, [one.day for one in taken])
        for report in taken:
            changes = change_rows.heaviest_of(db, report.id, limit=MOST).rows
            books.changes[series.kind, report.day] = {
                one.key: (
                    one.sort,
                    dict(zip(one.columns, zip(one.before, one.after, strict=True), strict=True)),
                )
                for one in changes
            }
        books.figures.append(_figures(series, reports, taken, waiting=len(books.waiting)))
        if series.kind == "claim" and taken:
            books.newest = _in_words(db, taken[-1])
    return books


def checks(
    books: RightsBooks,
    truth: Mapping[Which, Snapshot],
    published: Mapping[str, str],
    *,
    told: Sequence[Which],
    changed_again: tuple[str, ...],
) -> list[Check]:
    """Compare our books with what the owner has and with what was published.

    ``told`` are the snapshots that people are to be told of; ``changed_again`` is what a run changed that had nothing
    to do.
    """
    differences = sum(len(some) for some in books.changes.values())
    return [
        Check(
            f"All {len(published)} reports of YouTube's were fetched whole: the same bytes there and here.",
            _unlike(published, books.sums),
        ),
        Check(
            f"Each of {len(truth)} snapshots, as of its day, is what the owner had then, cell by cell.",
            tuple(_other_snapshots(truth, books.snapshots)),
        ),
        Check(
            f"The {differences:,} changes are what differs from one day to the next, no more and no fewer.",
            tuple(_other_changes(truth, books.changes)),
        ),
        Check(
            f"The {len(books.waiting)} claims that wait for an answer are in the book of what is owed, to the day.",
            _unlike(_to_be_answered(truth), books.waiting),
        ),
        Check(
            f"Each run told of its newest snapshots by mail, with a workbook, once: {len(books.workbooks)} mails.",
            _unlike(Counter(_workbook(*one) for one in told), Counter(books.workbooks)),
        ),
        Check("Run once more, nothing changed.", changed_again),
    ]


def _figures(
    series: Series, reports: Sequence[Report], taken: Sequence[Report], *, waiting: int
) -> KindFigures:
    return KindFigures(
        kind=series.kind,
        fetched=sum(one.kept_at is not None for one in reports),
        broken=sum(one.attempts for one in reports),
        made_anew=sum(one.state == ReportState.SUPERSEDED for one in reports),
        snapshots=len(taken),
        rows=sum(one.rows for one in taken),
        folded=sum(one.folded_rows for one in taken),
        now=taken[-1].things if taken else 0,
        added=sum(one.added for one in taken),
        gone=sum(one.gone for one in taken),
        changed=sum(one.changed for one in taken),
        waiting=waiting if series.kind == "claim" else 0,
    )


def _snapshots(db: Session, series: Series, days: Sequence[date]) -> dict[Which, Snapshot]:
    """Ask the history for every day: of each claim or asset the latest version that is not later."""
    if not days:
        return {}
    keys = {one.key for one in thing_rows.most_viewed(db, series.id, limit=MOST).rows}
    keys |= set(change_rows.keys_between(db, series.id, after=days[0], until=days[-1], limit=MOST))
    read = version_rows.Readers(db, series.kind)
    found: dict[Which, dict[str, Mapping[str, str]]] = {(series.kind, day): {} for day in days}
    for key, versions in version_rows.chains(db, series.id, sorted(keys)).items():
        cells = [(version.since, _compared(read, version)) for version in versions]
        for day in days:
            known = next((what for since, what in cells if since <= day), None)
            if known is not None:
                found[series.kind, day][key] = known
    return dict(found)


def _compared(read: version_rows.Readers, version: Version) -> Mapping[str, str] | None:
    cells = read.cells(version)
    return None if cells is None else {name: cell for name, cell in cells.items() if name not in FOLDED}


def _in_words(db: Session, report: Report) -> str:
    causes = ", ".join(f"{one.count} {one.cause}" for one in change_rows.by_cause(db, report.id))
    counts = f"{report.added} added, {report.gone} gone, {report.changed} changed"
    return f"Claims on {report.day:%a %d %b}: {counts}. Why: {causes}."


def _attached(mails: Path) -> Iterator[str]:
    for path in mails.glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        yield from (name for part in mail.iter_attachments() if (name := part.get_filename()))


def _workbook(kind: str, day: date) -> str:
    return f"rights-{kind}s-{day}.xlsx"


def _other_snapshots(truth: Mapping[Which, Snapshot], ours: Mapping[Which, Snapshot]) -> Iterable[str]:
    for kind, day in sorted({*truth, *ours}):
        theirs, known = truth.get((kind, day), {}), ours.get((kind, day), {})
        for key in sorted({*theirs, *known}):
            if theirs.get(key) != known.get(key):
                yield f"{kind} {key} on {day}: {_how(theirs.get(key), known.get(key))}"


def _how(theirs: Mapping[str, str] | None, ours: Mapping[str, str] | None) -> str:
    if theirs is None or ours is None:
        return "it is not in our history." if ours is None else "the owner does not have it."
    names = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
    return f"{', '.join(names)} differ."


def _other_changes(
    truth: Mapping[Which, Snapshot], ours: Mapping[Which, Mapping[str, Difference]]
) -> Iterable[str]:
    wanted: dict[Which, Mapping[str, Difference]] = {}
    for kind in sorted({kind for kind, _ in truth}):
        days = sorted(day for one, day in truth if one == kind)
        wanted[kind, days[0]] = {}  # the first snapshot is compared with nothing
        wanted |= {
            (kind, day): _between(truth[kind, before], truth[kind, day]) for before, day in pairwise(days)
        }
    for kind, day in sorted({*wanted, *ours}):
        yield from _unlike(wanted.get((kind, day), {}), ours.get((kind, day), {}), of=f" on {day}")


def _between(was: Snapshot, now: Snapshot) -> dict[str, Difference]:
    found: dict[str, Difference] = {key: ("added", {}) for key in now.keys() - was.keys()}
    found |= {key: ("gone", {}) for key in was.keys() - now.keys()}
    for key in was.keys() & now.keys():
        cells = {
            name: (was[key][name], cell) for name, cell in now[key].items() if was[key].get(name) != cell
        }
        if cells:
            found[key] = "changed", cells
    return found


def _to_be_answered(truth: Mapping[Which, Snapshot]) -> dict[str, datetime]:
    """Return until when disputed claims have to be answered: 30 days after the day on which they became so."""
    days = sorted((day for kind, day in truth if kind == "claim"), reverse=True)
    waiting = {}
    for key, cells in truth["claim", days[0]].items():
        if not _is_disputed(cells):
            continue
        since = days[0]
        for day in days:
            if not _is_disputed(truth["claim", day].get(key, {})):
                break
            since = day
        ended = datetime.combine(since + timedelta(days=1), time(), PACIFIC).astimezone(UTC)
        waiting[key] = ended + ANSWER_WITHIN
    return waiting


def _is_disputed(cells: Mapping[str, str]) -> bool:
    return cells.get("claim_status_detail") == "DISPUTED"


def _unlike(wanted: Mapping[str, object], found: Mapping[str, object], *, of: str = "") -> tuple[str, ...]:
    return tuple(
        f"{name}{of}: {found.get(name, 'nothing')} instead of {wanted.get(name, 'nothing')}."
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    )
