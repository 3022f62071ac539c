"""The demo's third act: insurance claims are filed with documents, looked at, decided by people, and paid."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from recoup.areas.claims import importing, receiving
from recoup.areas.claims.models import Claim, Policy
from recoup.areas.claims.queries import policy_rows
from recoup.areas.claims.rules import loss as losses
from recoup.areas.claims.service import filing, moves, notes, payments, policies
from recoup.areas.claims.service.moves import By, House, Move
from recoup.core.errors import RecoupError, Unavailable
from recoup.core.system import System
from recoup.entry.demo_portal import COLLEAGUES, add_colleagues
from recoup.entry.demo_screen import Screen
from recoup.entry.demo_worker import FileClock
from recoup.office.people import queries as people
from recoup.sandbox import claim_documents as documents

STEP = timedelta(minutes=7)
LOOKED_AT_WITHIN = 60.0
FIRST_DAY, LAST_DAY = timedelta(days=200), timedelta(days=165)
TWICE = ("tooth", "same bill")
"""Claims with the same bill: the first is looked at again when the second comes."""
REVIEWER = COLLEAGUES[0][0]


@dataclass(frozen=True, slots=True)
class Holder:
    """A policy holder: address, name, and their policy's number and type."""

    address: str
    name: str
    policy: str
    kind: str


