"""The fence: how a delivery leaves the house at most once, and what becomes of it when anything breaks.

Each step is a transaction of its own, on purpose; this is the one place below a door that commits. ``handing`` is
committed immediately before the byte that the far side could act on: what a crash leaves before it is tried again,
what it leaves behind it is unknown, and handed again only where the far side tells a second copy from a new one.
"""

from __future__ import annotations

import logging
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.core.errors import Misconfigured
from recoup.core.parts import Result, Stop
from recoup.core.ports import Channel, ChannelDown, Handover, Parcel, Receipt, Refused, Unknown
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.journal import service as journal
from recoup.office.outbox import queries, rules, service
from recoup.office.outbox.models import Delivery, State, StoppedChannel

log = logging.getLogger("recoup.outbox")

SIDE_BY_SIDE = 2
"""Deliveries of one channel that one drain hands over at the same time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker holds, by attempt."""

    id: UUID
    attempt: int
    kind: str
    parcel: Parcel
    sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain did, by resulting state."""

    handed: int
    states: dict[str, int]


def drain(system: System, channel: str, *, until_empty: bool = True) -> Drained:
    """Hand over what is due on ``channel``, about ten at a time, until nothing is or the channel stops."""
    way_out = system.ports.channels.get(channel)
    if way_out is None:
        log.warning("Nothing can leave through %s: it is not set up.", channel)
        return Drained(0, {})
    states: dict[str, int] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix=f"handover-{channel}") as hands:
        while claims := claim(system, way_out):
            for state in hands.map(lambda one: hand_over(system, way_out, one), claims):
                states[state] = states.get(state, 0) + 1
            if not until_empty:
                break
    with system.sessions.begin() as db:
        next_due = queries.next_due(db, channel, unknown_too=way_out.dedupes)
        if next_due is not None:
            service.wake(db, channel, at=max(next_due, system.clock() + timedelta(seconds=1)))
    return Drained(sum(states.values()), states)


def claim(system: System, channel: Channel) -> list[Claim]:
    """Lease what is due, counting the attempt; settle what dead workers left behind."""
    now = system.clock()
    with system.sessions.begin() as db:
        if queries.stopped(db, channel.name, now=now):
            return []
        service.free_dead(db)
        ids = queries.due(db, channel.name, now=now, limit=rules.CLAIM_AT_ONCE, unknown_too=channel.dedupes)
        claims = []
        for delivery_id in ids:
            delivery = queries.by_id(db, delivery_id, for_update=True)
            if delivery is None:  # pragma: no cover - locked a moment ago
                continue
            if _recovered(db, system, delivery, channel):
                claims.append(_lease(db, system, delivery))
        return claims


def hand_over(system: System, channel: Channel, claimed: Claim) -> str:
    """Take one claimed delivery through the fence; return the state it ended in (``lost`` if another took it)."""
    try:
        parcel = _opened(system, claimed)
    except Misconfigured as error:
        return _finish_refused(system, claimed, Refused(error.sentence(), permanent=True))
    with ExitStack() as stack:
        try:
            handover = stack.enter_context(channel.prepare(parcel))
        except Refused as refusal:
            return _finish_refused(system, claimed, refusal)
        except ChannelDown as down:
            return _stop_channel(system, channel, claimed, str(down))
        except Exception as error:  # nothing was sent, so whatever it was, it may be tried again
            log.exception("Preparing %s failed", claimed.parcel.key)
            return _finish_refused(system, claimed, Refused(f"Preparing failed: {error}", permanent=False))
        stopped = _pass_the_fence(system, claimed)
        if stopped is not None:
            return stopped
        return _send(system, channel, claimed, handover)


def _opened(system: System, claimed: Claim) -> Parcel:
    """Return the parcel with the bytes that leave: what is sealed is opened here, and nowhere else."""
    if claimed.sealed is None:
        return claimed.parcel
    about = rules.sealed_for(claimed.parcel.key)
    return replace(claimed.parcel, payload=sealer_of(system.settings).open(claimed.sealed, about=about))


def _send(system: System, channel: Channel, claimed: Claim, handover: Handover) -> str:
    try:
        receipt = handover.send()
    except Refused as refusal:
        return _finish_refused(system, claimed, refusal)
    except ChannelDown as down:
        return _stop_channel(system, channel, claimed, str(down))
    except Unknown as unknown:
        return _finish_unknown(system, channel, claimed, unknown.reason, unknown.answer)
    except Exception as error:  # the byte went out; only the far side knows
        log.exception("Handing over %s broke off", claimed.parcel.key)
        return _finish_unknown(system, channel, claimed, f"The hand-over broke off: {error}", {})
    return _finish_accepted(system, claimed, receipt)


def _recovered(db: Session, system: System, delivery: Delivery, channel: Channel) -> bool:
    """Say whether a due delivery may be leased; one left behind too often, or beyond the fence, is settled here."""
    if delivery.state not in {State.LEASED, State.HANDING}:
        return True
    delivery.crashes += 1
    state = rules.after_crash(delivery.state, crashes=delivery.crashes, dedupes=_dedupes(channel, delivery))
    if state == State.LEASED:
        return True
    reason = (
        f"Its worker died {delivery.crashes} times on it."
        if state == State.HELD
        else "Its worker died while it was being handed over."
    )
    _settle(db, system, delivery, state, reason, {})
    return False


def _dedupes(channel: Channel, delivery: Delivery) -> bool:
    """Say whether a delivery may be handed again when nobody knows; a secret one may not: its bytes are gone."""
    return channel.dedupes and not delivery.is_secret


def _lease(db: Session, system: System, delivery: Delivery) -> Claim:
    delivery.state = State.LEASED
    delivery.attempt += 1
    delivery.worker = system.worker
    delivery.lease_until = func.now() + rules.LEASE
    delivery.updated_at = system.clock()
    db.flush()
    headers = {name: str(value) for name, value in delivery.headers.items()}
    parcel = Parcel(delivery.key, delivery.payload, headers, delivery.handings)
    return Claim(delivery.id, delivery.attempt, delivery.kind, parcel, delivery.sealed)


def _pass_the_fence(system: System, claimed: Claim) -> str | None:
    """Take the last look and commit ``handing``; return a state when the delivery stops here."""
    now = system.clock()
    with system.sessions.begin() as db:
        delivery = queries.fenced(db, claimed.id, claimed.attempt)
        if delivery is None:
            return "lost"
        verdict = system.parts.deliveries[claimed.kind].before(db, delivery, now)
        if isinstance(verdict, Stop):
            state = State.HELD if verdict.hold else State.CANCELLED
            _settle(db, system, delivery, state, verdict.reason, {})
            return state
        delivery.state = State.HANDING
        delivery.handings += 1
        delivery.lease_until = func.now() + rules.HANDING_LEASE
        delivery.updated_at = now
    return None


def _finish_accepted(system: System, claimed: Claim, receipt: Receipt) -> str:
    with system.sessions.begin() as db:
        delivery = queries.fenced(db, claimed.id, claimed.attempt)
        if delivery is None:
            return "lost"
        delivery.reference = receipt.reference
        _settle(db, system, delivery, State.ACCEPTED, "", receipt.answer)
        db.execute(delete(StoppedChannel).where(StoppedChannel.channel == delivery.channel))
    return State.ACCEPTED


def _finish_refused(system: System, claimed: Claim, refusal: Refused) -> str:
    with system.sessions.begin() as db:
        delivery = queries.fenced(db, claimed.id, claimed.attempt)
        if delivery is None:
            return "lost"
        if refusal.permanent:
            _settle(db, system, delivery, State.REFUSED, refusal.reason, refusal.answer)
            return State.REFUSED
        if delivery.attempt >= rules.MOST_ATTEMPTS:
            reason = f"Refused {delivery.attempt} times, the last time: {refusal.reason}"
            _settle(db, system, delivery, State.HELD, reason, refusal.answer)
            return State.HELD
        _try_later(system, delivery, State.PLANNED, refusal.reason, refusal.retry_after)
    return State.PLANNED


def _finish_unknown(
    system: System, channel: Channel, claimed: Claim, reason: str, answer: dict[str, Any]
) -> str:
    with system.sessions.begin() as db:
        delivery = queries.fenced(db, claimed.id, claimed.attempt)
        if delivery is None:
            return "lost"
        if _dedupes(channel, delivery):
            _try_later(system, delivery, State.UNKNOWN, reason, None)
            delivery.answer = answer
        else:
            _settle(db, system, delivery, State.UNKNOWN, reason, answer)
    return State.UNKNOWN


def _stop_channel(system: System, channel: Channel, claimed: Claim, reason: str) -> str:
    """Stop the whole channel with one alert; the delivery goes back to where it was."""
    now = system.clock()
    with system.sessions.begin() as db:
        delivery = queries.fenced(db, claimed.id, claimed.attempt)
        if _stopped_for_the_first_time(db, channel.name, reason, now):
            journal.record(
                db,
                "outbox.channel_stopped",
                f"outbox/channel/{channel.name}",
                actor=system.worker,
                now=now,
                reason=reason,
            )
            title = f"Nothing leaves through {channel.name}"
            system.alert(db, key=f"channel:{channel.name}", title=title, text=reason, now=now)
        if delivery is None:
            return "lost"
        state = State.UNKNOWN if claimed.parcel.handings and _dedupes(channel, delivery) else State.PLANNED
        _try_later(system, delivery, state, reason, None)
    return state


def _stopped_for_the_first_time(db: Session, channel: str, reason: str, now: datetime) -> bool:
    until = now + rules.CHANNEL_PAUSE
    row = insert(StoppedChannel).values(channel=channel, reason=reason, since=now, until=until)
    if db.execute(row.on_conflict_do_nothing().returning(StoppedChannel.channel)).first() is not None:
        return True
    again = update(StoppedChannel).where(StoppedChannel.channel == channel).values(reason=reason, until=until)
    db.execute(again)
    return False


def _try_later(
    system: System, delivery: Delivery, state: State, reason: str, asked_for: timedelta | None
) -> None:
    now = system.clock()
    dice = random.randrange(100)  # noqa: S311 - spreads retries, guards nothing
    delivery.state, delivery.lease_until, delivery.reason = state, None, reason
    delivery.next_attempt_at = now + rules.pause_before(delivery.attempt, asked_for=asked_for, dice=dice)
    delivery.updated_at = now


def _settle(  # noqa: PLR0917 - one private step, called with all of them
    db: Session, system: System, delivery: Delivery, state: State, reason: str, answer: dict[str, Any]
) -> None:
    now = system.clock()
    delivery.state, delivery.lease_until, delivery.reason = state, None, reason or None
    delivery.answer, delivery.updated_at = dict(answer), now
    if state in rules.ERASED:
        delivery.sealed = None
    system.parts.deliveries[delivery.kind].after(
        db, delivery, Result(state, reason, delivery.handings, answer), now
    )
    journal.record(
        db,
        f"outbox.{state}",
        f"outbox/delivery/{delivery.id}",
        actor=system.worker,
        now=now,
        key=delivery.key,
        reason=reason,
    )
