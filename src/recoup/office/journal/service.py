"""Use cases of the journal: record, seal, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recoup.core.db import try_lock
from recoup.core.ids import new_id
from recoup.office.journal import queries, rules
from recoup.office.journal.models import Event, Seal, Unsealed

SEAL_BATCH = 1_000


def record(db: Session, kind: str, subject: str, *, actor: str, now: datetime, **detail: Any) -> Event:
    """Write one event in the caller's transaction.

    ``kind`` reads ``part.what_happened``, ``subject`` ``part/thing/id``; ``detail`` holds text, whole numbers,
    booleans and lists of them (quantities as text).
    """
    event = Event(id=new_id(), at=now, actor=actor, kind=kind, subject=subject, detail=detail)
    db.add(event)
    db.add(Unsealed(event_id=event.id))
    return event


def seal(db: Session, *, now: datetime) -> Seal | None:
    """Seal what waits, at most 1,000 events; return the new head, or None when there was nothing to do.

    One process seals at a time (an advisory lock); an event is sealed after it was committed, so a seal never
    covers what was rolled back.
    """
    if not try_lock(db, "recoup.journal.seal"):
        return None
    events = queries.unsealed(db, limit=SEAL_BATCH)
    if not events:
        return None
    head = queries.last_seal(db)
    number, previous = (head.number + 1, head.hash) if head else (1, rules.GENESIS)
    ids = [event.id for event in events]
    new = Seal(
        number=number,
        sealed_at=now,
        event_ids=ids,
        previous=previous,
        hash=rules.chain_hash(previous, number, events),
    )
    db.add(new)
    db.execute(delete(Unsealed).where(Unsealed.event_id.in_(ids)))
    return new


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify`` found; ``problems`` is empty when the journal is what it was."""

    events: int
    seals: int
    waiting: int
    head: str
    problems: tuple[str, ...]


def verify(
    db: Session,
    *,
    anchors: Mapping[int, str] | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Recompute the whole chain and compare it with the heads that were written down outside (``anchors``).

    ``anchors``: seal number to hash in hexadecimal. A changed, removed or unsealed-and-removed event, a missing or
    rewritten seal, and a chain that was cut at its end are each named. ``told`` hears how many events were looked at.
    """
    events, waiting = queries.counts(db)
    chain = _walk(db, lambda done: told(done, events))
    problems = list(chain.problems)
    for number, anchored in sorted((anchors or {}).items()):
        if number not in chain.hashes:
            problems.append(f"Seal {number} was written down outside the database and is gone.")
        elif chain.hashes[number] != anchored:
            problems.append(f"Seal {number} is not the one that was written down outside the database.")
    if events != chain.sealed + waiting:
        problems.append(
            f"{events} events are stored, {chain.sealed} are sealed and {waiting} wait: they do not add up."
        )
    head = chain.hashes[max(chain.hashes)] if chain.hashes else ""
    return Verification(events, len(chain.hashes), waiting, head, tuple(problems))


@dataclass(slots=True)
class _Chain:
    sealed: int = 0
    hashes: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _walk(db: Session, told: Callable[[int], None]) -> _Chain:
    chain, previous, expected = _Chain(), rules.GENESIS, 1
    for one in queries.seals(db):
        if one.number != expected:
            chain.problems.append(f"Seal {expected} is missing.")
        elif one.previous != previous:
            chain.problems.append(f"Seal {one.number} does not continue the seal before it.")
        found = queries.events_by_id(db, one.event_ids)
        missing = [str(event_id) for event_id in one.event_ids if event_id not in found]
        if missing:
            chain.problems.append(
                f"Seal {one.number}: {len(missing)} of its events are gone, the first is {missing[0]}."
            )
        elif (
            rules.chain_hash(one.previous, one.number, (found[event_id] for event_id in one.event_ids))
            != one.hash
        ):
            chain.problems.append(f"Seal {one.number}: an event that it covers was changed.")
        previous, expected = one.hash, one.number + 1
        chain.sealed += len(one.event_ids)
        chain.hashes[one.number] = one.hash.hex()
        for row in (*found.values(), one):
            db.expunge(row)
        told(chain.sealed)
    return chain
