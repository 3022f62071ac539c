"""Every SELECT of the stored files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, aliased

from recoup.core.db import copy_rows
from recoup.core.keyset import Slice
from recoup.core.ports import BlobInfo
from recoup.core.subjects import is_about
from recoup.office.files.models import File, WithdrawnFile
from recoup.web.lists import Wanted

_SEEN = "files_seen_in_store"
_STANDS = "not exists (select 1 from withdrawn_files w where w.file_id = files.id)"
SEARCHED = 20_000
"""Names are looked for among so many files, the newest: no index finds a part of a name."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where rows and objects disagree, oldest key first; each list ends after its limit."""

    without_object: Sequence[UUID]
    wrong_size: Sequence[UUID]
    without_row: Sequence[str]


def by_id(db: Session, file_id: UUID) -> File | None:
    """Return one file."""
    return db.get(File, file_id)


def withdrawn(db: Session, file_id: UUID) -> WithdrawnFile | None:
    """Return when and why a file was withdrawn, or None while it stands."""
    return db.get(WithdrawnFile, file_id)


def by_ids(db: Session, file_ids: Sequence[UUID]) -> Sequence[File]:
    """Return files in no order; one that is not there is left out."""
    return db.scalars(select(File).where(File.id.in_(file_ids))).all()


def of_subject(db: Session, subject: str, *, limit: int = 100) -> Sequence[File]:
    """Return the files that belong to ``subject``, in the order in which they were kept."""
    return db.scalars(select(File).where(File.subject == subject).order_by(File.id).limit(limit)).all()


def difference(db: Session, seen: Iterable[BlobInfo], *, before: datetime, limit: int) -> Difference:
    """Compare the rows with every object that was ``seen`` in the store; what is younger than ``before`` is left out.

    Uses a temporary table that ends with the transaction, so neither side has to fit into memory.
    """
    db.execute(
        text(f"create temporary table {_SEEN} (key text, size bigint, modified timestamptz) on commit drop")
    )
    copy_rows(db, _SEEN, ["key", "size", "modified"], ((one.key, one.size, one.modified) for one in seen))
    db.execute(text(f"create index on {_SEEN} (key)"))
    db.execute(text(f"analyze {_SEEN}"))
    arguments = {"before": before, "limit": limit}
    missing = text(
        f"select id from files where created_at < :before and {_STANDS} and not exists "
        f"(select 1 from {_SEEN} s where s.key = files.store_key) order by store_key limit :limit"
    )
    damaged = text(
        f"select files.id from files join {_SEEN} s on s.key = files.store_key "
        f"where created_at < :before and {_STANDS} and s.size <> files.size order by store_key limit :limit"
    )
    orphans = text(
        f"select s.key from {_SEEN} s where s.modified < :before and not exists "
        f"(select 1 from files where files.store_key = s.key and {_STANDS}) order by s.key limit :limit"
    )
    found = Difference(
        without_object=db.scalars(missing, arguments).all(),
        wrong_size=db.scalars(damaged, arguments).all(),
        without_row=db.scalars(orphans, arguments).all(),
    )
    db.execute(text(f"drop table {_SEEN}"))
    return found


def files_page(db: Session, wanted: Wanted) -> Slice[File]:
    """Return a page of the list of files: by a part of the name, by what they belong to or lie below, by days."""
    statement = select(File)
    if name := wanted.filters.get("name"):
        statement = statement.where(File.name.icontains(name, autoescape=True))
    if subject := wanted.filters.get("subject"):
        statement = statement.where(is_about(File.subject, subject))
    if (since := wanted.since("since")) is not None:
        statement = statement.where(File.created_at >= since)
    if (until := wanted.until("until")) is not None:
        statement = statement.where(File.created_at < until)
    return wanted.page_of(db, statement, key=[File.id])


def between(db: Session, first: UUID, last: UUID, *, limit: int) -> Sequence[File]:
    """Return files whose ids lie between two, both included."""
    return db.scalars(
        select(File).where(File.id >= first, File.id <= last).order_by(File.id).limit(limit)
    ).all()


def named(db: Session, part: str, *, limit: int) -> Sequence[File]:
    """Return files with this in their name, out of the newest 20,000, newest first."""
    newest = select(File).order_by(File.id.desc()).limit(SEARCHED).subquery()
    recent = aliased(File, newest)
    statement = select(recent).where(recent.name.icontains(part, autoescape=True))
    return db.scalars(statement.order_by(recent.id.desc()).limit(limit)).all()
