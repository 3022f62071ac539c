"""A sheet of policies beside those that stand: what is new, what differs and in what, and which claims it touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from recoup.areas.claims.rules.policies import PolicyRow
from recoup.core.db import copy_rows
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.jobs.models import Run

COMING = "claims_policies_coming"
"""The policies of the sheet as they would stand, each beside the one that stands (``was_…``), for this transaction."""
_READ = "claims_policies_read"
_COLUMNS = tuple(field.name for field in fields(PolicyRow))
_DATES_DIFFER = "(n.start_date, n.end_date) is distinct from (n.was_start_date, n.was_end_date)"
_OPEN = "c.status in ('pending', 'under_review') and not c.is_history"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many policies are new, change, stay, and cannot change so; and how many holders nobody knows yet."""

    new: int
    changed: int
    same: int
    refused: int
    people: int


@dataclass(frozen=True, slots=True)
class Change:
    """A policy as it would stand, and as it stands; where it is new, nothing stands. Amounts are minor units."""

    line: int
    policy_number: str
    policy_id: int | None
    holder: str
    kind: str
    start_date: date
    end_date: date
    premium_minor: int
    sum_insured_minor: int | None
    currency: str
    status: str
    auto_renew: bool
    was_holder: str | None
    was_kind: str | None
    was_start_date: date | None
    was_end_date: date | None
    was_premium_minor: int | None
    was_sum_insured_minor: int | None
    was_currency: str | None
    was_status: str | None
    was_auto_renew: bool | None


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A claim that nobody decided yet, on a policy that would no longer cover it, or that goes to another holder."""

    claim_id: int
    claim_number: str
    policy_number: str
    incident_date: date
    why: str


def put_beside(db: Session, rows: Iterable[PolicyRow], *, has_sum_insured: bool) -> None:
    """Bring the sheet's policies into this transaction, beside those that stand.

    ``has_sum_insured`` says whether the sheet has that column: where it has none, what stands stays.
    """
    db.execute(text(f"drop table if exists {COMING}"))
    db.execute(
        text(
            f"create temporary table {_READ} (line bigint, policy_number text, address text, name text, kind text, "
            "start_date date, end_date date, premium_minor bigint, sum_insured_minor bigint, currency text, "
            "status text, auto_renew boolean) on commit drop"
        )
    )
    copy_rows(db, _READ, _COLUMNS, map(astuple, rows))
    db.execute(text(f"analyze {_READ}"))
    keeps_sum = "false" if has_sum_insured else "true"
    insured = "r.sum_insured_minor" if has_sum_insured else "p.sum_insured_minor"
    db.execute(
        text(
            f"""
            create temporary table {COMING} on commit drop as
            select *, case
                when policy_id is null then 'new'
                when (holder_id, kind, start_date, end_date, premium_minor, sum_insured_minor, currency, status,
                      auto_renew) is not distinct from
                    (was_person_id, was_kind, was_start_date, was_end_date, was_premium_minor, was_sum_insured_minor,
                     was_currency, was_status, was_auto_renew) then 'same'
                when currency <> was_currency and (has_claims or sum_insured_minor is not null and {keeps_sum})
                    then 'refused'
                else 'changed' end as outcome
            from (
                select r.line, r.policy_number, r.address as holder, r.name as holder_name, r.kind, r.start_date,
                    r.end_date, r.premium_minor, {insured} as sum_insured_minor, r.currency,
                    coalesce(r.status, p.status, 'active') as status,
                    coalesce(r.auto_renew, p.auto_renew, false) as auto_renew,
                    h.id as holder_id, p.id as policy_id, p.person_id as was_person_id, w.address as was_holder,
                    p.kind as was_kind, p.start_date as was_start_date, p.end_date as was_end_date,
                    p.premium_minor as was_premium_minor, p.sum_insured_minor as was_sum_insured_minor,
                    p.currency as was_currency, p.status as was_status, p.auto_renew as was_auto_renew,
                    exists (select from claims c where c.policy_id = p.id and not c.is_history) as has_claims
                from {_READ} r
                left join claims_policies p on p.policy_number = r.policy_number
                left join people h on h.address = r.address
                left join people w on w.id = p.person_id
            ) beside
            """
        )
    )
    db.execute(text(f"drop table {_READ}"))
    db.execute(text(f"analyze {COMING}"))


def counts(db: Session) -> Counts:
    """Count what would become of each policy."""
    outcome = ", ".join(
        f"count(*) filter (where outcome = '{one}')" for one in ("new", "changed", "same", "refused")
    )
    people = "count(distinct holder) filter (where holder_id is null and outcome in ('new', 'changed'))"
    return Counts(*db.execute(text(f"select {outcome}, {people} from {COMING}")).one())


def changes(db: Session, outcome: str, *, limit: int | None = None) -> list[Change]:
    """Return policies that would be ``new``, ``changed`` or ``refused``, in the order of the sheet."""
    names = ", ".join(field.name for field in fields(Change))
    statement = text(f"select {names} from {COMING} where outcome = :outcome order by line limit :limit")
    return [Change(*row) for row in db.execute(statement, {"outcome": outcome, "limit": limit})]


def newcomers(db: Session) -> Iterator[tuple[str, str]]:
    """Yield address and name of each holder that nobody knows yet, once; the first name that is given counts."""
    found = db.execute(
        text(
            f"""
            select distinct on (holder) holder, holder_name from {COMING}
            where holder_id is null and outcome in ('new', 'changed')
            order by holder, holder_name = '', line
            """
        )
    )
    for row in found:
        yield row.holder, row.holder_name


def uncovered(db: Session, *, limit: int) -> tuple[int, Sequence[Uncovered]]:
    """Return how many open claims would lose their cover or their policy's holder, and the first of them."""
    covered = "c.incident_date between {0}start_date and {0}end_date and {0}status <> 'cancelled'"
    rows = db.execute(
        text(
            f"""
            select count(*) over () as all_of_them, id, claim_number, policy_number, incident_date, why from (
                select c.id, c.claim_number, n.policy_number, c.incident_date, case
                    when {covered.format("n.was_")} and n.status = 'cancelled' then 'The policy would be cancelled.'
                    when {covered.format("n.was_")} and not ({covered.format("n.")})
                        then 'The policy would no longer apply on that day.'
                    when n.holder_id is distinct from n.was_person_id and c.person_id = n.was_person_id
                        then 'The policy would belong to somebody else.'
                end as why
                from claims c join {COMING} n on n.policy_id = c.policy_id
                where n.outcome = 'changed' and {_OPEN}
            ) touched
            where why is not null order by id limit :limit
            """
        ),
        {"limit": limit},
    ).all()
    found = [Uncovered(*row[1:]) for row in rows]
    return (rows[0].all_of_them if rows else 0), found


