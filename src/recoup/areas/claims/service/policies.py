"""Bringing policies in: what a sheet would change is told first, then exactly that is done, or nothing."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Policy
from recoup.areas.claims.queries import import_rows
from recoup.areas.claims.queries.import_rows import COMING, Change, Uncovered
from recoup.areas.claims.rules import differing
from recoup.areas.claims.rules.policies import PolicyRow, Rejected
from recoup.core.db import lock
from recoup.core.errors import Conflict, NotFound
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore
from recoup.core.tasks import defer
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.journal import service as journal
from recoup.office.people.permissions import Role
from recoup.office.people.service import many

LOOK_AGAIN = "claims.look_again"
"""The task that looks again at open claims whose policy has other days now."""
MOST_SHOWN = 100
LOOKED_AT_ONCE = 500
MAY = "claims.import"
PREVIEWS = "claims/policies/preview"
"""What the file of a preview belongs to, until it is applied or given up."""
PREVIEW_LIVES = timedelta(days=1)


class Read(Protocol):
    """A sheet that was read."""

    @property
    def name(self) -> str: ...  # noqa: D102 - what the file is called
    @property
    def sha256(self) -> str: ...  # noqa: D102 - of the file
    @property
    def notes(self) -> Sequence[str]: ...  # noqa: D102 - sentences on what of it was not read
    @property
    def header(self) -> Sequence[str]: ...  # noqa: D102 - the titles of its columns
    @property
    def has_sum_insured(self) -> bool: ...  # noqa: D102 - whether it has that column
    @property
    def rows(self) -> int: ...  # noqa: D102 - lines below its titles
    def policies(self) -> Iterator[PolicyRow]: ...  # noqa: D102
    def rejected(self) -> Iterator[Rejected]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sheet would change. ``rows`` = new + changed + same + rejected; lists hold the first ``MOST_SHOWN``.

    ``people`` counts holders who would be added as customers, ``touched`` open claims that would lose their cover.
    ``digest`` stands for the file and for what it would change: what is applied under it is exactly that.
    """

    name: str
    notes: Sequence[str]
    rows: int
    new: int
    changed: int
    same: int
    rejected: int
    people: int
    touched: int
    additions: Sequence[Change]
    changes: Sequence[Change]
    rejections: Sequence[Rejected]
    newcomers: Sequence[tuple[str, str]]
    claims: Sequence[Uncovered]
    digest: str

    @property
    def does(self) -> int:
        """How many policies would be written."""
        return self.new + self.changed


def plan(db: Session, read: Read) -> Plan:
    """Compare a sheet with what stands, and write nothing but working tables that end with the transaction."""
    import_rows.put_beside(db, read.policies(), has_sum_insured=read.has_sum_insured)
    counts = import_rows.counts(db)
    touched, claims = import_rows.uncovered(db, limit=MOST_SHOWN)
    refused = [differing.refusal(one) for one in import_rows.changes(db, "refused")]
    rejections = itertools.islice(read.rejected(), MOST_SHOWN)
    return Plan(
        name=read.name,
        notes=tuple(read.notes),
        rows=read.rows,
        new=counts.new,
        changed=counts.changed,
        same=counts.same,
        rejected=read.rows - counts.new - counts.changed - counts.same,
        people=counts.people,
        touched=touched,
        additions=import_rows.changes(db, "new", limit=MOST_SHOWN),
        changes=import_rows.changes(db, "changed", limit=MOST_SHOWN),
        rejections=sorted([*rejections, *refused], key=lambda one: one.line)[:MOST_SHOWN],
        newcomers=tuple(itertools.islice(import_rows.newcomers(db), MOST_SHOWN)),
        claims=claims,
        digest=hashlib.sha256(f"{read.sha256} {import_rows.digest(db)}".encode()).hexdigest(),
    )


def every_rejection(db: Session, read: Read) -> Iterator[Rejected]:
    """Yield every line that is not taken, in their order: those that are no policy, and those that cannot change so.

    Call it after ``plan``, in the same transaction.
    """
    refused = iter([differing.refusal(one) for one in import_rows.changes(db, "refused")])
    waiting = next(refused, None)
    for one in read.rejected():
        while waiting is not None and waiting.line < one.line:
            yield waiting
            waiting = next(refused, None)
        yield one
    if waiting is not None:
        yield waiting
        yield from refused


