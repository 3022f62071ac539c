"""Submissions: entries become deliveries of at most 25 lines of one contract, and answers move entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, EntryState, Stream, Window
from recoup.areas.metering.queries import entry_rows, window_rows
from recoup.areas.metering.rules import submissions as rules
from recoup.areas.metering.rules.submissions import Line, Verdict
from recoup.areas.metering.service import owing
from recoup.core.errors import NotFound
from recoup.core.parts import DeliveryKind, Go, Planned, Result, Stop
from recoup.office.journal import service as journal
from recoup.office.outbox import service as outbox
from recoup.office.outbox.service import Plan

KIND = "metering.submission"
CHANNEL = "clazar"
_SOON = timedelta(seconds=30)


def plan_entries(
    db: Session,
    stream: Stream,
    window: Window,
    entries: Sequence[Entry],
    *,
    now: datetime,
    one_by_one: bool = False,
    not_before: datetime | None = None,
) -> int:
    """Plan the submissions of entries of one window, and note in each entry which carries it; return how many.

    The entries need not be rows yet. ``one_by_one`` sends each line alone, so that an answer without names is clear.
    """
    plans: list[Plan] = []
    carried: list[tuple[str, list[Entry]]] = []
    ordered = sorted(entries, key=lambda entry: (entry.contract, entry.dimension))
    for contract, group in groupby(ordered, key=lambda entry: entry.contract):
        for batch in _batches(list(group), alone=one_by_one):
            key = _key(stream, window, contract, batch)
            plans.append(
                Plan(
                    key=key,
                    kind=KIND,
                    channel=CHANNEL,
                    subject=f"{contract}, {window.hour:%Y-%m-%d %H:00} UTC: {len(batch)} lines",
                    payload=rules.payload(_line(stream, entry) for entry in batch),
                    not_before=not_before,
                )
            )
            carried.append((key, batch))
    ids = outbox.plan_all(db, plans, now=now) if plans else {}
    for key, batch in carried:
        for entry in batch:
            entry.submission_id = ids[key]
            entry.submissions += 1
    return len(plans)


def before(db: Session, planned: Planned, now: datetime) -> Go | Stop:
    """Take the last look: too late is ``expired`` and never sent, unless it may have arrived before."""
    entries = [
        one for one in entry_rows.entries_of_submission(db, planned.id) if one.state == EntryState.PLANNED
    ]
    if not entries:
        return Stop("Its entries were settled otherwise.")
    window = window_rows.window(db, entries[0].window_id)
    deadline = window.deadline if window else None
    if deadline is not None and now >= deadline and not any(entry.handings for entry in entries):
        expire(db, entries, deadline, now=now)
        return Stop(f"The cloud took usage of this hour until {deadline:%Y-%m-%d %H:%M} UTC.")
    for entry in entries:
        entry.handings += 1
        entry.updated_at = now
    return Go()


def after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    """Move the entries as the answer says; what it does not mention is sent again, alone."""
    entries = [
        one for one in entry_rows.entries_of_submission(db, planned.id) if one.state == EntryState.PLANNED
    ]
    if not entries:
        return
    stream = _stream_of(db, entries)
    if result.state == "accepted":
        _read_answer(db, stream, entries, result.answer, now=now)
    elif result.state == "refused":
        for entry in entries:
            entry.state, entry.reason = rules.refused(result.reason, handings=entry.handings)
            entry.updated_at = now
    elif result.state != "cancelled":
        state = EntryState.UNKNOWN if result.state == "unknown" else EntryState.HELD
        for entry in entries:
            entry.state, entry.reason, entry.updated_at = state, result.reason, now
    else:
        for entry in entries:
            entry.state, entry.reason, entry.updated_at = EntryState.HELD, f"Cancelled: {result.reason}", now
    owing.after_entries(db, stream, entries, now=now)
    _tell(db, stream, entries, now=now)


DELIVERIES = DeliveryKind(KIND, before, after)


def expire(db: Session, entries: Sequence[Entry], deadline: datetime, *, now: datetime) -> None:
    """Mark entries as too late for the marketplace, and what they were worth as lapsed."""
    for entry in entries:
        entry.state, entry.updated_at = EntryState.EXPIRED, now
        entry.reason = f"The cloud took usage of this hour until {deadline:%Y-%m-%d %H:%M} UTC."
    stream = _stream_of(db, entries)
    owing.after_entries(db, stream, entries, now=now)
    _tell(db, stream, entries, now=now)


def expire_what_is_too_late(db: Session, *, now: datetime) -> int:
    """Expire every entry that never left the house in time; return how many."""
    late = entry_rows.too_late(db, now=now)
    for _, group in groupby(sorted(late, key=lambda e: (e.window_id, e.id)), key=lambda e: e.window_id):
        entries = list(group)
        window = window_rows.window(db, entries[0].window_id)
        if window is not None and window.deadline is not None:
            expire(db, entries, window.deadline, now=now)
    return len(late)


def _read_answer(
    db: Session, stream: Stream, entries: Sequence[Entry], answer: Mapping[str, Any], *, now: datetime
) -> None:
    names = {(e.contract, e.dimension, rules.wire_time(e.hour)): e for e in entries}
    verdicts = rules.read_results(list(names), answer.get("results") or [])
    missing: list[Entry] = []
    for name, entry in names.items():
        verdict: Verdict = verdicts[name]
        entry.updated_at = now
        entry.answer = dict(verdict.result)
        if verdict.state == "missing":
            entry.reason = verdict.reason
            if entry.submissions < rules.MOST_SUBMISSIONS:
                missing.append(entry)
            else:
                entry.state = EntryState.UNKNOWN
            continue
        entry.state, entry.reason = rules.state_after(verdict, handings=entry.handings)
        entry.reference = str(verdict.result.get("id") or "") or None
    if missing:
        window = window_rows.window(db, missing[0].window_id)
        pause = _SOON * 2 ** (missing[0].submissions - 1)
        if window is not None:
            plan_entries(db, stream, window, missing, now=now, one_by_one=True, not_before=now + pause)


def _tell(db: Session, stream: Stream, entries: Sequence[Entry], *, now: datetime) -> None:
    by_state = sorted(
        {(str(entry.state), entry.reason) for entry in entries if entry.state != EntryState.ACCEPTED}
    )
    for state, reason in by_state:
        those = [entry for entry in entries if entry.state == state and entry.reason == reason]
        journal.record(
            db,
            f"metering.entries_{state}",
            f"metering/window/{stream.key}/{those[0].hour:%Y-%m-%dT%H}",
            actor="marketplace",
            now=now,
            contract=those[0].contract,
            dimensions=[entry.dimension for entry in those],
            reason=reason,
        )


def _stream_of(db: Session, entries: Sequence[Entry]) -> Stream:
    stream = db.get(Stream, entries[0].stream_id)
    if stream is None:  # pragma: no cover - a foreign key holds it
        raise NotFound("The entry's stream is gone.")
    return stream


def _batches(entries: list[Entry], *, alone: bool) -> Iterable[list[Entry]]:
    size = 1 if alone else rules.RECORDS_PER_SUBMISSION
    return (entries[start : start + size] for start in range(0, len(entries), size))


def _line(stream: Stream, entry: Entry) -> Line:
    return Line(stream.cloud, entry.contract, entry.dimension, entry.hour, entry.quantity)


def _key(stream: Stream, window: Window, contract: str, batch: Sequence[Entry]) -> str:
    """Name a submission by what it carries: first dimension, and how often that entry was planned before."""
    first = batch[0]
    # Both names may hold anything, colons too.
    name = f"{quote(contract, safe='')}:{quote(first.dimension, safe='')}"
    return f"clazar:{stream.key}:{window.hour:%Y-%m-%dT%H}:{name}:{first.submissions + 1}"
