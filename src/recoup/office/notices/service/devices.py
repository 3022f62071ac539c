"""Use cases of browsers that want to be told: keep one, take one away. They need a transaction of the house."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, NotFound
from recoup.core.ids import new_id
from recoup.office.journal import service as journal
from recoup.office.notices import queries
from recoup.office.notices.models import Subscription, about_subscription
from recoup.office.notices.rules import devices as rules
from recoup.office.notices.rules import limits
from recoup.office.notices.service.telling import SUBJECT
from recoup.office.notices.ways import Ways


@dataclass(frozen=True, slots=True)
class Given:
    """What a browser gave: whoever has it can write to that browser, so it is shown nowhere."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    label: str = ""


def subscribe(
    db: Session, *, person_id: UUID, given: Given, agent: str, ways: Ways, actor: str, now: datetime
) -> Subscription:
    """Keep a browser that wants to be told; one that is known gets its new keys, and belongs to who is signed in now.

    ``agent`` is what it is called where it says nothing itself. Raise Conflict where push is not set up or the person
    has ten devices, and Invalid for an address or keys that no browser of ours gives.
    """
    if not ways.push:
        raise Conflict("Notices to browsers are not set up here.", fix="An administrator sets push_contact.")
    host = rules.checked(given.endpoint, given.p256dh, given.auth, hosts=ways.hosts)
    lock(db, f"recoup.notices.devices:{person_id}")
    endpoint_hash = hashlib.sha256(given.endpoint.encode()).digest()
    known = queries.device_at(db, endpoint_hash)
    if known is not None and known.person_id != person_id:  # somebody else sits at this browser now
        db.delete(known)
        db.flush()
        known = None
    if known is None and len(queries.devices_of(db, person_id)) >= limits.MOST_DEVICES:
        raise Conflict(f"You have {limits.MOST_DEVICES} devices.", fix="Remove one that you no longer use.")
    device_id = known.id if known is not None else new_id()
    kept = {"endpoint": given.endpoint, "p256dh": given.p256dh, "auth": given.auth}
    sealed = ways.sealer.seal(json.dumps(kept).encode(), about=about_subscription(device_id))
    label = rules.label(given.label, otherwise=agent or "a browser")
    if known is not None:
        known.sealed, known.label = sealed, label
        db.flush()
        return known
    made = Subscription(
        id=device_id,
        person_id=person_id,
        endpoint_hash=endpoint_hash,
        host=host,
        label=label,
        sealed=sealed,
        created_at=now,
    )
    db.add(made)
    db.flush()
    journal.record(
        db,
        "notices.device_added",
        f"{SUBJECT}{person_id}",
        actor=actor,
        now=now,
        label=label,
        host=host,
    )
    return made


def remove(db: Session, subscription_id: UUID, *, person_id: UUID, actor: str, now: datetime) -> None:
    """Take one's device away; raise NotFound where there is none of that id that is one's own."""
    mine = delete(Subscription).where(Subscription.id == subscription_id, Subscription.person_id == person_id)
    gone = db.execute(mine.returning(Subscription.label, Subscription.host)).first()
    if gone is None:
        raise NotFound("There is no such device.", fix="Load the page again.")
    _journal_removed(db, person_id, gone.label, gone.host, actor=actor, now=now)


def forget(db: Session, endpoint: str, *, person_id: UUID, actor: str, now: datetime) -> bool:
    """Take one's device away by the address that it gave, as a browser that is switched off does; say if it was."""
    endpoint_hash = hashlib.sha256(endpoint.encode()).digest()
    mine = delete(Subscription).where(
        Subscription.endpoint_hash == endpoint_hash, Subscription.person_id == person_id
    )
    gone = db.execute(mine.returning(Subscription.label, Subscription.host)).first()
    if gone is not None:
        _journal_removed(db, person_id, gone.label, gone.host, actor=actor, now=now)
    return gone is not None


def _journal_removed(
    db: Session, person_id: UUID, label: str, host: str, *, actor: str, now: datetime
) -> None:
    journal.record(
        db,
        "notices.device_removed",
        f"{SUBJECT}{person_id}",
        actor=actor,
        now=now,
        label=label,
        host=host,
    )
