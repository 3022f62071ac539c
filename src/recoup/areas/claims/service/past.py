"""Loading claims that were decided elsewhere: set by set, each once, for the figures only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim
from recoup.areas.claims.queries import past_rows
from recoup.areas.claims.queries.past_rows import COMING, Sums
from recoup.areas.claims.rules.past import PastClaim
from recoup.core.db import lock
from recoup.core.errors import Conflict
from recoup.office.journal import service as journal
from recoup.office.people import queries as people_rows
from recoup.office.people.permissions import Role
from recoup.office.people.service import people

HOLDER = "history@claims.invalid"
"""Whose past claims are: a customer who cannot come in, at an address that no mail reaches (RFC 2606)."""
MOST_TRIES = 20
_SET = (
    "person_name", "policy_number", "claim_type", "incident_date", "description", "currency", "claim_minor",
    "approved_minor", "status", "status_notes", "reason_code", "created_at", "decided_at", "cause", "loss_location",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the claims of a file: those that are new, differ from what stands, and stand already.

    ``sums`` are what was claimed and approved in all of them, by currency.
    """

    new: int
    changed: int
    same: int
    sums: Mapping[str, Sums]

    @property
    def claims(self) -> int:
        """How many they are."""
        return self.new + self.changed + self.same


def load(db: Session, claims: Iterable[PastClaim], *, actor: str, now: datetime) -> Loaded:
    """Load past claims, of which each source comes once; one that stands already is brought up to what it is now.

    Claims that were filed here are never touched. Nothing is deleted.
    """
    lock(db, "recoup.claims.past")
    past_rows.put_beside(db, claims)
    counts, sums = past_rows.counts(db), past_rows.sums(db)
    _number(db)
    person = _holder(db, actor=actor, now=now)
    names = ", ".join(_SET)
    table = Claim.__tablename__
    added = db.execute(
        text(
            f"insert into {table} (claim_number, person_id, {names}, version, open_flags, is_history, updated_at, "
            "status_since, police_report_no) "
            f"select claim_number, :person, {names}, 1, 0, true, :now, decided_at, '' "
            f"from {COMING} where outcome = 'new' order by line"
        ),
        {"person": person, "now": now},
    )
    settings = ", ".join(f"{one} = n.{one}" for one in _SET)
    changed = db.execute(
        text(
            f"update {table} c set {settings}, status_since = n.decided_at, updated_at = :now, version = c.version + 1 "
            f"from {COMING} n where c.id = n.claim_id and n.outcome = 'changed'"
        ),
        {"now": now},
    )
    if (added.rowcount, changed.rowcount) != (counts.new, counts.changed):  # type: ignore[attr-defined]
        raise Conflict("What stands changed while this was written. Nothing was changed.", fix="Try again.")
    return Loaded(counts.new, counts.changed, counts.same, sums)


def record(
    db: Session,
    loaded: Loaded,
    *,
    subject: str,
    name: str,
    layout: str,
    rejected: int,
    actor: str,
    now: datetime,
) -> None:
    """Write down that past claims were loaded, where that changed anything."""
    if not loaded.new and not loaded.changed:
        return
    journal.record(
        db,
        "claims.history_imported",
        subject,
        actor=actor,
        now=now,
        name=name,
        layout=layout,
        added=loaded.new,
        changed=loaded.changed,
        same=loaded.same,
        rejected=rejected,
        claimed=[f"{sums.claimed} {currency}" for currency, sums in sorted(loaded.sums.items())],
        approved=[f"{sums.approved} {currency}" for currency, sums in sorted(loaded.sums.items())],
    )


def _number(db: Session) -> None:
    """Give each new claim the number that its day and its source come to; where that is taken, the next one."""
    for attempt in range(MOST_TRIES):
        if not db.execute(text(past_rows.NUMBER), {"attempt": f" {attempt}" if attempt else ""}).rowcount:  # type: ignore[attr-defined]
            return
    raise Conflict("No number was free for some of these claims.", fix="Try again.")


def _holder(db: Session, *, actor: str, now: datetime) -> object:
    person = people_rows.by_address(db, HOLDER)
    if person is None:
        person = people.add(db, address=HOLDER, role=Role.CUSTOMER, name="Past claims", actor=actor, now=now)
        people.disable(db, person.id, actor=actor, now=now)
        db.flush()
    return person.id
