"""What the demo came to: our books beside the stand-in's ledger and what the generator knows that it wrote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from recoup.areas.metering.models import AdjustmentState, EntryState, Stream, Window
from recoup.areas.metering.queries import (
    adjustment_rows,
    entry_rows,
    source_rows,
    standing_rows,
    stream_rows,
    window_rows,
)
from recoup.core.clock import hour_of
from recoup.core.quantity import ZERO, add, to_text, total
from recoup.sandbox.clazar_ledger import Key, read_ledger
from recoup.sandbox.usage import UsageWorld
from recoup.sandbox.usage_files import HourFile
from recoup.sandbox.usage_truth import Entry, Truth

MOST = 10_000_000
"""More rows than a demo has of anything."""

Name = tuple[str, str]
"""A contract and a dimension."""


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """One stream of the demo in figures."""

    stream: str
    cloud: str
    hours: int
    files: int
    records: int
    folded: int
    unbilled: int
    quarantined: int
    entries: int
    accepted: int
    carried_whole: int
    otherwise: int
    submissions: int
    sent_twice: int
    held: int
    adjustments: int
    remainders: int


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    what: str
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is so."""
        return not self.problems


@dataclass(slots=True)
class Books:
    """What our tables say."""

    figures: list[StreamFigures] = field(default_factory=list)
    accepted: dict[Key, Decimal] = field(default_factory=dict)
    carried: dict[Name, Decimal] = field(default_factory=dict)
    late: dict[Name, Decimal] = field(default_factory=dict)
    unbilled: dict[Name, Decimal] = field(default_factory=dict)


def read_books(db: Session) -> Books:
    """Read what our tables say of every stream."""
    books = Books()
    adjustments = adjustment_rows.adjustments(db, state=AdjustmentState.OPEN, limit=MOST)
    for _, _, one in adjustments:
        name = (one.contract, one.dimension)
        books.late[name] = add(books.late.get(name, ZERO), one.difference)
    for part in source_rows.unbilled(db, limit=MOST):
        books.unbilled[part.subscription, part.dimension] = part.quantity
    for stream in stream_rows.streams(db):
        books.figures.append(_figures(db, stream, books, sum(key == stream.key for key, _, _ in adjustments)))
    return books


def checks(books: Books, ledger_file: Path, files: Sequence[HourFile], *, late: Iterable[str]) -> list[Check]:
    """Compare our books with the stand-in's ledger and with what the generator knows that it wrote.

    ``files`` are all that were written, the broken one mended; ``late`` names those that came after their hour.
    """
    late = set(late)
    rows = read_ledger(ledger_file) if ledger_file.exists() else []
    theirs = {row.key: Decimal(row.quantity) for row in rows}
    used = UsageWorld.truth(files)
    names = len(_by_name(used.billed))
    read = sum(one.records for one in books.figures)
    in_time = UsageWorld.truth(file for file in files if file.key not in late)
    return [
        Check(
            f"Clazar's ledger and ours hold the same {len(theirs):,} entries, each once.",
            (*_twice(row.key for row in rows), *_others(theirs, books.accepted)),
        ),
        Check(
            "Each has the same quantity there and here, to the last digit.", _unequal(theirs, books.accepted)
        ),
        Check(
            f"Billed + carried + late = used, exactly, for each of {names} contracts and dimensions.",
            _unaccounted(used, theirs, books),
        ),
        Check(
            f"All {read:,} records that were read are counted, folded, unbilled or quarantined.",
            _miscounted(in_time, books),
        ),
        Check(
            "Usage without a contract is listed with its exact sums.",
            _unequal(_by_name(used.unbilled), books.unbilled),
        ),
    ]


def example(books: Books, files: Sequence[HourFile], late: HourFile) -> str:
    """Say for one contract and dimension, to the last digit, where what was used has gone."""
    name = (late.facts.payer or "", "cpu_core_hours")
    billed = total(quantity for (*which, _), quantity in books.accepted.items() if tuple(which) == name)
    used, carried, came_late = (
        to_text(part.get(name, ZERO))
        for part in (_by_name(UsageWorld.truth(files).billed), books.carried, books.late)
    )
    return (
        f"For example {name[1]} of contract {name[0]}: {used} used = {to_text(billed)} billed + "
        f"{carried} carried on + {came_late} late."
    )