def digest(db: Session) -> str:
    """Return a hash (hexadecimal) of all that would be done.

    That is every policy as it would stand and as it stands, and the open claims on those that change. What stays the
    same counts as that, whatever else happens to it.
    """
    names = ", ".join(f"n.{field.name}" for field in fields(Change))
    found: Any = db.execute(
        text(
            f"""
            select encode(sha256(convert_to(
                coalesce((select string_agg(
                    case n.outcome when 'same' then n.line || ' same'
                        else row({names}, n.outcome, n.holder_name, n.holder_id)::text end, chr(10) order by n.line)
                    from {COMING} n), '') || chr(10) ||
                coalesce((select string_agg(c.id || ' ' || c.incident_date, ',' order by c.id)
                          from claims c join {COMING} n on n.policy_id = c.policy_id
                          where n.outcome = 'changed' and {_OPEN}), ''), 'UTF8')), 'hex')
            """
        )
    ).scalar_one()
    return str(found)


def claims_to_look_at(db: Session) -> list[int]:
    """Return the open claims on policies whose days change."""
    statement = f"""
        select c.id from claims c join {COMING} n on n.policy_id = c.policy_id
        where n.outcome = 'changed' and {_OPEN} and {_DATES_DIFFER} order by c.id
    """
    return list(db.scalars(text(statement)))


def files_of(db: Session, subject: str, *, before: datetime, limit: int = 100) -> Sequence[File]:
    """Return files of a subject that were kept before an instant and not withdrawn since."""
    stands = ~select(WithdrawnFile.file_id).where(WithdrawnFile.file_id == File.id).exists()
    statement = select(File).where(File.subject == subject, File.created_at < before, stands)
    return db.scalars(statement.order_by(File.id).limit(limit)).all()


def last_run(db: Session, job: str, file_id: UUID, *, applies: bool) -> Run | None:
    """Return the last run that applies a sheet, or only looks at it."""
    seen = Run.params["seen"].astext
    statement = select(Run).where(
        Run.job == job,
        Run.params["file"].astext == str(file_id),
        seen.is_not(None) if applies else seen.is_(None),
    )
    return db.scalars(statement.order_by(Run.id.desc()).limit(1)).first()
