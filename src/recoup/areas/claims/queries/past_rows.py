"""Past claims of a file beside those that stand: which are new, and which differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, Text, cast, literal, select, text
from sqlalchemy.orm import Session

from recoup.areas.claims.rules.past import SOURCE, PastClaim
from recoup.core.db import copy_rows
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.jobs.models import Run, RunState

JOB = "claims.history"
"""The job that loads them."""
COMING = "claims_past_coming"
"""The claims of the file, each with what stands of it, for this transaction."""
_COLUMNS = {
    "line": "bigint",
    "source": "text",
    "person_name": "text",
    "policy_number": "text",
    "claim_type": "text",
    "incident_date": "date",
    "description": "text",
    "currency": "text",
    "claim_minor": "bigint",
    "approved_minor": "bigint",
    "status": "text",
    "status_notes": "text",
    "reason_code": "text",
    "filed_at": "timestamptz",
    "decided_at": "timestamptz",
    "cause": "text",
    "loss_location": "text",
    "raised_minor": "bigint",
}
_READ = "claims_past_read"
_COMPARED = (
    "person_name, policy_number, claim_type, incident_date, description, currency, claim_minor, approved_minor, "
    "status, status_notes, reason_code, created_at, decided_at, cause, loss_location"
)
NUMBER = f"""
    update {COMING} set claim_number = 'CLM-' || to_char(created_at at time zone 'UTC', 'YYYYMMDD') || '-' ||
        upper(left(encode(sha256(convert_to(source || cast(:attempt as text), 'UTF8')), 'hex'), 8))
    where outcome = 'new' and (claim_number is null
        or exists (select from claims c where c.claim_number = {COMING}.claim_number)
        or exists (select from {COMING} e where e.claim_number = {COMING}.claim_number and e.line < {COMING}.line))
"""
"""Numbers those that have none, or one that is taken; changes nothing once each has its own."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many claims are new, differ from what stands, and stand already."""

    new: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units of one currency: claimed, approved, and by how much what was claimed counts as more than was said."""

    claims: int
    claimed: int
    approved: int
    raised: int


def put_beside(db: Session, claims: Iterable[PastClaim]) -> None:
    """Bring past claims into this transaction, beside those that stand, by the ids that they had elsewhere."""
    for table in (COMING, _READ):
        db.execute(text(f"drop table if exists {table}"))
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    db.execute(text(f"create temporary table {_READ} ({columns}) on commit drop"))
    copy_rows(db, _READ, tuple(_COLUMNS), map(attrgetter(*_COLUMNS), claims))
    db.execute(text(f"analyze {_READ}"))
    compared = _COMPARED.split(", ")
    coming = ", ".join(f"r.{'filed_at' if name == 'created_at' else name}" for name in compared)
    standing = ", ".join(f"c.{name}" for name in compared)
    others = ", ".join(f"r.{name}" for name in _COLUMNS if name != "filed_at")
    db.execute(
        text(
            f"""
            create temporary table {COMING} on commit drop as
            select {others}, r.filed_at as created_at, c.id as claim_id, null::text as claim_number, case
                when c.id is null then 'new'
                when ({coming}) is not distinct from ({standing}) then 'same'
                else 'changed' end as outcome
            from {_READ} r left join (
                select *, substring(description from '(?:^|\\n){SOURCE}([^\\n]*)$') as source
                from claims where is_history
            ) c on c.source = r.source
            """
        )
    )
    db.execute(text(f"drop table {_READ}"))
    db.execute(text(f"create index on {COMING} (claim_number)"))
    db.execute(text(f"analyze {COMING}"))


def counts(db: Session) -> Counts:
    """Count what becomes of each."""
    outcomes = ", ".join(f"count(*) filter (where outcome = '{one}')" for one in ("new", "changed", "same"))
    return Counts(*db.execute(text(f"select {outcomes} from {COMING}")).one())


def first_coming(db: Session, *, limit: int) -> Sequence[Any]:
    """Return the first claims that are new or differ from what stands, in the order of their lines."""
    statement = text(
        "select line, outcome, claim_type, incident_date, decided_at, status, currency, claim_minor, approved_minor, "
        f"policy_number from {COMING} where outcome <> 'same' order by line limit :limit"
    )
    return db.execute(statement, {"limit": limit}).all()


def sums(db: Session) -> dict[str, Sums]:
    """Add up what was claimed and approved, by currency."""
    rows = db.execute(
        text(
            "select currency, count(*), sum(claim_minor)::bigint, coalesce(sum(approved_minor), 0)::bigint, "
            f"sum(raised_minor)::bigint from {COMING} group by currency"
        )
    )
    return {row[0]: Sums(*row[1:]) for row in rows}


def is_loaded(db: Session, file_id: UUID) -> bool:
    """Say whether a run loaded a file of past claims, or is about to."""
    return db.execute(select(_loads(literal(str(file_id))))).scalar_one()


def unloaded_files(db: Session, subject: str, *, before: datetime, limit: int = 100) -> Sequence[File]:
    """Return files that were kept before an instant, of which nothing was loaded, and that still stand."""
    withdrawn = select(WithdrawnFile.file_id).where(WithdrawnFile.file_id == File.id).exists()
    statement = select(File).where(File.subject == subject, File.created_at < before, ~withdrawn)
    loaded = _loads(cast(File.id, Text))
    return db.scalars(statement.where(~loaded).order_by(File.id).limit(limit)).all()


def _loads(file_id: ColumnElement[str]) -> Exists:
    """Return the condition that a run loads a file, or did: one that failed did not."""
    return (
        select(Run.id)
        .where(
            Run.job == JOB,
            Run.params["file"].astext == file_id,
            Run.params["dry_run"].as_boolean().is_(False),
            Run.state.in_([RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED]),
        )
        .exists()
    )
