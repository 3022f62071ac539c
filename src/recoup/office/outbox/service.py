"""Use cases of the outbox for everybody else: plan a delivery, cancel it, resolve it as a person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import delete, func, update
from sqlalchemy.orm import Session

from recoup.core.db import copy_rows
from recoup.core.errors import Conflict, Invalid, NotFound, RecoupError
from recoup.core.ids import new_id
from recoup.core.parts import DeliveryKind, Result
from recoup.core.tasks import defer
from recoup.core.workers import is_dead
from recoup.office.journal import service as journal
from recoup.office.outbox import queries, rules
from recoup.office.outbox.models import Delivery, State, StoppedChannel

DRAIN = "outbox.drain"
MOST_AT_ONCE = 200
"""Deliveries that a person can settle with one click: as many as a page of the list holds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An effect to be planned: see ``Delivery`` for what the fields mean."""

    key: str
    kind: str
    channel: str
    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sealed: bytes | None = None
    """The bytes that leave, where they hold a secret and ``payload`` hides it: sealed for ``rules.sealed_for(key)``."""
    not_before: datetime | None = None


def plan(db: Session, wanted: Plan, *, now: datetime) -> UUID:
    """Plan an effect on the outside world in the caller's transaction; it leaves after the commit, once."""
    return plan_all(db, [wanted], now=now)[wanted.key]


def plan_all(db: Session, wanted: Sequence[Plan], *, now: datetime) -> dict[str, UUID]:
    """Plan many effects at once; return the delivery ids by key.

    The same key and payload again return what was planned; the same key with other bytes is a Conflict.
    """
    known = queries.digests(db, [one.key for one in wanted])
    ids: dict[str, UUID] = {}
    rows = []
    for one in wanted:
        digest = hashlib.sha256(one.payload).hexdigest()
        if one.key in known:
            ids[one.key], known_digest = known[one.key]
            if known_digest != digest:
                raise Conflict(f"Delivery {one.key} was planned before with other content.")
            continue
        ids[one.key] = new_id()
        known[one.key] = (ids[one.key], digest)
        rows.append(_row(one, ids[one.key], digest, now))
    copy_rows(db, Delivery.__tablename__, _COLUMNS, rows)
    for channel in {one.channel for one in wanted}:
        later = [one.not_before for one in wanted if one.channel == channel]
        wake(db, channel, at=None if None in later else min(filter(None, later)))
    return ids


_COLUMNS = (
    "id",
    "key",
    "kind",
    "channel",
    "subject",
    "payload",
    "is_secret",
    "sealed",
    "sha256",
    "headers",
    "state",
    "attempt",
    "handings",
    "crashes",
    "next_attempt_at",
    "answer",
    "created_at",
    "updated_at",
)


def _row(one: Plan, delivery_id: UUID, digest: str, now: datetime) -> tuple[object, ...]:
    what = (
        delivery_id,
        one.key,
        one.kind,
        one.channel,
        one.subject,
        one.payload,
        one.sealed is not None,
        one.sealed,
        digest,
        Jsonb(dict(one.headers)),
    )
    return (*what, str(State.PLANNED), 0, 0, 0, one.not_before or now, Jsonb({}), now, now)


def wake(db: Session, channel: str, *, at: datetime | None = None) -> None:
    """Queue a task that empties a channel; several in one transaction are one."""
    defer(db, DRAIN, once=f"{DRAIN}:{channel}", at=at, channel=channel)


