"""YouTube: reports about the rights claims of content owners (Reporting API), and single claims (Content ID API)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2

from recoup.adapters import wire, youtube_body, youtube_wire
from recoup.adapters.bearer import Bearer, Token
from recoup.adapters.youtube_calls import NETWORK, Calls, Part
from recoup.adapters.youtube_tokens import FindCredentials, Tokens
from recoup.adapters.youtube_wire import Clients, Limits, Sleep, TryAgain
from recoup.core import clock
from recoup.core.clock import Clock
from recoup.core.errors import Invalid, Misconfigured, NotFound, Unavailable
from recoup.core.ports import ClaimNow, ReportFile, ReportJob

REPORTING = "https://youtubereporting.googleapis.com"
PARTNER = "https://youtubepartner.googleapis.com/youtube/partner/v1"

_DEFAULTS = Limits()
_NO_DATE = datetime.min.replace(tzinfo=UTC)


class YouTubeReports:
    """A ReportSource (developers.google.com/youtube/reporting and …/youtube/partner).

    ``credentials`` returns what google-auth keeps of the user who signed in for a content owner; its second argument
    asks for a copy that is not cached, once, after Google refused the cached one.
    """

    def __init__(
        self,
        credentials: FindCredentials,
        *,
        now: Clock,
        reporting_url: str = REPORTING,
        partner_url: str = PARTNER,
        limits: Limits = _DEFAULTS,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._reporting = Part("The YouTube Reporting API", reporting_url, "the address of the Reporting API")
        self._partner = Part(
            "The YouTube Content ID API",
            partner_url,
            "the address of the Content ID API",
            is_partners_only=True,
        )
        self._clients = Clients(limits)
        tokens = Tokens(credentials, self._clients, now=now, limits=limits, sleep=sleep)
        self._calls = Calls(self._clients, tokens, now=now, limits=limits, sleep=sleep)
        self._limits = limits

    def jobs(self, owner: str) -> list[ReportJob]:
        """Return the owner's jobs, those that YouTube manages included. Raise as every method of a ReportSource."""
        what = f"the report jobs of {owner}"
        rows = self._rows(owner, "v1/jobs", "jobs", {"includeSystemManaged": "true"}, what=what)
        return [
            ReportJob(
                id=_text(row, "id", what),
                report_type=_text(row, "reportTypeId", what),
                created=_instant(row, "createTime", what),
                expires=_instant(row, "expireTime", what) if row.get("expireTime") else None,
            )
            for row in rows
        ]

    def reports(self, owner: str, job_id: str, *, made_after: datetime | None) -> list[ReportFile]:
        """Return every report that can be fetched and was made after an instant, oldest made first."""
        what = f"the reports of job {job_id}"
        query = {} if made_after is None else {"createdAfter": clock.to_text(made_after)}
        rows = self._rows(owner, f"v1/jobs/{quote(job_id, safe='')}/reports", "reports", query, what=what)
        found = [
            ReportFile(
                id=_text(row, "id", what),
                job_id=job_id,
                starts_at=_instant(row, "startTime", what),
                ends_at=_instant(row, "endTime", what),
                made_at=_instant(row, "createTime", what),
                address=_text(row, "downloadUrl", what),
            )
            for row in rows
        ]
        # A report that is made while we turn the pages may show up on two of them.
        return sorted({one.id: one for one in found}.values(), key=lambda one: (one.made_at, one.id))

    @contextmanager
    def body(self, owner: str, report: ReportFile) -> Iterator[Iterator[bytes]]:
        """Open a report's bytes: a gzip file or plain text, whatever the headers said; transport packing is undone.

        Besides what every method raises: Misconfigured for an address that is not the Reporting API's, as our token
        must not go elsewhere.
        """
        what = f"report {report.id} of job {report.job_id}"
        self._check_home(report, what)
        opened = self._calls.signed_in(owner, lambda token: self._open(report.address, token))
        if isinstance(opened, wire.Reply):
            raise self._calls.refusal(self._reporting, owner, opened, what=what)
        try:
            if youtube_wire.is_page(opened.headers):
                raise Unavailable(
                    f"Instead of {what} came a web page: something on the way answered for Google.",
                    fix=NETWORK,
                )
            yield youtube_body.pieces(opened, self._limits)
        finally:
            opened.close()

    def claim(self, owner: str, claim_id: str) -> ClaimNow:
        """Ask for one claim as it is now. Raise Forbidden where the account may not use the Content ID API."""
        what = f"claim {claim_id}"
        found = self._calls.object(self._partner, owner, "claims", what=what, query={"id": claim_id})
        claim = next((row for row in _list(found, "items", what) if row.get("id") == claim_id), None)
        if claim is None:
            raise NotFound(f"Google does not have {what} for content owner {owner}.")
        path = f"claimHistory/{quote(claim_id, safe='')}"
        history = self._calls.object(self._partner, owner, path, what=f"the history of {what}")
        events = _list(history, "event", f"the history of {what}")
        return ClaimNow(claim=claim, events=tuple(sorted(events, key=_when)))

    def check(self, owner: str) -> str:
        """Sign in, list the jobs, and say so in a sentence. Raise as every method of a ReportSource."""
        kinds = sorted({job.report_type for job in self.jobs(owner)})
        told = f"it makes {', '.join(kinds)}" if kinds else "it makes no reports yet"
        return f"YouTube lets us in for content owner {owner}; {told}."

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._clients.close()

    def _rows(
        self, owner: str, path: str, name: str, query: Mapping[str, str], *, what: str
    ) -> list[Mapping[str, Any]]:
        """Return the rows of every page of a list; an empty one is left out of Google's answer."""
        rows: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        page = ""
        for _ in range(self._limits.pages):
            asked = {**query, "pageToken": page} if page else query
            answer = self._calls.object(self._reporting, owner, path, what=what, query=asked)
            rows += _list(answer, name, what)
            page = str(answer.get("nextPageToken") or "")
            if not page:
                return rows
            if page in seen:
                raise Unavailable(f"The pages of {what} go round in a circle.", fix=youtube_wire.LATER)
            seen.add(page)
        raise Unavailable(
            f"There are more than {self._limits.pages} pages of {what}.", fix=youtube_wire.LATER
        )

    def _open(self, address: str, token: Token) -> httpx2.Response | wire.Reply:
        """Return the open answer where it is 200, and else what was read of it. Raise TryAgain."""
        client = self._clients.of(address)
        request = client.build_request("GET", address, headers={"Accept-Encoding": "gzip"})
        try:
            response = client.send(request, auth=Bearer(token), stream=True)
        except httpx2.TransportError as error:
            raise TryAgain(f"Google did not answer ({type(error).__name__}).") from error
        if response.status_code == HTTPStatus.OK:
            return response
        try:
            reply = youtube_wire.read(response, youtube_body.pieces(response, self._limits), self._limits)
        except Unavailable as flaw:  # what it says is lost, the status is not
            reply = wire.Reply(response.status_code, dict(response.headers), b"", flaw.detail)
        finally:
            response.close()
        self._calls.turn_back_if_busy(reply)
        return reply

    def _check_home(self, report: ReportFile, what: str) -> None:
        youtube_wire.check_address(
            self._reporting.address, self._reporting.name, "Check the Reporting API's."
        )
        youtube_wire.check_address(report.address, what, "Collect the list of reports again.")
        home, given = httpx2.URL(self._reporting.address), httpx2.URL(report.address)
        if (given.scheme, given.host, given.port) != (home.scheme, home.host, home.port):
            raise Misconfigured(
                f"The address of {what} is at {given.host}, not at the Reporting API ({home.host}); our token does not "
                "go there.",
                fix="Check the address of the Reporting API, and collect the list of reports again.",
            )


def _list(answer: Mapping[str, Any], name: str, what: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unreadable(what, name)
    return rows


def _text(row: Mapping[str, Any], name: str, what: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise _unreadable(what, name)
    return value


def _instant(row: Mapping[str, Any], name: str, what: str) -> datetime:
    """Read an instant (RFC 3339); digits beyond microseconds are cut."""
    try:
        return clock.parse_instant(_text(row, name, what))
    except Invalid as error:
        raise _unreadable(what, name) from error


def _when(event: Mapping[str, Any]) -> datetime:
    try:
        return clock.parse_instant(str(event.get("time")))
    except Invalid:
        return _NO_DATE


def _unreadable(what: str, name: str) -> Unavailable:
    return Unavailable(
        f"Google's answer for {what} cannot be read: {name} is not as documented.", fix=youtube_wire.LATER
    )
