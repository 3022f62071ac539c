"""A process that files, decides and pays a claim in children of its own: see foreman.py.

A child does what doors and workers do, one transaction after the other, up to the step of its order. Told that a claim
is there already it goes on with it, as people do who come back after an outage.
"""

from __future__ import annotations

import hashlib
import traceback
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text

from faults.foreman import Order, Tell, dying, moved_into, serve, work_off
from faults.steps import Steps, watch_database, watch_files
from recoup.areas.claims.models import DocumentState
from recoup.areas.claims.queries import claim_rows
from recoup.areas.claims.reading import reader
from recoup.areas.claims.reading.results import Reading
from recoup.areas.claims.rules.loss import Loss
from recoup.areas.claims.service import filing, moves, payments
from recoup.areas.claims.service.documents import Ready
from recoup.areas.claims.service.filing import Key
from recoup.areas.claims.service.moves import By, House, Move
from recoup.core import tasks
from recoup.core.money import Money
from recoup.core.system import System
from recoup.office.people import queries as people
from recoup.office.people.models import Person
from support.claims import CARL, INCIDENT, REA
from support.examined import Copied

JOB = "claims.scan"
DOCUMENTS = ("bill.pdf", "photo.png")
KEY = Key("phone-17", hashlib.sha256(b"the form").hexdigest())
HOUSE = House("claims@example.com", "https://recoup.example.com")
MOVES = (
    Move("under_review", "I look at it."),
    Move("approved", "As billed.", amount=300_000),
    Move("completed", "Done."),
)


def unread(_source: Path, *, kind: str) -> Reading:
    """Stand in for reading a document, which takes a processor for seconds and leaves nothing outside its child."""
    return Reading(f"nobody reads a {kind}", 0, ())


def filed(system: System, folder: Path) -> int:
    """File the claim, or find it filed; return its number."""
    now = system.clock()
    ready = [Ready(Copied.of(folder / name), folder / name) for name in DOCUMENTS]
    with system.sessions.begin() as db:
        carl = _person(db, CARL)
        known = filing.filed_before(db, carl.id, KEY)
        if known is not None:
            return known
        (policy_id,) = db.execute(text("select id from claims_policies")).scalars()
        claim = filing.file(
            db,
            system.ports.files,
            filing.policy_for(db, policy_id, carl.id),
            Loss("fire", INCIDENT, "It burnt.", Money(400_000, "EUR")),
            ready=ready,
            key=KEY,
            today=date(2025, 7, 24),
            actor="session:carl",
            now=now,
        ).claim
        return claim.id


def reviewed(system: System, claim_id: int) -> None:
    """Move the claim to its end, from wherever it stands; pay it before it is completed."""
    by = By("session:rea", None, REA)
    for one in MOVES:
        with system.sessions.begin() as db:
            claim = claim_rows.by_id(db, claim_id)
            assert claim is not None
            if claim.version > 1 + MOVES.index(one) + (one.status == "completed"):
                continue
            if one.status == "completed" and claim_rows.open_payment(db, claim_id) is not None:
                payments.end(db, claim, "paid", reference="SEPA 17", actor=by.actor, now=system.clock())
        with system.sessions.begin() as db:
            moves.move(db, claim_id, one, by=by, house_=HOUSE, now=system.clock())


def _person(db: Any, address: str) -> Person:
    found = people.by_address(db, address)
    assert found is not None
    return found


def obey(system: System, order: Order, tell: Tell) -> int:
    """Live through the claim's story in a house, up to the step of an order."""
    labels: list[str] = []

    def is_now(number: int, label: str) -> bool:
        labels.append(label)
        return number == order.at

    steps = Steps(is_now, dying(order, tell))
    try:
        moved = moved_into(system, order.house)
        watch_database(steps, moved.sessions.kw["bind"])
        watch_files(steps)
        reader.propose = unread  # type: ignore[assignment]
        steps.arm()
        if order.sweeps:
            tasks.sweep(moved, moved.clock())
        claim_id = filed(moved, Path(order.house.cwd))
        work_off(moved)
        reviewed(moved, claim_id)
        work_off(moved)
        steps.disarm()
        tell(claim=claim_id, state=DocumentState.KEPT)
    except Exception:  # noqa: BLE001 - how it failed is what the test wants to know
        tell(error=traceback.format_exc())
        return 1
    finally:
        steps.disarm()
        tell(labels=labels)
    return 0


if __name__ == "__main__":
    serve(JOB, obey)