def resolve(
    db: Session,
    delivery_id: UUID,
    resolution: str,
    *,
    kinds: Mapping[str, DeliveryKind],
    note: str,
    actor: str,
    now: datetime,
) -> Delivery:
    """Settle as a person what the outbox may not settle by itself.

    ``again`` hands the same bytes once more, ``accepted`` and ``refused`` say what the far side did, ``cancel``
    gives it up. Raise NotFound, or Conflict when the delivery's state does not allow it.
    """
    delivery = queries.by_id(db, delivery_id, for_update=True)
    if delivery is None:
        raise NotFound(f"There is no delivery {delivery_id}.", fix="See `recoup outbox list`.")
    if problem := rules.may_resolve(delivery.state, resolution, is_secret=delivery.is_secret):
        raise Conflict(problem)
    before = delivery.state
    if resolution == "again":
        delivery.state, delivery.next_attempt_at, delivery.crashes = State.PLANNED, now, 0
        wake(db, delivery.channel)
    else:
        state = {"accepted": State.ACCEPTED, "refused": State.REFUSED, "cancel": State.CANCELLED}[resolution]
        delivery.state, delivery.sealed = state, None
        result = Result(
            state, note or f"{actor} resolved it as {resolution}", delivery.handings, delivery.answer
        )
        kinds[delivery.kind].after(db, delivery, result, now)
    delivery.reason, delivery.updated_at = note or delivery.reason, now
    journal.record(
        db,
        "outbox.resolved",
        f"outbox/delivery/{delivery.id}",
        actor=actor,
        now=now,
        was=before,
        resolution=resolution,
        note=note,
    )
    return delivery


@dataclass(frozen=True, slots=True)
class Chosen:
    """A delivery that a person chose among many, and the state that they saw it in."""

    id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of many that were settled together: ids, and ids with the reason why they were left."""

    id: UUID
    settled: tuple[str, ...]
    left: tuple[str, ...]


def resolve_many(
    db: Session,
    chosen: Sequence[Chosen],
    resolution: str,
    *,
    kinds: Mapping[str, DeliveryKind],
    note: str,
    actor: str,
    now: datetime,
) -> Settled:
    """Settle many at once, each as ``resolve`` does; say which were and which were not, as the journal does.

    One that changed since it was seen, or that cannot be settled so, is left as it is, with the reason. Raise
    Invalid for too many, or for none.
    """
    if not 1 <= len(chosen) <= MOST_AT_ONCE:
        raise Invalid(f"Choose 1 to {MOST_AT_ONCE} deliveries.")
    settled, left = [], []
    for one in sorted(
        chosen, key=lambda each: each.id
    ):  # always in one order: two people at once do not deadlock
        try:
            with db.begin_nested():
                found = queries.by_id(db, one.id, for_update=True)
                if found is not None and found.state != one.state:
                    raise Conflict(f"It became {found.state} meanwhile.")
                resolve(db, one.id, resolution, kinds=kinds, note=note, actor=actor, now=now)
            settled.append(str(one.id))
        except RecoupError as error:
            left.append(f"{one.id} {error.detail}")
    bulk_id = new_id()
    detail = {"resolution": resolution, "note": note, "settled": settled, "left": left}
    journal.record(
        db,
        queries.SETTLED_TOGETHER,
        f"outbox/bulk/{bulk_id}",
        actor=actor,
        now=now,
        count=len(settled),
        **detail,
    )
    return Settled(bulk_id, tuple(settled), tuple(left))


def resume(db: Session, channel: str, *, actor: str, now: datetime) -> None:
    """Open a stopped channel again, because a person mended its credentials."""
    db.execute(delete(StoppedChannel).where(StoppedChannel.channel == channel))
    journal.record(db, "outbox.channel_resumed", f"outbox/channel/{channel}", actor=actor, now=now)
    wake(db, channel)


def free_dead(db: Session) -> None:
    """End the leases of workers that are certainly gone, so that nobody waits for them."""
    for worker in filter(is_dead, queries.workers(db)):
        held = update(Delivery).where(Delivery.worker == worker, Delivery.lease_until > func.now())
        db.execute(held.values(lease_until=func.now() - timedelta(seconds=1)))


def sweep(db: Session, now: datetime) -> None:
    """Defer again what is due or was left behind: deferring twice is harmless."""
    free_dead(db)
    for channel in queries.channels_with_work(db, now=now):
        wake(db, channel)
