"""Claims as the review desk lists them: the queue of what is open, what follows in it, and all claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.claims.models import OPEN, Claim, Decision, DecisionState, Payment, PaymentState
from recoup.areas.claims.queries import narrowing, standing_rows
from recoup.areas.claims.rules.statuses import OPEN as OPEN_STATUSES
from recoup.core.db import ACTS_AS, database_now
from recoup.core.keyset import Slice
from recoup.core.money import Money
from recoup.office.people.models import Person
from recoup.web.lists import Wanted

_LINE = (
    Claim.id,
    Claim.claim_number,
    Claim.person_id,
    Claim.person_name,
    Claim.policy_number,
    Claim.claim_type,
    Claim.incident_date,
    Claim.currency,
    Claim.claim_minor,
    Claim.approved_minor,
    Claim.status,
    Claim.reason_code,
    Claim.version,
    Claim.assignee_id,
    Claim.open_flags,
    Claim.is_history,
    Claim.created_at,
    Claim.updated_at,
    Claim.due_at,
    Claim.decided_at,
    Claim.asked_at,
    Person.name.label("assignee_name"),
    Person.address.label("assignee_address"),
    Decision.id.label("waiting_id"),
)
"""What a line of a list shows of a claim (not what happened in words), who has it, and whether a decision waits.

One statement for all of it: each more would be another wait for whoever looks.
"""
_KEYS: Mapping[str, InstrumentedAttribute[Any]] = {
    "due": Claim.due_at,
    "last_due": Claim.due_at,
    "largest": Claim.claim_minor,
    "smallest": Claim.claim_minor,
    "risk": Claim.claim_minor,
    "flags": Claim.open_flags,
}


@dataclass(frozen=True, slots=True)
class DeskRow:
    """A claim in a list. ``assignee`` is empty where nobody has it; flags of one's own claim are not shown.

    ``claim`` is what a line shows of a claim, by the names that a ``Claim`` has for it.
    """

    claim: Any
    assignee: str
    waits: bool
    is_late: bool
    is_own: bool
    seen_at: datetime

    @property
    def age(self) -> timedelta:
        """How long ago it was filed."""
        filed: datetime = self.claim.created_at
        return self.seen_at - filed

    @property
    def due_in(self) -> timedelta | None:
        """In how long its status should end, negative where it is overdue; None where nothing is waited for."""
        due: datetime | None = self.claim.due_at
        return None if due is None or self.claim.status not in OPEN_STATUSES else due - self.seen_at

    @property
    def id(self) -> int:
        """The claim's number here."""
        claim_id: int = self.claim.id
        return claim_id

    @property
    def amount(self) -> Money:
        """What is claimed."""
        return Money(self.claim.claim_minor, self.claim.currency)

    @property
    def approved(self) -> Money | None:
        """What was approved."""
        minor: int | None = self.claim.approved_minor
        return None if minor is None else Money(minor, self.claim.currency)

    @property
    def flags(self) -> int | None:
        """Flags that nobody looked at; None where there are none, or the claim is one's own."""
        return None if self.is_own else self.claim.open_flags or None

    @property
    def is_at_risk(self) -> bool:
        """Whether the claim is open, and overdue or flagged."""
        return self.claim.status in OPEN_STATUSES and (self.is_late or self.claim.open_flags > 0)

    @property
    def standing(self) -> str:
        """One word on what is the matter with an open claim; empty where nothing is."""
        if self.waits:
            return "second_person"
        if self.claim.status not in OPEN_STATUSES:
            return ""
        return "overdue" if self.is_late else "asked" if self.claim.asked_at is not None else ""


def queue(db: Session, wanted: Wanted, *, now: datetime | None = None) -> Slice[DeskRow]:
    """Return a page of open claims. Without ``now``, as in an export, the database's clock says what is overdue."""
    at = now or database_now(db)
    page = wanted.page_of(db, _open(db, wanted, at), key=_key(wanted), named=True)
    return Slice(_rows(db, page.rows, at), page.next)


def following(db: Session, wanted: Wanted, claim: Claim, *, now: datetime) -> int | None:
    """Return the claim that comes after this one in the queue, whether this one is still in it or not.

    One's own claims are passed over: nobody decides on them.
    """
    key = _key(wanted)
    here = [getattr(claim, str(column.key)) for column in key]
    if any(value is None for value in here):
        return None
    place, values = tuple_(*key), tuple_(*here)
    statement = (
        _open(db, wanted, now)
        .with_only_columns(Claim.id)
        .where(place < values if wanted.order.descending else place > values)
        .order_by(*(one.desc() if wanted.order.descending else one.asc() for one in key))
    )
    if (me := asking(db)) is not None:
        statement = statement.where(Claim.person_id != me)
    return db.scalar(statement.limit(1))


