"""Claims written into the database as they stand after some time, for tests that need many of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from recoup.areas.claims.models import Claim, History
from recoup.areas.claims.rules.statuses import OPEN
from recoup.core.system import System
from recoup.office.people.models import Person

_NUMBERS = count(1)
DECIDED: Mapping[str, Mapping[str, Any]] = {
    "approved": {"approved_minor": 10_000},
    "completed": {"approved_minor": 10_000},
    "rejected": {"status_notes": "Not covered.", "reason_code": "not_covered"},
}


def written(system: System, person: UUID, *, by: str = "session:rea@example.com", **changes: Any) -> int:
    """Write a claim down with its history, filed an hour ago unless ``changes`` say otherwise; return its number.

    ``by`` is who decided it. What is imported as history has no moves of its own.
    """
    now = system.clock()
    status = changes.get("status", "pending")
    filed: datetime = changes.get("created_at", now - timedelta(hours=1))
    number = next(_NUMBERS)
    values: dict[str, Any] = {
        "claim_number": f"CLM-{filed:%Y%m%d}-{number:08X}",
        "person_id": person,
        "policy_id": None,
        "policy_number": "H-1",
        "claim_type": "medical",
        "incident_date": filed.date(),
        "description": "Emergency treatment",
        "currency": "EUR",
        "claim_minor": 50_000,
        "approved_minor": None,
        "status": status,
        "status_notes": "",
        "reason_code": "",
        "version": 1 if status == "pending" else 2 if status == "under_review" else 3,
        "assignee_id": None,
        "open_flags": 0,
        "is_history": False,
        "created_at": filed,
        "updated_at": filed,
        "status_since": filed,
        "due_at": filed + timedelta(days=2) if status != "completed" else None,
        "decided_at": None if status in OPEN else now,
        "asked_at": None,
        "loss_time": None,
        "loss_location": "",
        "cause": "",
        "police_report_no": "",
        "reported_at": None,
        **DECIDED.get(status, {}),
        **changes,
    }
    with system.sessions.begin() as db:
        who = db.get_one(Person, person)
        values.setdefault("person_name", who.name)
        claim = Claim(**values)
        db.add(claim)
        db.flush()
        if not claim.is_history:
            db.add_all(_moves(claim, f"session:{who.address}", by))
        return claim.id


def _moves(claim: Claim, claimant: str, by: str) -> list[History]:
    steps = [(None, "pending", claimant, claim.created_at)]
    if claim.status != "pending":
        steps.append(("pending", "under_review", by, claim.created_at))
    if claim.decided_at is not None:
        decided = "rejected" if claim.status == "rejected" else "approved"
        steps.append(("under_review", decided, by, claim.decided_at))
    return [
        History(
            claim_id=claim.id,
            person_id=claim.person_id,
            at=at,
            actor=actor,
            was=was,
            status=status,
            reason_code=claim.reason_code if status == "rejected" else "",
            notes=claim.status_notes if status == "rejected" else "",
            amount_minor=claim.approved_minor if status == "approved" else None,
            version=version,
        )
        for version, (was, status, actor, at) in enumerate(steps, 1)
    ]