def apply(
    db: Session,
    store: BlobStore,
    read: Read,
    *,
    body: BinaryIO,
    media_type: str,
    seen: str | None = None,
    actor: str,
    now: datetime,
) -> Plan:
    """Do what a sheet says, keep the file, and write down that it was done; where it changes nothing, do nothing.

    ``seen`` is the digest of the plan that somebody looked at; raise Conflict where another one would be carried out
    now. Nothing is ever deleted: a policy that the sheet does not have stays as it is.
    """
    lock(db, "recoup.claims.policies")
    found = plan(db, read)
    if seen is not None and seen != found.digest:
        raise Conflict(
            "What stands has changed since you looked, or this is another file. Nothing was changed.",
            fix="Look at what would change now.",
        )
    if not found.does:
        return found
    subject = f"claims/policies/{new_id()}"
    many.add_missing(
        db, list(import_rows.newcomers(db)), role=Role.CUSTOMER, because=subject, actor=actor, now=now
    )
    _write(db, found, now=now)
    looked = _look_again(db)
    body.seek(0)
    file = files.keep(
        db,
        store,
        name=read.name,
        body=body,
        media_type=media_type,
        subject=subject,
        actor=actor,
        now=now,
        may=MAY,
    )
    journal.record(
        db,
        "claims.policies_imported",
        subject,
        actor=actor,
        now=now,
        file=str(file.id),
        name=file.name,
        digest=found.digest,
        rows=found.rows,
        added=found.new,
        changed=found.changed,
        same=found.same,
        rejected=found.rejected,
        people=found.people,
        claims_looked_at=looked,
    )
    db.flush()
    return found


def said(done: Plan) -> str:
    """Say in one line what an import did."""
    people = f", {done.people:,} {'person' if done.people == 1 else 'people'} added" if done.people else ""
    left = (
        f" {done.rejected:,} {'line was' if done.rejected == 1 else 'lines were'} not taken."
        if done.rejected
        else ""
    )
    return f"{done.name}: {done.new:,} added, {done.changed:,} changed, {done.same:,} stay as they are{people}.{left}"


def keep_preview(
    db: Session, store: BlobStore, *, name: str, body: BinaryIO, media_type: str, actor: str, now: datetime
) -> File:
    """Keep the file that somebody looks at, so that exactly it is applied; a day later it is withdrawn."""
    body.seek(0)
    return files.keep(
        db,
        store,
        name=name,
        body=body,
        media_type=media_type,
        subject=PREVIEWS,
        actor=actor,
        now=now,
        may=MAY,
    )


def preview(db: Session, file_id: UUID) -> File:
    """Return the file of a preview; raise NotFound where there is none, or it was given up."""
    file = file_rows.by_id(db, file_id)
    if file is None or file.subject != PREVIEWS or file_rows.withdrawn(db, file.id) is not None:
        raise NotFound("This preview is over.", fix="Choose the file again.")
    return file


def end_preview(db: Session, file: File, *, reason: str, actor: str, now: datetime) -> None:
    """Withdraw the file of a preview: it was applied, which keeps it elsewhere, or nobody wants it any more."""
    files.withdraw(db, file, reason=reason, actor=actor, now=now)


def sweep_previews(db: Session, now: datetime) -> None:
    """Withdraw the files of previews that nobody applied within a day: they hold people's names and addresses."""
    for file in import_rows.files_of(db, PREVIEWS, before=now - PREVIEW_LIVES):
        end_preview(db, file, reason="Nobody applied it within a day.", actor="claims", now=now)


def _write(db: Session, found: Plan, *, now: datetime) -> None:
    values = (
        "kind",
        "start_date",
        "end_date",
        "premium_minor",
        "sum_insured_minor",
        "currency",
        "status",
        "auto_renew",
    )
    names = ", ".join(values)
    table = Policy.__tablename__
    moment: Mapping[str, Any] = {"now": now}
    added = db.execute(
        text(
            f"insert into {table} (policy_number, person_id, {names}, created_at, updated_at) "
            f"select n.policy_number, h.id, {', '.join(f'n.{one}' for one in values)}, :now, :now "
            f"from {COMING} n join people h on h.address = n.holder where n.outcome = 'new' order by n.line"
        ),
        moment,
    )
    settings = ", ".join(f"{one} = n.{one}" for one in values)
    changed = db.execute(
        text(
            f"update {table} p set person_id = h.id, {settings}, updated_at = :now "
            f"from {COMING} n join people h on h.address = n.holder where p.id = n.policy_id and n.outcome = 'changed'"
        ),
        moment,
    )
    if (added.rowcount, changed.rowcount) != (found.new, found.changed):  # type: ignore[attr-defined]
        raise Conflict("What stands changed while this was written. Nothing was changed.", fix="Try again.")


def _look_again(db: Session) -> int:
    """Have open claims on policies with other days looked at again, many in one task; return how many."""
    ids = import_rows.claims_to_look_at(db)
    for start in range(0, len(ids), LOOKED_AT_ONCE):
        defer(db, LOOK_AGAIN, claim_ids=",".join(map(str, ids[start : start + LOOKED_AT_ONCE])))
    return len(ids)
