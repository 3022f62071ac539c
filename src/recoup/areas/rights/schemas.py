"""What rights says on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self
from uuid import UUID

from recoup.areas.rights.histories import Known, Moment, Net
from recoup.areas.rights.models import Report, Series
from recoup.core.ports import ClaimNow
from recoup.web.wire import Asked, Instant, Note, Shown, Word


class SeriesShown(Shown):
    """How a content owner's reports of one kind stand."""

    owner: str
    title: str
    kind: str
    report_type: str | None
    newest_day: date | None
    things: int
    views: int
    added: int
    gone: int
    changed: int
    reports: dict[str, int]
    listed_at: Instant | None
    needs_reauthorisation: str | None

    @classmethod
    def of(cls, series: Series, head: Report | None, reports: dict[str, int]) -> Self:
        """Put it together."""
        numbers = ("things", "views", "added", "gone", "changed")
        return cls(
            owner=series.owner,
            title=series.title,
            kind=series.kind,
            report_type=series.report_type,
            newest_day=head.day if head else None,
            reports=reports,
            listed_at=series.listed_at,
            needs_reauthorisation=series.reauth_reason,
            **{name: getattr(head, name) if head else 0 for name in numbers},
        )


class ReportShown(Shown):
    """A report and what taking it changed."""

    id: UUID
    report_id: str
    day: date
    made_at: Instant
    lapses_at: Instant
    state: str
    reason: str
    kept_at: Instant | None
    taken_at: Instant | None
    told_at: Instant | None
    size: int | None
    sha256: str | None
    is_baseline: bool
    rows: int
    things: int
    folded_rows: int
    added: int
    gone: int
    changed: int
    rewritten: int
    views: int
    causes: dict[str, int]
    file_id: UUID | None


class ReportInFull(ReportShown):
    """A report with its columns and what it counts."""

    columns: list[str]
    counts: dict[str, dict[str, int]]


class ChangeShown(Shown):
    """How something differs from the snapshot before."""

    day: date
    key: str
    sort: str
    cause: str
    causes: list[str]
    title: str
    artist: str
    asset_id: str
    status: str
    weight: int
    claims: int | None
    columns: list[str]
    before: list[str]
    after: list[str]


class DifferenceShown(Shown):
    """A cell that differs."""

    column: str
    before: str
    after: str


class NetShown(Shown):
    """What differs between two days."""

    key: str
    sort: str
    title: str
    artist: str
    status: str
    differences: list[DifferenceShown]

    @classmethod
    def of(cls, net: Net) -> Self:
        """Show a net change."""
        return cls(
            key=net.key,
            sort=net.sort,
            title=net.facets.title,
            artist=net.facets.artist,
            status=net.facets.status,
            differences=[DifferenceShown.model_validate(one) for one in net.differences],
        )


class MomentShown(Shown):
    """What something was for a while; ``cells`` null: it was gone."""

    since: date
    until: date | None
    report: UUID
    cells: dict[str, str] | None
    differences: list[DifferenceShown]
    causes: list[str]
    weight: int | None

    @classmethod
    def of(cls, moment: Moment) -> Self:
        """Show a moment; empty cells are left out."""
        cells = None if moment.cells is None else {name: text for name, text in moment.cells.items() if text}
        return cls(
            since=moment.since,
            until=moment.until,
            report=moment.report_id,
            cells=cells,
            differences=[DifferenceShown.model_validate(one) for one in moment.differences],
            causes=list(moment.causes),
            weight=moment.weight,
        )


class KnownShown(Shown):
    """What was known of something on a day."""

    key: str
    since: date
    report_id: UUID
    cells: dict[str, str]

    @classmethod
    def of(cls, known: Known) -> Self:
        """Show it; empty cells are left out."""
        cells = {name: text for name, text in known.cells.items() if text}
        return cls(key=known.key, since=known.since, report_id=known.report_id, cells=cells)


class HistoryShown(Shown):
    """A claim or an asset through its time, newest first."""

    owner: str
    kind: str
    key: str
    moments: list[MomentShown]


class ThingShown(Shown):
    """A claim or an asset as it stands; ``views`` are rounded down."""

    key: str
    since: date
    views: int
    claims: int | None
    status: str
    detail: str
    origin: str
    type: str
    policy: str
    asset_id: str
    video_id: str


class NowShown(Shown):
    """A claim as YouTube has it now, word for word."""

    claim: dict[str, object]
    events: list[dict[str, object]]

    @classmethod
    def of(cls, now: ClaimNow) -> Self:
        """Show the platform's answer."""
        return cls(claim=dict(now.claim), events=[dict(event) for event in now.events])


class Decision(Asked):
    """What a person says of a parked report."""

    note: Note = ""


class SyncAsked(Asked):
    """Start a sync."""

    owner: Word | None = None
    made_after: datetime | None = None
