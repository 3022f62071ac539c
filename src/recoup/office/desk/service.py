"""Exports of lists: asked for by whoever may read the list, written by a run, kept as the run's file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from recoup.core.errors import Forbidden, Invalid, NotFound
from recoup.core.parts import Parts
from recoup.core.system import Caller
from recoup.office.desk.schemas import ExportParams
from recoup.office.desk.writers import fields as wanted_fields
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run
from recoup.office.journal import service as journal
from recoup.web.lists import Listing, Wanted, asked_in

JOB = "lists.export"
TRIGGER = "export"
Format = Literal["csv", "xlsx", "parquet"]
LEFT_BEHIND = timedelta(days=1)
LOOK_EVERY = 500
"""Rows between two looks at whether to go on."""


def listings(parts: Parts) -> Mapping[str, Listing[Any]]:
    """Return every list that the parts declare, by name."""
    return {one.name: one for area in parts.desk for one in area.lists}


def listing(parts: Parts, name: str) -> Listing[Any]:
    """Return a list; raise NotFound."""
    known = listings(parts)
    if name not in known:
        raise NotFound(f"There is no list {name[:50]!r}.", fix=f"There are: {', '.join(sorted(known))}.")
    return known[name]


def readable(parts: Parts, caller: Caller) -> list[Listing[Any]]:
    """Return the lists that somebody may read, by title."""
    return sorted((one for one in listings(parts).values() if caller.may(one.may)), key=lambda one: one.title)


def start(
    db: Session,
    parts: Parts,
    *,
    name: str,
    query: str,
    format: Format,  # noqa: A002 - what the form calls it
    caller: Caller,
    actor: str,
    now: datetime,
) -> Run:
    """Start the run that writes a list, as somebody sees it, into a file.

    Raise Forbidden where they may not read the list, Invalid for filters that it does not have.
    """
    wanted = listing(parts, name)
    if not caller.may(wanted.may):
        raise Forbidden(f"You may not read {wanted.title}.", fix="Ask an administrator of this installation.")
    asked(wanted, query, zone=caller.zone)
    params = ExportParams(
        list=name,
        query=query,
        format=format,
        zone=caller.zone,
        asked_by=caller.name,
        role=caller.role,
        person=caller.person,
    )
    run = jobs.start(
        db, parts.jobs[JOB], params.model_dump(mode="json"), trigger=TRIGGER, actor=actor, now=now
    )
    journal.record(
        db,
        "lists.export_asked",
        f"lists/list/{name}",
        actor=actor,
        now=now,
        run=str(run.id),
        format=format,
        query=query,
    )
    return run


def asked(wanted: Listing[Any], query: str, *, zone: str) -> Wanted:
    """Return what a page's query asks for: all rows, so neither where the page begins nor its size."""
    words = {name: value for name, value in asked_in(query).items() if name not in {"after", "rows"}}
    return wanted.wanted(words, zone=zone)


class TooManyRows(Invalid):
    """A list has more rows than an export may write."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written: how many rows, its media type, and what a reader should know."""

    rows: int
    media_type: str
    remarks: Sequence[str] = ()


def write(
    path: Path,
    wanted: Listing[Any],
    rows: Iterable[Any],
    *,
    format: Format,  # noqa: A002 - what the form calls it
    zone: str,
    most_rows: int,
    step: Callable[[int], None],
) -> Exported:
    """Write rows of a list into ``path``; ``step`` hears now and then how many there are.

    Raise TooManyRows past ``most_rows``: a file that silently ends early would be taken for the whole.
    """
    counted = _Counted(rows, most=most_rows, title=wanted.title, step=step)
    fields = wanted_fields.fields_of(wanted)
    values = wanted_fields.values_of(fields, counted)
    # Loaded here: the libraries take a fifth of a second, and most processes never write a file.
    writer = import_module(f"recoup.office.desk.writers.{_WRITERS[format]}")
    remarks = []
    if format == "xlsx":
        written = writer.write(path, fields, values, title=wanted.title, zone=zone)
        if written.sheets > 1:
            remarks.append(f"They take {written.sheets} sheets.")
        if written.cut:
            remarks.append(f"{written.cut:,} texts were longer than a cell can hold and were cut.")
    else:
        writer.write(path, fields, values)
    return Exported(counted.seen, writer.MEDIA_TYPE, remarks)


_WRITERS: Mapping[str, str] = {"csv": "csv_file", "xlsx": "workbook", "parquet": "parquet"}


def file_name(wanted: Listing[Any], format: Format, *, zone: str, now: datetime) -> str:  # noqa: A002 - as above
    """Return what the file is called: ``runs 2025-07-24 1830.xlsx``, by the reader's clock."""
    return f"{wanted.name} {now.astimezone(ZoneInfo(zone)):%Y-%m-%d %H%M}.{format}"


@contextmanager
def workplace(home: Path, *, now: datetime) -> Iterator[Path]:
    """Yield an empty folder that is gone afterwards; one that a kill left behind is removed a day later."""
    room = home / "exports"
    room.mkdir(mode=0o700, exist_ok=True)
    for left in room.iterdir():
        if left.stat().st_mtime < (now - LEFT_BEHIND).timestamp():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=room) as folder:
        yield Path(folder)


class _Counted:
    """Counts rows while they are read, and ends past the bound."""

    def __init__(self, rows: Iterable[Any], *, most: int, title: str, step: Callable[[int], None]) -> None:
        self._rows, self._most, self._title, self._step = rows, most, title, step
        self.seen = 0

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            if self.seen >= self._most:
                raise TooManyRows(
                    f"{self._title} has more than {self._most:,} rows as asked for, so no file was written.",
                    fix="Narrow the list, or let an administrator raise the control desk.most_export_rows.",
                )
            self.seen += 1
            if self.seen % LOOK_EVERY == 0:
                self._step(self.seen)
            yield row
        self._step(self.seen)
