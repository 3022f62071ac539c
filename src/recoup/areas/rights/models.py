"""Tables of rights: series of reports, the reports, what they say of claims and assets over time, and what changed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class Kind(StrEnum):
    """What a series is about: a claim per row, or an asset with the number of its active claims."""

    CLAIM = "claim"
    ASSET = "asset"


class ReportState(StrEnum):
    """Where a report stands.

    ``found`` in a list, ``kept`` in our store, ``taken`` into the history: then it is the snapshot of its day.
    ``parked`` waits for a person, ``rejected`` cannot be used, ``superseded`` by a later report of its day, and
    ``lapsed`` before it was fetched.
    """

    FOUND = "found"
    KEPT = "kept"
    TAKEN = "taken"
    PARKED = "parked"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    LAPSED = "lapsed"


class Sort(StrEnum):
    """How something differs from the snapshot before."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


def _one_of(column: str, words: type[StrEnum]) -> str:
    return f"{column} in ({', '.join(repr(str(word)) for word in words)})"


class Series(Base):
    """The reports of one kind about one content owner, day after day.

    ``listed_to`` is when the newest report that was ever listed was made: the next list begins there.
    """

    __tablename__ = "rights_series"
    __table_args__ = (
        CheckConstraint(_one_of("kind", Kind), name="kind"),
        CheckConstraint("(reauth_since is null) = (reauth_reason is null)", name="reauth"),
        UniqueConstraint("owner", "kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    title: Mapped[str]
    kind: Mapped[str]
    report_type: Mapped[str | None]
    job_id: Mapped[str | None]
    listed_to: Mapped[datetime | None]
    listed_at: Mapped[datetime | None]
    reauth_since: Mapped[datetime | None]
    reauth_reason: Mapped[str | None]
    stale_told_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Report(Base):
    """A report of a day: where it came from, its bytes, and what taking it changed.

    ``day`` is the day in California that it is of, ``made_at`` when YouTube made it, ``lapses_at`` until when it can
    be fetched. ``columns`` are the names of its cells, sorted, whatever their order in the file. ``views`` is the sum
    over its snapshot, ``counts`` the number of things by facet and value.
    """

    __tablename__ = "rights_reports"
    __table_args__ = (
        CheckConstraint(_one_of("state", ReportState), name="state"),
        CheckConstraint("state not in ('kept', 'taken', 'parked') or sha256 is not null", name="has_bytes"),
        CheckConstraint("(state = 'taken') = (taken_at is not null)", name="taken"),
        UniqueConstraint("series_id", "report_id"),
        Index(
            "uq_rights_reports_snapshot",
            "series_id",
            "day",
            unique=True,
            postgresql_where=text("state = 'taken'"),
        ),
        Index("ix_rights_reports_series_day", "series_id", "day", "made_at"),
        Index("ix_rights_reports_day_id", "day", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    series_id: Mapped[UUID] = mapped_column(ForeignKey("rights_series.id"))
    report_id: Mapped[str]
    job_id: Mapped[str]
    address: Mapped[str]
    day: Mapped[date] = mapped_column(Date)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    made_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str]
    attempts: Mapped[int]
    found_at: Mapped[datetime]
    kept_at: Mapped[datetime | None]
    file_id: Mapped[UUID | None] = mapped_column(ForeignKey("files.id"))
    size: Mapped[int | None]
    sha256: Mapped[str | None]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    taken_at: Mapped[datetime | None]
    is_baseline: Mapped[bool]
    is_forced: Mapped[bool]
    rows: Mapped[int]
    things: Mapped[int]
    folded_rows: Mapped[int]
    added: Mapped[int]
    gone: Mapped[int]
    changed: Mapped[int]
    rewritten: Mapped[int]
    views: Mapped[int]
    counts: Mapped[dict[str, Any]]
    causes: Mapped[dict[str, Any]]
    told_at: Mapped[datetime | None]


class Thing(Base):
    """A claim or an asset as it stands: since when it is as it is, and what lists narrow by.

    ``views`` is the counter of the newest snapshot, rounded down to the digits that are kept; ``claims`` an asset's
    active claims. ``is_gone``: it left the reports with the snapshot of ``since``.
    """

    __tablename__ = "rights_things"
    # A day's writing is paid for in pages of indexes: what is not looked for is in none of them, and a change that
    # touches nothing which they hold is written into the table alone (a heap-only update, for which there is room).
    __table_args__ = (
        Index("ix_rights_things_views", "series_id", "views", "key", postgresql_where=text("not is_gone")),
        Index(
            "ix_rights_things_unusual",
            "series_id",
            "status",
            "views",
            "key",
            postgresql_where=text("not is_gone and status <> 'ACTIVE'"),
        ),
        Index("ix_rights_things_asset", "asset_id", "key", postgresql_where=text("not is_gone")),
        Index("ix_rights_things_video", "video_id", "key", postgresql_where=text("not is_gone")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    # No foreign keys here and below: a million rows at once would each ask whether their one series is still there.
    series_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[date] = mapped_column(Date)
    is_gone: Mapped[bool]
    views: Mapped[int]
    claims: Mapped[int | None]
    status: Mapped[str]
    detail: Mapped[str]
    origin: Mapped[str]
    type: Mapped[str]
    policy: Mapped[str]
    asset_id: Mapped[str]
    video_id: Mapped[str]


class Version(Base):
    """What a claim or an asset was from the snapshot of ``since`` until its next version; never changed afterwards.

    ``before`` is since when it was what it was before: versions of one thing are a chain that ends at its ``Thing``.
    ``cells`` are as the report ``report_id`` gave them, joined (see ``rules/layouts.py``) in the order of its columns;
    ``is_gone``: from that snapshot on it was not there. The key begins with the day: a day's versions lie together.
    """

    __tablename__ = "rights_versions"
    __table_args__ = (
        CheckConstraint("is_gone = (cells = '')", name="gone_has_no_cells"),
        CheckConstraint("before < since", name="chain"),
    )

    series_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[date] = mapped_column(Date, primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[date | None] = mapped_column(Date)
    report_id: Mapped[UUID]
    is_gone: Mapped[bool]
    cells: Mapped[str]


class Change(Base):
    """How a claim or an asset differs in the snapshot of ``report_id`` from the one before it.

    ``columns`` names the cells that differ; ``before`` and ``after`` are theirs, in the same order. ``weight`` is an
    estimate in views; ``claims`` by how many the asset's active claims went up or down.
    """

    __tablename__ = "rights_changes"
    __table_args__ = (
        CheckConstraint(_one_of("sort", Sort), name="sort"),
        Index("ix_rights_changes_weight", "report_id", "weight", "key"),
        Index("ix_rights_changes_cause", "report_id", "cause", "weight", "key"),
        Index("ix_rights_changes_day", "series_id", "day"),
    )

    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    series_id: Mapped[UUID]
    day: Mapped[date] = mapped_column(Date)
    sort: Mapped[str]
    cause: Mapped[str]
    causes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    before: Mapped[list[str]] = mapped_column(ARRAY(Text))
    after: Mapped[list[str]] = mapped_column(ARRAY(Text))
    weight: Mapped[int]
    claims: Mapped[int | None]
    status: Mapped[str]
    asset_id: Mapped[str]
    title: Mapped[str]
    artist: Mapped[str]