def _figures(db: Session, stream: Stream, books: Books, adjustments: int) -> StreamFigures:
    windows: Sequence[Window] = window_rows.taken_since(db, stream.id, stream.first_hour)
    entries = entry_rows.entries(db, stream_key=stream.key, limit=MOST)
    states = Counter(entry.state for entry in entries)
    for entry in entries:
        if entry.state == EntryState.ACCEPTED:
            books.accepted[entry.contract, entry.dimension, hour_of(entry.hour)] = entry.quantity
    remainders = adjustment_rows.remainders(db, stream.id)
    books.carried |= remainders
    return StreamFigures(
        stream=stream.key,
        cloud=stream.cloud,
        hours=len(windows),
        files=sum(window.files for window in windows),
        records=sum(window.records for window in windows),
        folded=sum(window.folded_records for window in windows),
        unbilled=sum(window.unbilled_records for window in windows),
        quarantined=sum(window.quarantined_records for window in windows),
        entries=len(entries),
        accepted=states[EntryState.ACCEPTED],
        carried_whole=states[EntryState.CARRIED],
        otherwise=len(entries) - states[EntryState.ACCEPTED] - states[EntryState.CARRIED],
        submissions=len({entry.submission_id for entry in entries if entry.submission_id}),
        sent_twice=sum(entry.handings > 1 for entry in entries),
        held=standing_rows.standing(db, stream).windows.get("held", 0),
        adjustments=adjustments,
        remainders=sum(1 for value in remainders.values() if value),
    )


def _by_name(quantities: Mapping[Entry, Decimal]) -> dict[Name, Decimal]:
    sums: dict[Name, Decimal] = defaultdict(lambda: ZERO)
    for (_, _, whose, dimension), quantity in quantities.items():
        sums[whose, dimension] = add(sums[whose, dimension], quantity)
    return dict(sums)


def _unaccounted(used: Truth, theirs: Mapping[Key, Decimal], books: Books) -> tuple[str, ...]:
    billed: dict[Name, Decimal] = defaultdict(lambda: ZERO)
    for (contract, dimension, _), quantity in theirs.items():
        billed[contract, dimension] = add(billed[contract, dimension], quantity)
    wanted = _by_name(used.billed)
    found = {
        name: total(part.get(name, ZERO) for part in (billed, books.carried, books.late))
        for name in {*wanted, *billed, *books.carried, *books.late}
    }
    return _unequal(wanted, found)


def _miscounted(truth: Truth, books: Books) -> tuple[str, ...]:
    problems = []
    for one in books.figures:
        for what, found, counted in (
            ("records", one.records, truth.records),
            ("repeats", one.folded, truth.folded),
            ("unusable records", one.quarantined, truth.quarantined),
        ):
            wanted = sum(number for (stream, _), number in counted.items() if stream == one.stream)
            if found != wanted:
                problems.append(f"{one.stream}: {found:,} {what}, and {wanted:,} were written.")
    return tuple(problems)


def _unequal(wanted: Mapping[Any, Decimal], found: Mapping[Any, Decimal]) -> tuple[str, ...]:
    return tuple(
        f"{_named(name)}: {to_text(found.get(name, ZERO))} instead of {to_text(wanted.get(name, ZERO))}."
        for name in sorted({*wanted, *found}, key=str)
        if wanted.get(name, ZERO) != found.get(name, ZERO)
    )


def _others(theirs: Mapping[Key, Decimal], ours: Mapping[Key, Decimal]) -> Iterable[str]:
    for name in sorted({*theirs} ^ {*ours}, key=str):
        yield f"{_named(name)} is {'not in our books' if name in theirs else 'not in the ledger'}."


def _twice(keys: Iterable[Key]) -> Iterable[str]:
    for name, times in Counter(keys).items():
        if times > 1:
            yield f"{_named(name)} is in the ledger {times} times."


def _named(name: tuple[object, ...]) -> str:
    return ", ".join(map(str, name))
