"""Taking a snapshot of a million claims in 49 columns, beside what Postgres needs to COPY the same file.

The floor is one COPY of the CSV file into an empty unlogged table of text columns. Ours parses it, compares it with
the snapshot before, and commits the versions and the change log; the download and the look over the whole file that
belongs to it (unpacking, trailer, UTF-8) come before and are printed by themselves. pandas, where it is installed,
merges the two files, and keeps nothing. Wanted: at most 1.0 of the floor, 10 times faster than pandas, below 700 MB.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy.orm import Session, sessionmaker

from _rights_data import Pace, write
from recoup import app
from recoup.areas.rights.models import Report, ReportState, Series
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.reading.comparing import compared, fingerprints_path
from recoup.areas.rights.reading.engine import Bounds
from recoup.areas.rights.reading.terms import Kept, Terms
from recoup.areas.rights.reading.unpacking import unpack
from recoup.areas.rights.rules.layouts import CLAIMS
from recoup.areas.rights.rules.pricing import Price
from recoup.areas.rights.service import rewinding, snapshots
from recoup.core.clock import utc_now
from recoup.core.db import connect, session_factory
from recoup.core.ids import new_id
from recoup.core.postgres import EmbeddedPostgres
from recoup.core.quantity import ZERO
from recoup.migrations import schema
from recoup.sandbox.claim_reports import CLAIM_COLUMNS

T = TypeVar("T")

CLAIMS_WRITTEN = 1_000_000
ROUNDS = 3
DAY = date(2026, 11, 20)
TERMS = Terms()
PACES = {"1 %": Pace(), "10 %": Pace(changed=100), "100 %": Pace(changed=1_000)}


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a snapshot cost: seconds for the look before, for the rest and its parts, and the process's peak."""

    look: float
    seconds: float
    opened: float
    written: float
    megabytes: int
    changes: int


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--claims", type=int, default=CLAIMS_WRITTEN)
    parser.add_argument("--memory", type=int, default=256, help="MB that comparing may use")
    parser.add_argument("--only", choices=list(PACES), help="this share of changes alone")
    given = parser.parse_args()
    paces = {name: pace for name, pace in PACES.items() if given.only in {None, name}}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(folder / "before.csv", given.claims)
        for name, pace in paces.items():
            write(folder / f"{name}.csv", given.claims, pace=pace)
        sample = folder / f"{next(iter(paces))}.csv"
        print(
            f"{given.claims:,} claims, {len(CLAIM_COLUMNS)} columns, {sample.stat().st_size / 1e6:.0f} MB, "
            f"{os.cpu_count()} cores"
        )
        postgres = stack.enter_context(EmbeddedPostgres(folder / "house"))
        roles = postgres.provision(database=app.DATABASE)
        schema.upgrade(roles.owner_url, app_url=roles.app_url)
        baseline = in_child(taken, roles.app_url, folder, "before", DAY, given.memory)
        print(f"the baseline: {baseline.seconds:.1f} s, {baseline.megabytes} MB")
        floors, ours = [], []
        for name in paces:
            results = []
            for _ in range(ROUNDS if name == "1 %" else 1):
                tidied(roles.owner_url)
                floors.append(copied(roles.owner_url, sample))
                results.append(
                    in_child(taken, roles.app_url, folder, name, DAY + timedelta(days=1), given.memory)
                )
            ours.append((name, sorted(results, key=lambda one: one.seconds)[len(results) // 2]))
        floor = statistics.median(floors)
        print(f"COPY into an unlogged table   {floor:6.2f} s  ({', '.join(f'{one:.2f}' for one in floors)})")
        for name, one in ours:
            print(
                f"ours, {name:>5} changed          {one.seconds:6.2f} s  {one.seconds / floor:5.2f} of COPY  "
                f"(compare {one.opened:.2f}, write {one.written:.2f}), {one.megabytes} MB, {one.changes:,} changes; "
                f"the look over the file before it {one.look:.2f} s"
            )
        if importlib.util.find_spec("pandas"):
            seconds = in_child(merged, folder / "before.csv", sample)
            print(
                f"pandas merge                  {seconds:6.2f} s  {seconds / ours[0][1].seconds:5.1f} times ours"
            )
        else:
            print("pandas is not installed here: with it, its merge is measured, too")


def taken(url: str, folder: Path, name: str, day: date, memory: int) -> Taken:
    """Take a snapshot; one that is not the baseline is unwritten afterwards, outside the time that counts."""
    engine = connect(url)
    sessions = session_factory(engine)
    series, report, head = prepared(sessions, day)
    started = time.perf_counter()
    plain = unpack(folder / f"{name}.csv", folder / "plain.csv", CLAIMS, name=name)
    looked = time.perf_counter()
    report.columns = sorted(plain.columns)
    prints = folder / "prints"
    before = Kept(fingerprints_path(prints, str(head.id), head.columns, TERMS)) if head else None
    bounds = Bounds(memory=memory)
    with compared(plain, CLAIMS, before, terms=TERMS, work=folder, bounds=bounds, name_told=name) as found:
        opened = time.perf_counter()
        with sessions.begin() as db:
            db.add_all([series, report])
            snapshots.take(
                db,
                series,
                report,
                found,
                before=head,
                terms=TERMS,
                price=Price(ZERO, "USD"),
                now=utc_now(),
            )
        written = time.perf_counter()
        found.keep_fingerprints(fingerprints_path(prints, str(report.id), found.columns, TERMS))
    ended = time.perf_counter()
    if head is not None:
        with sessions.begin() as db:
            rewinding.unwrite(db, series, day=day, terms=TERMS)
            db.delete(db.merge(report))
    engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    changes = report.added + report.gone + report.changed
    return Taken(looked - started, ended - looked, opened - looked, written - opened, peak, changes)


def prepared(sessions: sessionmaker[Session], day: date) -> tuple[Series, Report, Report | None]:
    """Return the series, a report of a day that is not written yet, and the snapshot before it."""
    now = utc_now()
    with sessions.begin() as db:
        series = report_rows.find_series(db, "owner", "claim")
        if series is None:
            series = Series(id=new_id(), owner="owner", title="owner", kind="claim", created_at=now)
            db.add(series)
            db.flush()
        head = report_rows.head(db, series.id)
    whole = ("attempts", "rows", "things", "folded_rows", "added", "gone", "changed", "rewritten", "views")
    report = Report(
        id=new_id(),
        series_id=series.id,
        day=day,
        state=ReportState.KEPT,
        sha256="",
        is_baseline=False,
        is_forced=False,
        counts={},
        causes={},
        **dict.fromkeys(("report_id", "job_id", "address", "reason"), str(day)),
        **dict.fromkeys(("starts_at", "ends_at", "made_at", "lapses_at", "found_at"), now),
        **dict.fromkeys(whole, 0),
    )
    return series, report, head


def copied(url: str, path: Path) -> float:
    """Return the seconds of the floor."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("drop table if exists floor")
        columns = ", ".join(f'"{name}" text' for name in CLAIM_COLUMNS)
        connection.execute(f"create unlogged table floor ({columns})")
        started = time.perf_counter()
        with (
            connection.cursor().copy("copy floor from stdin (format csv, header)") as copy,
            path.open("rb") as file,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        seconds = time.perf_counter() - started
        connection.execute("drop table floor")
    return seconds


def tidied(url: str) -> None:
    """Do between rounds what autovacuum would do between days."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for table in ("rights_things", "rights_versions", "rights_changes"):
            connection.execute(f"vacuum analyze {table}")


def merged(before: Path, after: Path) -> float:
    """Return the seconds of a merge by pandas, which finds the same rows and keeps nothing."""
    import pandas as pd  # type: ignore[import-not-found,import-untyped]  # noqa: PLC0415 - where it is installed

    started = time.perf_counter()
    was, now = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in (before, after))
    both = was.merge(now, on="claim_id", how="outer", suffixes=("_was", ""), indicator=True)
    kept = both[both["_merge"] == "both"]
    names = [name for name in CLAIM_COLUMNS if name not in {"claim_id", *TERMS.folded}]
    differs = (kept[[f"{name}_was" for name in names]].to_numpy() != kept[names].to_numpy()).any(axis=1)
    counted = int(differs.sum()) + int((both["_merge"] != "both").sum())
    return time.perf_counter() - started if counted else 0.0


def in_child(work: Callable[..., T], *arguments: Any) -> T:
    """Call in a process of its own, whose peak of memory is its own, too."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


if __name__ == "__main__":
    main()
