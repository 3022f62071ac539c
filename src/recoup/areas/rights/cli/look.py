"""Commands that show what is known of claims and assets, and what changed."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Annotated

from cyclopts import Parameter

from recoup.areas.rights import controls, histories
from recoup.areas.rights.models import Kind, ReportState, Sort
from recoup.areas.rights.queries import change_rows, report_rows
from recoup.areas.rights.rules import wording
from recoup.areas.rights.schemas import (
    ChangeShown,
    HistoryShown,
    KnownShown,
    MomentShown,
    NetShown,
    NowShown,
    ReportShown,
    SeriesShown,
)
from recoup.core.errors import Invalid, Misconfigured, NotFound
from recoup.office.controls import service as house
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Limit
from recoup.web.wire import page_of

Owner = Annotated[
    str | None, Parameter(help="The content owner's external id; not needed where there is one.")
]
OfKind = Annotated[Kind, Parameter(help="Reports of claims or of assets.")]
Day = Annotated[str | None, Parameter(help="A day, such as 2026-11-23.")]


class LookCommands:
    """Looking, changing nothing."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def status(self, *, json: Json = False) -> None:
        """Show how each content owner's reports stand."""
        with self._opened() as system, system.sessions.begin() as db:
            rows = [
                SeriesShown.of(one, report_rows.head(db, one.id), report_rows.count_by_state(db, one.id))
                for one in report_rows.all_series(db)
            ]
        columns = {
            "OWNER": lambda one: one.title,
            "KIND": lambda one: one.kind,
            "NEWEST DAY": lambda one: one.newest_day or "none yet",
            "THINGS": lambda one: f"{one.things:,}",
            "ADDED": lambda one: f"{one.added:,}",
            "GONE": lambda one: f"{one.gone:,}",
            "CHANGED": lambda one: f"{one.changed:,}",
            "REPORTS": lambda one: output.counts(one.reports),
            "SIGN-IN": lambda one: one.needs_reauthorisation or "holds",
        }
        output.listing(page_of(SeriesShown, rows), columns, as_json=json, empty="Nothing was collected yet.")

    def reports(
        self,
        *,
        kind: OfKind = Kind.CLAIM,
        owner: Owner = None,
        state: Annotated[ReportState | None, Parameter(help="Only what stands there.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List reports, the latest day first."""
        with self._opened() as system, system.sessions.begin() as db:
            series = histories.series_of(db, kind, owner)
            page = page_of(ReportShown, report_rows.newest(db, series.id, state=state, limit=limit).rows)
        columns = {
            "DAY": lambda one: one.day,
            "STATE": lambda one: one.state,
            "THINGS": lambda one: f"{one.things:,}",
            "ADDED": lambda one: f"{one.added:,}",
            "GONE": lambda one: f"{one.gone:,}",
            "CHANGED": lambda one: f"{one.changed:,}",
            "MADE": lambda one: one.made_at,
            "ID": lambda one: one.id,
            "REASON": lambda one: one.reason,
        }
        output.listing(page, columns, as_json=json, empty="There are no reports yet.")

    def changes(
        self,
        *,
        from_day: Annotated[
            str | None, Parameter(name="--from", help="Compare with this day; else the one before.")
        ] = None,
        to_day: Annotated[str | None, Parameter(name="--to", help="The later day; else the newest.")] = None,
        kind: OfKind = Kind.CLAIM,
        owner: Owner = None,
        sort: Annotated[Sort | None, Parameter(help="Only added, gone or changed.")] = None,
        cause: Annotated[
            str | None, Parameter(help="Only with this cause, such as 'policy changed'.")
        ] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """Show what a snapshot changed, the heaviest first; or with --from, what differs between two days, by key."""
        with self._opened() as system, system.sessions.begin() as db:
            series = histories.series_of(db, kind, owner)
            report = report_rows.snapshot(db, series.id, _day(to_day))
            if report is None:
                raise NotFound(
                    f"There is no snapshot of {to_day or 'any day'}.", fix="See `recoup rights reports`."
                )
            if from_day is None:
                rows = change_rows.heaviest_of(db, report.id, sort=sort, cause=cause, limit=limit).rows
                whats = {row.key: wording.what(row) for row in rows}
            else:
                if cause:
                    raise Invalid("Between two days there are no causes.", fix="Leave --cause or --from out.")
                folded: list[str] = house.value(db, controls.FOLDED)
                after = _day(from_day) or report.day
                nets = histories.between(db, series, after=after, until=report.day, folded=folded)
                wanted = islice((one for one in nets if sort in {None, one.sort}), limit)
                differing = [NetShown.of(one) for one in wanted]
        if from_day is None:
            columns = {
                "KEY": lambda one: one.key,
                "SORT": lambda one: one.sort,
                "CAUSE": lambda one: one.cause,
                "VIEWS": lambda one: f"{one.weight:,}",
                "TITLE": lambda one: one.title,
                "WHAT": lambda one: whats[one.key],
            }
            empty = f"Nothing changed on {report.day}."
            output.listing(page_of(ChangeShown, rows), columns, as_json=json, empty=empty)
            return
        told = {
            "KEY": lambda one: one.key,
            "SORT": lambda one: one.sort,
            "TITLE": lambda one: one.title,
            "WHAT": lambda one: "; ".join(f"{d.column} {d.before} → {d.after}" for d in one.differences),
        }
        output.listing(page_of(NetShown, differing), told, as_json=json, empty="Nothing differs.")

    def known(
        self,
        day: Annotated[str, Parameter(help="A day, such as 2026-11-23.")],
        *,
        kind: OfKind = Kind.CLAIM,
        owner: Owner = None,
        beyond: Annotated[str, Parameter(help="Go on behind this key.")] = "",
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List what was known on a day: every claim or asset of the newest snapshot up to it, by key."""
        with self._opened() as system, system.sessions.begin() as db:
            series = histories.series_of(db, kind, owner)
            on = _read_day(day)
            found = histories.known_on(db, series, on, beyond=beyond)
            rows = [KnownShown.of(one) for one in islice(found, limit + 1)]
        page = page_of(KnownShown, rows, limit=limit, cursor=lambda one: one.key)
        columns = {
            "KEY": lambda one: one.key,
            "SINCE": lambda one: one.since,
            "STATUS": lambda one: one.cells.get("claim_status") or one.cells.get("active_claims", ""),
            "ASSET": lambda one: one.cells.get("asset_id", ""),
            "TITLE": lambda one: one.cells.get("video_title") or one.cells.get("asset_title", ""),
            "REPORT": lambda one: one.report_id,
        }
        output.listing(page, columns, as_json=json, empty=f"Nothing was known on {on}.")

    def claim(
        self,
        claim: Annotated[str, Parameter(help="Its claim_id.")],
        *,
        owner: Owner = None,
        as_of: Day = None,
        now: Annotated[bool, Parameter(negative="", help="Ask YouTube's Content ID API as well.")] = False,
        json: Json = False,
    ) -> None:
        """Show what was known of a claim, day by day, and the report that each part came from."""
        self._thing(Kind.CLAIM, claim, owner, as_of, as_json=json)
        if now:
            self._now(claim, owner)

    def asset(
        self,
        asset: Annotated[str, Parameter(help="Its asset_id.")],
        *,
        owner: Owner = None,
        as_of: Day = None,
        json: Json = False,
    ) -> None:
        """Show what was known of an asset, day by day."""
        self._thing(Kind.ASSET, asset, owner, as_of, as_json=json)

    def _thing(self, kind: Kind, key: str, owner: str | None, as_of: str | None, *, as_json: bool) -> None:
        with self._opened() as system, system.sessions.begin() as db:
            series = histories.series_of(db, kind, owner)
            moments = histories.history(db, series, key)
            day = _day(as_of)
            if day is not None:
                held = histories.as_of(moments, day)
                if held is None:
                    raise NotFound(f"Nothing was known of {key} on {day}.")
                moments = [held]
            shown = HistoryShown(
                owner=series.owner, kind=kind, key=key, moments=[MomentShown.of(one) for one in moments]
            )
        if as_json:
            output.document(shown)
            return
        columns = {
            "SINCE": lambda one: one.since,
            "UNTIL": lambda one: one.until or "still",
            "WHAT": _what,
            "CAUSE": lambda one: ", ".join(one.causes),
            "REPORT": lambda one: one.report,
        }
        output.table(columns, shown.moments, empty="Nothing was known of it.")
        if day is not None and (cells := shown.moments[0].cells):
            output.fields(cells)

    def _now(self, claim: str, owner: str | None) -> None:
        with self._opened() as system:
            with system.sessions.begin() as db:
                series = histories.series_of(db, Kind.CLAIM, owner)
            if system.ports.reports is None:
                raise Misconfigured("No content owner is set up.", fix="Set YOUTUBE_CONTENT_OWNER_ID.")
            output.document(NowShown.of(system.ports.reports.claim(series.owner, claim)))


def _what(moment: MomentShown) -> str:
    if moment.cells is None:
        return "gone"
    said = [
        f"{one.column} {one.before or wording.EMPTY} → {one.after or wording.EMPTY}"
        for one in moment.differences
    ]
    return "; ".join(said) or "there"


def _day(text: str | None) -> date | None:
    return None if text is None else _read_day(text)


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is not a day.", fix="Write it like 2026-11-23.") from None