HOLDERS = (
    Holder("vera@mail.test", "Vera Brandt", "H-2025-0001", "health"),
    Holder("emil@mail.test", "Emil Sand", "A-2025-0002", "auto"),
    Holder("nora@mail.test", "Nora Lind", "W-2025-0003", "home"),
    Holder("jan@mail.test", "Jan Kowalski", "T-2025-0004", "travel"),
    Holder("zoe@mail.test", "Zoë Martin", "H-2025-0005", "health"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A claim as somebody sends it: who, what about, how long ago it happened, how much, and the documents by name."""

    holder: int
    kind: str
    days_ago: int
    amount: str
    words: str
    documents: Sequence[tuple[str, str, bytes]]
    """Name, declared media type, bytes."""


@dataclass(slots=True)
class ClaimsStory:
    """The act as it goes."""

    system: System
    clock: FileClock
    screen: Screen
    filed: dict[str, int] = field(default_factory=dict)
    """Claims by what they were about."""
    refused: str = ""
    """What the one document that is no document was answered with."""
    sent: int = 0
    """How many documents were sent with claims that stand."""

    def tell(self) -> None:
        """Import policies, file claims, decide them."""
        self.screen.doing("Filing claims")
        self._bring_in_policies()
        today = self.clock().date()
        for name, one in _claims(today, self.clock()).items():
            self.filed[name] = self._file(one)
        self.refused = self._try_to_file(_no_document())
        self.screen.say(
            f"{len(self.filed)} claims were filed with {self.sent} documents, each read in a process of its own and "
            f"stored as we wrote it. One was refused: {self.refused}"
        )
        self._wait_until_looked_at()
        self.screen.doing("Deciding claims")
        self._decide()

    def _bring_in_policies(self) -> None:
        today = self.clock().date()
        rows = [
            (one.policy, one.address, one.name, one.kind, today - FIRST_DAY, today + LAST_DAY, "20000.00")
            for one in HOLDERS
        ]
        with self.system.sessions.begin() as db:
            add_colleagues(db, now=self.clock())
        with tempfile.TemporaryFile(dir=self.system.home) as body, self.system.sessions() as db:
            body.write(documents.policies(rows).encode())
            body.seek(0)
            with importing.sheet(self.system, db, body, name="policies.csv") as read:
                found = policies.apply(
                    db,
                    self.system.ports.files,
                    read,
                    body=body,
                    media_type=importing.CSV,
                    actor="demo",
                    now=self.clock(),
                )
            db.commit()
        self.screen.say(
            f"{found.new} policies were brought in from a CSV; their {found.people} holders may sign in."
        )

    def _file(self, one: Sent) -> int:
        """File a claim as the door does; return its number here."""
        holder, now = HOLDERS[one.holder], self._passing()
        with tempfile.TemporaryDirectory(dir=self.system.home) as folder:
            ready = [
                receiving.received(
                    self.system,
                    _written(Path(folder) / f"{number}.in", body),
                    name=name,
                    declared=declared,
                    into=Path(folder) / f"{number}.out",
                    actor=f"session:{holder.address}",
                    now=now,
                )
                for number, (name, declared, body) in enumerate(one.documents)
            ]
            with self.system.sessions.begin() as db:
                policy = _policy_of(db, holder)
                typed = {
                    "claim_type": one.kind,
                    "incident_date": str(now.date() - timedelta(days=one.days_ago)),
                    "description": one.words,
                    "claim_amount": one.amount,
                }
                filed = filing.file(
                    db,
                    self.system.ports.files,
                    policy,
                    losses.checked(typed, currency=policy.currency),
                    ready=ready,
                    today=now.date(),
                    actor=f"session:{holder.address}",
                    now=now,
                )
        self.sent += len(ready)
        return filed.claim.id

    def _try_to_file(self, one: Sent) -> str:
        try:
            self._file(one)
        except RecoupError as error:
            return error.detail
        return ""

    def _wait_until_looked_at(self) -> None:
        """Wait until a worker has told the claimants and raised the flags."""
        until = time.monotonic() + LOOKED_AT_WITHIN
        while time.monotonic() < until:
            with self.system.sessions.begin() as db:
                found = {name: db.get_one(Claim, one) for name, one in self.filed.items()}
            waiting = [name for name, one in found.items() if one.looked_at is None]
            waiting += [name for name in TWICE if not found[name].open_flags]
            if not waiting:
                return
            time.sleep(0.1)
        raise Unavailable(
            f"No worker looked at the claims about {', '.join(waiting)}.", fix="The workers' log says why."
        )

    def _decide(self) -> None:
        """Approve one and pay it, reject one, ask for more on one, and let one wait for the second person."""
        first = self._by(REVIEWER)
        for name in ("operation", "windscreen", "burglary", "trip"):
            self._move(name, Move("under_review", "I look at it."), first)
        self._move(
            "operation", Move("approved", "As billed, without the deductible.", "deductible", 360_000), first
        )
        with self.system.sessions.begin() as db:
            claim = moves.locked(db, self.filed["operation"])
            payments.end(
                db, claim, "paid", reference="SEPA 2025-0117", actor=first.actor, now=self._passing()
            )
        self._move("operation", Move("completed", "Paid."), first)
        self._move("windscreen", Move("approved", "As billed.", amount=48_990), first)
        self._move("burglary", Move("approved", "Police report and bills agree.", amount=800_000), first)
        self._move(
            "trip", Move("rejected", "The policy does not cover a change of plans.", "not_covered"), first
        )
        with self.system.sessions.begin() as db:
            claim = moves.locked(db, self.filed["same bill"])
            notes.write(
                db,
                claim,
                "This bill came with another claim, too. Please send the original.",
                from_staff=True,
                is_request=True,
                by=first,
                house_=self._house(),
                now=self._passing(),
            )
        self.screen.say(
            "Ana approved a claim and paid it, approved another, rejected one, and asked for an original. One "
            "approval is above her limit: it waits for a second person."
        )

    def _move(self, name: str, asked: Move, by: By) -> None:
        now = self._passing()
        with self.system.sessions.begin() as db:
            moves.move(db, self.filed[name], asked, by=by, house_=self._house(), now=now)

    def _by(self, address: str) -> By:
        with self.system.sessions.begin() as db:
            person = people.by_address(db, address)
        return By(f"session:{address}", person.id if person else None, address)

    def _house(self) -> House:
        return House.of(self.system.settings)

    def _passing(self) -> datetime:
        now = self.clock() + STEP
        self.clock.set(now)
        return now


def _claims(today: date, now: datetime) -> dict[str, Sent]:
    """Return what is filed, by what it is about."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    taken = now - timedelta(days=3, hours=5)
    parts = [("Operation", "3,100.00 EUR"), ("Single room", "700.00 EUR")]
    hospital = documents.bill("St. Vinzenz Hospital GmbH", "48213", ago(6), parts, "3,800.00 EUR")
    jeweller = _bill("Juwelier Ring", "77", ago(400), "Watch", "8,000.00 EUR")
    booking = _bill("Reisebüro Meer", "B-1", ago(40), "Flights", "1,340.00 EUR")
    dentist = _bill("Dr. Weber, Dentist", "1177", ago(9), "Crown", "612.40 EUR")
    garage = documents.bill_with_a_script("Garage Sand & Sohn", "R-90", ago(2), "489.90 EUR")
    pdf, jpeg = "application/pdf", "image/jpeg"
    return {
        "operation": Sent(
            0, "Medical Expense", 8, "3800.00", "An operation on the knee, four days in hospital.",
            [("hospital bill.pdf", pdf, hospital)],
        ),
        "windscreen": Sent(
            1, "accident", 3, "489.90", "A stone broke the windscreen on the motorway.",
            [("garage.pdf", pdf, garage), ("windscreen.jpg", jpeg, documents.photo(1, taken))],
        ),
        "burglary": Sent(
            2, "theft", 12, "8000.00", "While we were away the flat was broken into.",
            [("bill of the jeweller.pdf", pdf, jeweller)],
        ),
        "trip": Sent(
            3, "other", 20, "1340.00", "We could not travel, because plans changed.",
            [("booking.pdf", pdf, booking)],
        ),
        "tooth": Sent(0, "medical", 9, "612.40", "A crown.", [("dentist.pdf", pdf, dentist)]),
        "same bill": Sent(4, "medical", 9, "612.40", "A crown for my tooth.", [("bill.pdf", pdf, dentist)]),
    }  # fmt: skip


def _bill(supplier: str, number: str, day: date, what: str, amount: str) -> bytes:
    return documents.bill(supplier, number, day, [(what, amount)], amount)


def _no_document() -> Sent:
    body = documents.page_that_calls_itself_a_pdf()
    return Sent(4, "medical", 2, "99.00", "My bill.", [("bill.pdf", "application/pdf", body)])


def _policy_of(db: Session, holder: Holder) -> Policy:
    person = people.by_address(db, holder.address)
    if person is None:
        raise Unavailable(f"{holder.name} was not brought in.")
    (policy,) = policy_rows.of_person(db, person.id)
    return policy


def _written(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path