def everything(db: Session, wanted: Wanted, *, now: datetime | None = None) -> Slice[DeskRow]:
    """Return a page of all claims, decided ones and imported history among them."""
    at, filters = now or database_now(db), wanted.filters
    statement = _lines().where(*_plain(db, filters))
    if (since := wanted.since("since")) is not None:
        statement = statement.where(Claim.created_at >= since)
    if (until := wanted.until("until")) is not None:
        statement = statement.where(Claim.created_at < until)
    if "history" in filters:
        statement = statement.where(Claim.is_history == (filters["history"] == "yes"))
    if "unpaid" in filters:
        unpaid = select(Payment.claim_id).where(Payment.state == PaymentState.OPEN)
        statement = statement.where(Claim.id.in_(unpaid))
    key: list[InstrumentedAttribute[Any]]
    if wanted.order.name in {"largest", "smallest"}:
        key = [Claim.claim_minor, Claim.id]
    elif filters.get("status") in OPEN_STATUSES:
        key = [Claim.id]  # as they were filed, too: what is imported is decided
    else:
        key = [Claim.created_at, Claim.id]
    page = wanted.page_of(db, statement, key=key, named=True)
    return Slice(_rows(db, page.rows, at), page.next)


def chosen(db: Session, ids: Sequence[int], *, now: datetime) -> list[DeskRow]:
    """Return the claims with these numbers, in the order of the numbers."""
    rows = db.execute(_lines().where(Claim.id.in_(ids)).order_by(Claim.id)).all()
    return _rows(db, rows, now)


def names(db: Session, people: Sequence[UUID]) -> dict[UUID, str]:
    """Return what people are called, where the reader may know of them."""
    rows = db.execute(select(Person.id, Person.name, Person.address).where(Person.id.in_(set(people))))
    return {person: name or address for person, name, address in rows}


def addresses(db: Session, people: Sequence[UUID]) -> dict[UUID, str]:
    """Return the addresses of people, where the reader may know of them."""
    rows = db.execute(select(Person.id, Person.address).where(Person.id.in_(people)))
    return {person: address for person, address in rows}  # noqa: C416 - a row is no pair to mypy


def asking(db: Session) -> UUID | None:
    """Return the person that this session acts for; None for the house itself, or this installation's key."""
    person: UUID | None = db.info.get(ACTS_AS, ("", None))[1]
    return person


def _lines() -> Select[*tuple[Any, ...]]:
    waits = and_(Decision.claim_id == Claim.id, Decision.state == DecisionState.WAITING)
    has = Person.id == Claim.assignee_id
    return select(*_LINE).select_from(Claim).outerjoin(Person, has).outerjoin(Decision, waits)


def _open(db: Session, wanted: Wanted, now: datetime) -> Select[*tuple[Any, ...]]:
    """Return what the queue's filters leave of what is open."""
    filters = wanted.filters
    conditions = _plain(db, filters)
    if (
        "status" not in filters
    ):  # one status says that it is open, and said twice it would count twice to Postgres
        conditions.append(text(OPEN))
    waiting = select(Decision.claim_id).where(Decision.state == DecisionState.WAITING)
    shown = {
        "overdue": Claim.due_at < now,
        "flagged": Claim.open_flags > 0,
        "risk": standing_rows.is_at_risk(now),
        "asked": Claim.asked_at.is_not(None),
        "second": Claim.id.in_(waiting),
    }
    me = asking(db)
    desks = {
        "mine": Claim.assignee_id == me,
        "nobody": Claim.assignee_id.is_(None),
        "others": and_(Claim.assignee_id.is_not(None), Claim.assignee_id != me),
    }
    if "show" in filters:
        conditions.append(shown[filters["show"]])
    if "desk" in filters:
        conditions.append(desks[filters["desk"]])
    if wanted.order.name == "risk":
        conditions.append(shown["risk"])
    return _lines().where(*conditions)


def _plain(db: Session, filters: Mapping[str, Any]) -> list[Any]:
    """Return the conditions that both lists have."""
    found: list[Any] = []
    for name, column in (
        ("status", Claim.status),
        ("type", Claim.claim_type),
        ("policy", Claim.policy_number),
        ("currency", Claim.currency),
    ):
        if name in filters:
            found.append(column == filters[name])
    if "number" in filters:
        start = filters["number"]
        found += [Claim.claim_number >= start, Claim.claim_number < start + narrowing.LAST_CHARACTER]
    if "claimant" in filters:
        found.append(narrowing.is_of(db, filters["claimant"]))
    return found


def _key(wanted: Wanted) -> list[InstrumentedAttribute[Any]]:
    column = _KEYS.get(wanted.order.name)
    return [Claim.id] if column is None else [column, Claim.id]


def _rows(db: Session, claims: Sequence[Any], now: datetime) -> list[DeskRow]:
    me = asking(db)
    return [
        DeskRow(
            claim=one,
            assignee=one.assignee_name or one.assignee_address or ("a reviewer" if one.assignee_id else ""),
            waits=one.waiting_id is not None,
            is_late=one.due_at is not None and one.due_at < now and one.status in OPEN_STATUSES,
            is_own=me is not None and one.person_id == me,
            seen_at=now,
        )
        for one in claims
    ]


def late_by(claim: Claim, *, now: datetime) -> timedelta | None:
    """Return by how much an open claim is overdue; None where it is not."""
    if claim.status not in OPEN_STATUSES or claim.due_at is None or claim.due_at >= now:
        return None
    return now - claim.due_at
