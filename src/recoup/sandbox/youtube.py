"""A stand-in for YouTube's Reporting API, its Content ID API, and Google's sign-in, on loopback.

``with YouTubeStandIn() as youtube:`` in a test; ``youtube.publish(...)`` puts a report into a job. It keeps the rules
that are public (developers.google.com/youtube/reporting): every call names a content owner, system-managed jobs are
there for each and are listed only when asked for, empty lists are left out of an answer, reports are listed by when
they were made, and go after 60 days (historical ones after 30). Addresses of reports need the same token. Single
claims (``youtube.set_claim(...)``) are told to CMS partners only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Self

from recoup.core.clock import Clock, parse_instant, utc_now
from recoup.core.errors import Invalid
from recoup.sandbox.claim_reports import CLAIM_COLUMNS, MUSIC_ASSET_COLUMNS, ClaimsWorld, csv_of
from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Fault, json_answer
from recoup.sandbox.youtube_answers import (
    instant,
    invalid,
    no_permission,
    not_found,
    page,
    quota,
    truncated,
    unauthenticated,
    unauthorised,
)
from recoup.sandbox.youtube_claims import PARTNER_PATH, Claims
from recoup.sandbox.youtube_reports import (
    ASSETS,
    CLAIMS,
    ORDINARY_TYPES,
    OWNER,
    SYSTEM_TYPES,
    Dress,
    Job,
    Made,
    Report,
    Shelf,
)
from recoup.sandbox.youtube_sign_in import GoogleSignIn, bearer

MOST_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the stand-in remembers it, without secrets. ``status`` None: the client got no answer."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int | None
    fault: str | None


class YouTubeStandIn(GoogleSignIn):
    """The Reporting API, the Content ID API and the sign-in on loopback.

    ``owners`` are the content owners that the account may act for. All of what is set here may be changed while it
    runs: ``granted`` False turns every refresh away with ``invalid_grant``, ``is_partner`` False every question for a
    single claim.
    """

    faults: ClassVar[Mapping[str, Callable[..., Fault]]] = {
        **COMMON_FAULTS,
        "unauthorised": unauthorised,
        "quota": quota,
        "no_permission": no_permission,
        "truncated": truncated,
    }

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Clock = utc_now,
        owners: Sequence[str] = (OWNER,),
        client_id: str = "stand-in-client",
        client_secret: str = "stand-in-secret",  # noqa: S107 - of a server that guards nothing
        refresh_token: str = "stand-in-refresh",  # noqa: S107 - as above
        token_life: timedelta = timedelta(seconds=3_599),
        page_size: int = MOST_PER_PAGE,
        seed: int = 0,
    ) -> None:
        super().__init__(
            port=port,
            clock=clock,
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            token_life=token_life,
            seed=seed,
        )
        self.owners, self.page_size, self.is_partner = owners, page_size, True
        self._shelf = Shelf(owners, born=clock() - timedelta(days=400))
        self._claims = Claims()
        self._requests: list[Request] = []

    # What tests do and read

    @property
    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def partner_url(self) -> str:
        """The address of the Content ID API."""
        return f"{self.url}/{PARTNER_PATH}"

    def job(self, kind: str = CLAIMS, *, owner: str = OWNER) -> Job:
        """Return the job of a report type."""
        with self._lock:
            return self._shelf.job(owner, kind)

    def remove_job(self, kind: str = CLAIMS, *, owner: str = OWNER) -> None:
        """End the job of a report type, as YouTube does with types that are over."""
        with self._lock:
            del self._shelf.jobs[self._shelf.job(owner, kind).id]

    def forget_reports(self) -> None:
        """Let no report be there any more."""
        with self._lock:
            self._shelf.reports.clear()

    def publish(
        self,
        day: date,
        body: bytes,
        *,
        kind: str = CLAIMS,
        owner: str = OWNER,
        created: datetime | None = None,
        dress: Dress = Dress.GZIP,
        is_historical: bool = False,
    ) -> Report:
        """Make a report of a day; a second one of the same day is a backfill."""
        made = Made(created or self.clock(), body, dress, is_historical)
        with self._lock:
            return self._shelf.put(self._shelf.job(owner, kind), day, made)

    def set_claim(
        self, claim: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = (), *, owner: str = OWNER
    ) -> None:
        """Let a claim be as given, ``id`` among its fields, with what happened to it."""
        with self._lock:
            self._claims.put(owner, claim, events)

    # The protocol

    def handle(self, asked: Asked) -> Answer:
        """Answer as Google does."""
        parts = asked.path.strip("/").split("/")
        if (answer := self.signs_in(asked)) is not None:
            return answer
        with self._lock:
            if self._tokens.number_of(bearer(asked), self.clock()) is None:
                return unauthenticated()
            if asked.method == "GET" and parts[:2] == ["v1", "media"]:
                return self._media(asked, parts[2:])
            owner = asked.query.get("onBehalfOfContentOwner", "")
            if owner not in self.owners:
                return no_permission().answer or Answer(403)
            if asked.method == "GET" and asked.path.startswith(f"/{PARTNER_PATH}/"):
                return self._claims.told(asked, owner, is_partner=self.is_partner)
            return self._route(asked, owner, parts)

    def _route(self, asked: Asked, owner: str, parts: Sequence[str]) -> Answer:
        match asked.method, parts:
            case "GET", ["v1", "reportTypes"]:
                return page(asked, "reportTypes", _types(asked), most=self.page_size)
            case "GET", ["v1", "jobs"]:
                return page(asked, "jobs", self._jobs_told(asked, owner), most=self.page_size)
            case "POST", ["v1", "jobs"]:
                return self._new_job(asked, owner)
            case _, ["v1", "jobs", job_id, *rest]:
                job = self._shelf.jobs.get(job_id)
                if job is None or job.owner != owner:
                    return not_found("The requested job was not found.")
                return self._of_job(asked, job, rest)
        return not_found("There is nothing at this address.")

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Remember the request without its secrets."""
        status, name = answer.status if answer else None, fault.name if fault else None
        with self._lock:
            self._requests.append(Request(asked.method, asked.path, asked.query, status, name))

    def _jobs_told(self, asked: Asked, owner: str) -> list[dict[str, Any]]:
        found = self._shelf.jobs_of(owner, with_system=_yes(asked, "includeSystemManaged"))
        return [_job_told(job) for job in found]

    def _new_job(self, asked: Asked, owner: str) -> Answer:
        try:
            wanted = json.loads(asked.body)
            kind, name = wanted["reportTypeId"], wanted["name"]
        except (ValueError, KeyError, TypeError):
            return invalid("reportTypeId and name are required.")
        if kind not in ORDINARY_TYPES:
            return invalid("A job cannot be created for this report type.")
        made = self._shelf.add_job(owner, kind, str(name), created=self.clock(), is_system=False)
        return json_answer(200, _job_told(made))

    def _of_job(self, asked: Asked, job: Job, rest: Sequence[str]) -> Answer:
        match asked.method, rest:
            case "GET", []:
                return json_answer(200, _job_told(job))
            case "DELETE", []:
                if job.is_system:
                    return invalid("A system-managed job cannot be deleted.")
                del self._shelf.jobs[job.id]
                return json_answer(200, {})
            case "GET", ["reports"]:
                return self._list_reports(asked, job)
            case "GET", ["reports", report_id]:
                report = self._shelf.report(report_id, now=self.clock(), job=job)
                if report is not None:
                    return json_answer(200, self._report_told(report))
        return not_found("The requested entity was not found.")

    def _list_reports(self, asked: Asked, job: Job) -> Answer:
        names = ("createdAfter", "startTimeAtOrAfter", "startTimeBefore")
        try:
            bounds = {name: parse_instant(asked.query[name]) for name in names if name in asked.query}
        except Invalid:
            return invalid("A timestamp is not as RFC 3339 writes it.")
        found = self._shelf.listed(job, bounds, now=self.clock())
        return page(asked, "reports", [self._report_told(one) for one in found], most=self.page_size)

    def _media(self, asked: Asked, place: Sequence[str]) -> Answer:
        report = self._shelf.report(place[-1], now=self.clock()) if place else None
        if report is None or asked.query.get("alt") != "media":
            return not_found("The requested report was not found.")
        return Answer(200, *report.dressed())

    def _report_told(self, report: Report) -> dict[str, Any]:
        place = f"CONTENT_OWNER/{report.job.owner}/jobs/{report.job.id}/reports/{report.id}"
        return {
            "id": report.id,
            "jobId": report.job.id,
            "startTime": instant(report.start),
            "endTime": instant(report.end),
            "createTime": instant(report.made.at),
            "downloadUrl": f"{self.url}/v1/media/{place}?alt=media",
        }

    @classmethod
    def from_arguments(cls, arguments: list[str] | None = None) -> Self:
        """Build one from a command line, with two weeks of reports of a made-up owner."""
        parser = argparse.ArgumentParser(
            prog="python -m recoup.sandbox.youtube",
            description="A stand-in for the YouTube Reporting API.",
        )
        parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
        parser.add_argument("--claims", type=int, default=2_000, help="how many claims the owner has")
        parser.add_argument("--days", type=int, default=14, help="how many days of reports there are")
        parser.add_argument("--seed", type=int, default=7, help="another number, other claims")
        given = parser.parse_args(arguments)
        made = cls(port=given.port, seed=given.seed)
        now = made.clock()
        world = ClaimsWorld(given.seed, claims=given.claims, day=now.date() - timedelta(days=given.days))
        for _ in range(given.days):
            created = datetime.combine(world.day, time(21), UTC) + timedelta(hours=48)
            made.publish(world.day, csv_of(CLAIM_COLUMNS, world.claim_rows()), created=created)
            assets = csv_of(MUSIC_ASSET_COLUMNS, world.asset_rows())
            made.publish(world.day, assets, kind=ASSETS, created=created)
            world.pass_a_day()
        return made


def _types(asked: Asked) -> list[dict[str, Any]]:
    system = SYSTEM_TYPES if _yes(asked, "includeSystemManaged") else ()
    told: list[dict[str, Any]] = [{"id": name, "name": name, "systemManaged": True} for name in system]
    return told + [{"id": name, "name": name} for name in ORDINARY_TYPES]


def _job_told(job: Job) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": job.id,
        "reportTypeId": job.type,
        "name": job.name,
        "createTime": instant(job.created),
    }
    return told | {"systemManaged": True} if job.is_system else told


def _yes(asked: Asked, name: str) -> bool:
    return asked.query.get(name, "").lower() == "true"


def main() -> None:
    """Run until Ctrl-C; the first line on stdout is the address."""
    with YouTubeStandIn.from_arguments() as youtube:
        print(youtube.url, flush=True)  # noqa: T201 - whoever started the process reads the port here
        youtube.serve_until_stopped()


if __name__ == "__main__":
    main()
