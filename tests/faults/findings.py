"""What must hold after kills and one normal run: each finding is a sentence, and there should be none."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from faults.kill_sweep import SERVICE, Evidence, Name, Trial
from recoup.areas.metering.models import Entry, Remainder, Stream, Window
from recoup.core.system import System
from recoup.office.jobs.models import Run
from recoup.office.outbox.models import Delivery
from recoup.office.owed.models import OwedItem
from support import checkers


@dataclass
class Tally:
    """What a sweep came upon, in numbers."""

    points: int = 0
    steps: int = 0
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    found_there: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    places: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def follow_up(self, trial: Trial, *labels: str, elsewhere: bool) -> None:
        """Export once more as usual, after kills at these steps, and count what is found then."""
        with trial.system() as system:
            run = trial.recover(system, elsewhere=elsewhere)
            well = run.state == "succeeded" and not run.needs_person
            problems = [] if well else [f"the run {run.state}: {run.summary}"]
            self._note(trial, labels, [*problems, *after(trial, system)])

    def _note(self, trial: Trial, labels: Sequence[str], problems: Iterable[str]) -> None:
        self.points += 1
        self.kinds.update(label.partition(":")[0] for label in labels)
        self.places.update(labels)
        self.problems += [f"killed {', then '.join(labels)}: {problem}" for problem in problems]
        self.unknown += trial.under_way.total()
        with trial.scenario.system.sessions.begin() as db:
            self.lost += sum(1 for _ in missing(db, trial))
            self.doubled += sum(times for _, times in sent_needlessly(db, trial))
            self.found_there += len(_found_there(db))

    def line(self) -> str:
        """Say it in one line."""
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        return (
            f"{self.points} kill points of {self.steps} steps ({kinds}; {len(self.places)} places): lost {self.lost}, "
            f"doubled {self.doubled}, unknown at the kill {self.unknown}, of them {self.found_there} were there already"
        )

    def numbers(self) -> dict[str, Any]:
        """Return it as JSON values, for the way from one process of pytest to another."""
        return {**asdict(self), "kinds": dict(self.kinds), "places": sorted(self.places)}

    @classmethod
    def sum(cls, all_numbers: Iterable[dict[str, Any]]) -> Self:
        """Add up several sweeps of the same steps."""
        total = cls()
        for numbers in all_numbers:
            for name in ("points", "lost", "doubled", "unknown", "found_there"):
                setattr(total, name, getattr(total, name) + numbers[name])
            total.steps = max(total.steps, numbers["steps"])
            total.kinds.update(numbers["kinds"])
            total.places.update(numbers["places"])
        return total


def after(seen: Evidence, system: System) -> list[str]:
    """Return everything that is not as it should be when all runs are over."""
    found = checkers.everything(system, seen.clazar.ledger, seen.usages.counts)
    with system.sessions.begin() as db:
        found += checkers.nothing_is_open(db)
        found += missing(db, seen)
        found += _ledgers_agree(db, seen)
        found += (
            f"{key} was handed over {times} times too often" for key, times in sent_needlessly(db, seen)
        )
        found += _unknown_only_under_way(db, seen)
        found += _nothing_moves(db)
        found += _everybody_told(db, seen)
    found += _state_file(seen)
    return found + checkers.journal_is_whole(system, system.clock())


def missing(db: Session, seen: Evidence) -> Iterator[str]:
    """C-sum from end to end: what is billed at Clazar and carried here is what was used, to the last digit."""
    sums: dict[Name, Decimal] = defaultdict(Decimal)
    for row in seen.clazar.ledger:
        sums[row.contract_id, row.dimension] += Decimal(row.quantity)
    for rest in db.scalars(select(Remainder)):
        sums[rest.contract, rest.dimension] += rest.carried
    expected = seen.usages.billed
    for name in sorted({*sums, *expected}):
        if sums.get(name) != expected.get(name):
            yield f"{name}: {sums.get(name)} billed and carried, {expected.get(name)} used"


def sent_needlessly(db: Session, seen: Evidence) -> Iterator[tuple[str, int]]:
    """Yield deliveries whose bytes Clazar was given more often than kills left their fate open, and how often."""
    # A request that a kill cut off holds no records.
    whole = (one for one in seen.clazar.asked("/metering/") if one.records and one.token is not None)
    sent = Counter(request.body for request in whole)
    for delivery in db.scalars(select(Delivery).where(Delivery.channel == "clazar")):
        times = sent.pop(delivery.payload, 0) - 1 - seen.under_way[delivery.key]
        if times > 0:
            yield delivery.key, times
    for number in sent.values():
        yield "something that was never planned", number


def _ledgers_agree(db: Session, seen: Evidence) -> Iterator[str]:
    named = select(Entry.contract, Entry.dimension, Entry.hour, Entry.quantity).where(
        Entry.state == "accepted"
    )
    ours = {
        ((contract, dimension, hour), quantity) for contract, dimension, hour, quantity in db.execute(named)
    }
    theirs = {(row.key, Decimal(row.quantity)) for row in seen.clazar.ledger}
    if ours != theirs or len(theirs) != len(seen.clazar.ledger):
        yield f"our ledger and theirs differ in {sorted(ours ^ theirs)}"
    hours = db.scalars(select(Window.hour).where(Window.state == "taken").order_by(Window.hour)).all()
    if list(hours) != seen.usages.hours:
        yield f"the hours {hours} were taken"


def _unknown_only_under_way(db: Session, seen: Evidence) -> Iterator[str]:
    for key, handings in db.execute(select(Delivery.key, Delivery.handings)):
        if handings - 1 > seen.under_way[key]:
            yield f"{key} passed the fence {handings} times, and was beyond it at {seen.under_way[key]} kills"
    for key in _found_there(db):
        if not seen.under_way[key]:
            yield f"{key} was at Clazar already, and was not under way at a kill"


def _found_there(db: Session) -> set[str]:
    statement = select(Delivery.key).join(Entry, Entry.submission_id == Delivery.id)
    return set(db.scalars(statement.where(Entry.reason.startswith("Clazar had it already"))))


def _nothing_moves(db: Session) -> Iterator[str]:
    for run in db.scalars(select(Run).where(Run.state.in_(["queued", "running"]))):
        yield f"run {run.id} is {run.state}"
    for delivery in db.scalars(select(Delivery).where(Delivery.state != "accepted")):
        yield f"{delivery.key} is {delivery.state}: {delivery.reason}"
    for stream in db.scalars(select(Stream).where(Stream.lease_until > func.now())):
        yield f"{stream.key} is still leased to {stream.lease_run}"
    for item in db.scalars(select(OwedItem).where(OwedItem.state != "settled")):
        yield f"{item.key} is {item.state}"


def _everybody_told(db: Session, seen: Evidence) -> Iterator[str]:
    planned = db.scalars(select(Delivery.key).where(Delivery.channel == "mail")).all()
    written = list((seen.home / "var" / "mail").glob("*.eml"))
    if not planned or len(written) != len(planned):
        yield f"{len(planned)} mails were planned, and {len(written)} were written"


def _state_file(seen: Evidence) -> Iterator[str]:
    state = json.loads((seen.home / "state" / "state.json").read_text(encoding="utf-8"))
    last = f"{seen.usages.hours[-1]:%Y-%m-%dT%H:%M:%SZ}"
    if state[SERVICE.stream]["last_processed_hour"] != last:
        yield f"the state file says {state}, and {last} was taken"
