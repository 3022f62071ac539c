"""YouTube's lists and claims against the stand-in, over real HTTP: what each thing that can happen is taken for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from threading import Barrier
from typing import Any

import pytest

from recoup.adapters.youtube import YouTubeReports
from recoup.adapters.youtube_wire import Limits
from recoup.core.errors import (
    Forbidden,
    Misconfigured,
    NeedsReauthorisation,
    NotFound,
    RecoupError,
    Unavailable,
)
from recoup.core.ports import ReportSource
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Asked, Fault, json_answer
from recoup.sandbox.http import StandIn
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_answers import no_permission, problem, quota, unauthorised
from recoup.sandbox.youtube_reports import CLAIMS, OWNER, SYSTEM_TYPES
from support.house import MovableClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 17)
SECRETS = ("stand-in-secret", "stand-in-refresh", "opaque-")
LATER = faults.too_many_requests


@pytest.fixture
def moment() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def youtube(moment: MovableClock) -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn(clock=moment, page_size=2) as stand_in:
        yield stand_in


class Keys:
    """Hands out credentials, and remembers how it was asked."""

    def __init__(self, cached: Mapping[str, Any], fresh: Mapping[str, Any] | None = None) -> None:
        self.cached, self.fresh = cached, cached if fresh is None else fresh
        self.asked: list[bool] = []

    def __call__(self, owner: str, fresh: bool) -> Mapping[str, Any]:
        assert owner
        self.asked.append(fresh)
        return self.fresh if fresh else self.cached


Build = Callable[..., YouTubeReports]


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def build(youtube: YouTubeStandIn, moment: MovableClock, slept: list[float]) -> Iterator[Build]:
    made: list[YouTubeReports] = []

    def make(keys: Any = None, **changes: Any) -> YouTubeReports:
        given: dict[str, Any] = {
            "now": moment,
            "reporting_url": youtube.url,
            "partner_url": youtube.partner_url,
            "limits": Limits(silence_seconds=0.5, attempts=4),
            "sleep": slept.append,
        }
        made.append(YouTubeReports(keys or Keys(youtube.credentials()), **given | changes))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def source(build: Build) -> YouTubeReports:
    return build()


class Scripted(StandIn):
    """Signs everyone in, and answers everything else with the same bytes, or what a function makes of it."""

    def __init__(self, answer: Answer | Callable[[Asked], Answer], signed_in: Answer | None = None) -> None:
        super().__init__()
        self.answer, self.asked = answer, list[Asked]()
        self.signed_in = signed_in or json_answer(200, {"access_token": "opaque-good", "expires_in": 600})

    def handle(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if asked.path == "/token":
            return self.signed_in
        return self.answer(asked) if callable(self.answer) else self.answer


def calls(youtube: YouTubeStandIn, path: str) -> int:
    return len([one for one in youtube.requests if one.path.startswith(path)])


def told(error: BaseException) -> str:
    """All that the texts of a failure and of what caused it say."""
    texts: list[str] = []
    found: BaseException | None = error
    while found is not None:
        texts += [str(found), repr(found), getattr(found, "fix", "") or ""]
        found = found.__cause__ or found.__context__
    return " ".join(texts)


@pytest.fixture
def no_secrets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    logged = caplog.text
    assert not [secret for secret in SECRETS if secret in logged]


def failing(act: Callable[[], Any], kind: type[RecoupError]) -> Any:
    """Return the failure, which must be exactly of a kind, a sentence, and tell nothing that is secret."""
    with pytest.raises(RecoupError) as caught:
        act()
    assert type(caught.value) is kind
    assert caught.value.detail.endswith(".")
    assert caught.value.fix
    assert not [secret for secret in SECRETS if secret in told(caught.value)]
    return caught.value


# ---------------------------------------------------------------- the way it should go


def test_jobs_are_listed_with_those_of_the_system(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    typed: ReportSource = source
    jobs = typed.jobs(OWNER)
    assert [job.report_type for job in jobs] == list(SYSTEM_TYPES)
    assert jobs[0].id == youtube.job(CLAIMS).id
    assert (jobs[0].created, jobs[0].expires) == (NOW - timedelta(days=400), None)
    assert calls(youtube, "/v1/jobs") == 2
    assert calls(youtube, "/token") == 1
    for one in youtube.requests:
        if one.path.startswith("/v1"):
            assert (one.query["onBehalfOfContentOwner"], one.query["includeSystemManaged"]) == (OWNER, "true")


def test_reports_come_oldest_made_first_from_all_pages(
    youtube: YouTubeStandIn, source: YouTubeReports, moment: MovableClock
) -> None:
    job = youtube.job()
    assert source.reports(OWNER, job.id, made_after=None) == []
    made = [
        youtube.publish(DAY - timedelta(days=n), b"x", created=NOW - timedelta(seconds=5 - n, microseconds=n))
        for n in range(5)
    ]
    found = source.reports(OWNER, job.id, made_after=None)
    assert [one.id for one in found] == [one.id for one in made]
    assert [(one.starts_at, one.ends_at, one.made_at) for one in found] == [
        (one.start, one.end, one.made.at) for one in made
    ]
    assert {one.job_id for one in found} == {job.id}
    assert found[0].address.startswith(f"{youtube.url}/v1/media/")
    later = source.reports(OWNER, job.id, made_after=made[3].made.at)
    assert [one.id for one in later] == [made[4].id]
    assert youtube.requests[-1].query["createdAfter"] == "2026-11-20T11:59:57.999997Z"
    moment.advance(hours=24 * 61)
    assert source.reports(OWNER, job.id, made_after=None) == []


def test_an_empty_list_is_no_failure(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    youtube.script(Fault(name="empty", handled=False, answer=json_answer(200, {})), path="/v1")
    assert source.jobs(OWNER) == []


def test_times_may_be_finer_than_ours(build: Build) -> None:
    row = {"id": "1", "reportTypeId": CLAIMS, "createTime": "2026-11-20T11:00:00.123456789Z"}
    row |= {"expireTime": "2027-01-01T00:00:00Z"}
    with Scripted(json_answer(200, {"jobs": [row], "nextPageToken": ""})) as google:
        source = build(Keys(credentials(google)), reporting_url=google.url)
        [job] = source.jobs(OWNER)
    assert job.created == datetime(2026, 11, 20, 11, 0, 0, 123456, UTC)
    assert job.expires == datetime(2027, 1, 1, tzinfo=UTC)


def credentials(google: StandIn) -> dict[str, Any]:
    return {
        "refresh_token": "stand-in-refresh",
        "client_id": "stand-in-client",
        "client_secret": "stand-in-secret",
        "token_uri": f"{google.url}/token",
        "scopes": ["https://www.googleapis.com/auth/yt-analytics.readonly"],
    }


def test_the_check_says_what_it_found(source: YouTubeReports) -> None:
    said = source.check(OWNER)
    assert said.startswith(
        f"YouTube lets us in for content owner {OWNER}; it makes content_owner_active_claims_a2, "
    )


# ---------------------------------------------------------------- tokens


def test_one_token_serves_until_shortly_before_it_ends(
    youtube: YouTubeStandIn, source: YouTubeReports, moment: MovableClock
) -> None:
    source.jobs(OWNER)
    moment.advance(seconds=3_599 - 225 - 5)
    source.jobs(OWNER)
    assert calls(youtube, "/token") == 1
    moment.advance(seconds=10)
    source.jobs(OWNER)
    assert calls(youtube, "/token") == 2
    assert 401 not in [one.status for one in youtube.requests]


def test_threads_share_one_refresh(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    youtube.script(faults.slow(0.2), path="/token")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: source.jobs(OWNER), range(8)))
    assert len({tuple(jobs) for jobs in found}) == 1
    assert calls(youtube, "/token") == 1
    youtube.revoke_tokens()
    together = Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return len(source.jobs(OWNER))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {len(SYSTEM_TYPES)}
    assert calls(youtube, "/token") == 2


def test_threads_share_one_refusal(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    youtube.granted = False
    youtube.script(faults.slow(0.2), path="/token")

    def ask(_: int) -> type[Exception] | None:
        try:
            source.jobs(OWNER)
        except NeedsReauthorisation as error:
            return type(error)
        return None

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {NeedsReauthorisation}
    assert calls(youtube, "/token") < 4


def test_a_token_that_is_kept_with_the_credentials_is_used(
    youtube: YouTubeStandIn, build: Build, moment: MovableClock
) -> None:
    first = build()
    first.jobs(OWNER)
    [token] = youtube._tokens._valid
    kept = {**youtube.credentials(), "token": token, "expiry": "2026-11-20T12:59:00.123456Z"}
    build(Keys(kept)).jobs(OWNER)
    assert calls(youtube, "/token") == 1
    for odd in ("soon", None, 7):
        build(Keys(kept | {"expiry": odd})).jobs(OWNER)
    assert calls(youtube, "/token") == 4
    youtube.revoke_tokens()
    build(Keys(kept)).jobs(OWNER)
    moment.advance(hours=1)
    build(Keys(kept)).jobs(OWNER)
    assert calls(youtube, "/token") == 6


def test_a_token_that_is_revoked_between_two_pages_is_replaced(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]
) -> None:
    youtube.script(unauthorised(), path="/v1/jobs", when=lambda asked: "pageToken" in asked.query)
    assert len(source.jobs(OWNER)) == len(SYSTEM_TYPES)
    assert (calls(youtube, "/token"), calls(youtube, "/v1/jobs"), slept) == (2, 3, [])


@pytest.mark.usefixtures("no_secrets")
def test_a_second_401_needs_a_person(youtube: YouTubeStandIn, build: Build) -> None:
    keys = Keys(youtube.credentials())
    source = build(keys)
    youtube.script(unauthorised(), path="/v1", times=None)
    error = failing(lambda: source.jobs(OWNER), NeedsReauthorisation)
    assert OWNER in error.detail
    assert "recoup rights authorise" in error.fix
    assert (calls(youtube, "/token"), calls(youtube, "/v1/jobs")) == (2, 2)
    assert keys.asked == [False, True]
    youtube.clear_script()
    assert len(source.jobs(OWNER)) == len(SYSTEM_TYPES)


def test_a_401_and_then_no_token_needs_a_person(youtube: YouTubeStandIn, build: Build) -> None:
    keys = Keys(youtube.credentials())
    source = build(keys)
    source.jobs(OWNER)
    youtube.revoke_tokens()
    youtube.granted = False
    assert "invalid_grant" in failing(lambda: source.jobs(OWNER), NeedsReauthorisation).detail
    assert (keys.asked, calls(youtube, "/token")) == ([False, True], 2)
    youtube.granted = True
    source.jobs(OWNER)
    youtube.revoke_tokens()
    keys.fresh = youtube.client_file()
    assert "Nobody has signed in" in failing(lambda: source.jobs(OWNER), NeedsReauthorisation).detail


def test_rotated_credentials_are_found_once(youtube: YouTubeStandIn, build: Build) -> None:
    old = youtube.credentials()
    youtube.refresh_token = "stand-in-refresh-2"
    keys = Keys(old, youtube.credentials())
    source = build(keys)
    assert source.jobs(OWNER)
    assert (keys.asked, calls(youtube, "/token")) == ([False, True], 2)
    keys = Keys({"installed": old | {"refresh_token": ""}}, youtube.credentials())
    assert build(keys).jobs(OWNER)
    assert keys.asked == [False, True]


@pytest.mark.usefixtures("no_secrets")
def test_a_grant_that_is_over_needs_a_person(youtube: YouTubeStandIn, build: Build) -> None:
    keys = Keys(youtube.credentials())
    youtube.granted = False
    error = failing(lambda: build(keys).jobs(OWNER), NeedsReauthorisation)
    assert error.detail == (
        f"Google no longer signs us in for content owner {OWNER}: invalid_grant: Token has been expired or revoked."
    )
    assert (keys.asked, calls(youtube, "/token")) == ([False, True], 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "another-secret-of-ours"}, "invalid_client"),
        ({"refresh_token": None}, "Nobody has signed in"),
        ({"client_id": 7, "client_secret": " "}, "lack client_id, client_secret"),
        ({"type": "service_account"}, "service account"),
        ({"universe_domain": "example.org"}, "universe"),
    ],
)
def test_credentials_that_cannot_work_need_a_person(
    youtube: YouTubeStandIn, build: Build, changes: dict[str, Any], words: str
) -> None:
    keys = Keys({**youtube.credentials(), **changes})
    error = failing(lambda: build(keys).jobs(OWNER), NeedsReauthorisation)
    assert words in error.detail
    assert OWNER in error.detail
    assert "another-secret" not in told(error)


@pytest.mark.parametrize("wrapper", ["installed", "web"])
def test_a_client_file_alone_is_nobodys(youtube: YouTubeStandIn, build: Build, wrapper: str) -> None:
    inner = youtube.client_file()["installed"]
    error = failing(lambda: build(Keys({wrapper: inner})).jobs(OWNER), NeedsReauthorisation)
    assert "Nobody has signed in" in error.detail
    assert error.fix == "Run `recoup rights authorise`."
    assert build(Keys({wrapper: inner, "refresh_token": youtube.refresh_token})).jobs(OWNER)


def test_credentials_of_no_kind_need_a_person(build: Build) -> None:
    failing(lambda: build(lambda *_: ["no"]).jobs(OWNER), NeedsReauthorisation)


@pytest.mark.parametrize(
    "uri",
    ["http://example.org/token", "https://u:p@example.org/token", "ftp://x/", "://", "https://x:port/", 7],
)
def test_our_secrets_travel_unread_only(youtube: YouTubeStandIn, build: Build, uri: Any) -> None:
    failing(lambda: build(Keys(youtube.credentials() | {"token_uri": uri})).jobs(OWNER), Misconfigured)
    assert youtube.requests == []


def test_a_busy_sign_in_is_asked_again(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]
) -> None:
    passing = json_answer(400, {"error": "temporarily_unavailable"})
    for fault in (faults.server_error(503), LATER("7"), Fault(name="passing", handled=False, answer=passing)):
        youtube.script(fault, path="/token")
    assert source.jobs(OWNER)
    assert slept[1] == 7
    assert len(slept) == 3


@pytest.mark.usefixtures("no_secrets")
@pytest.mark.parametrize(
    "fault",
    [faults.server_error(500), faults.html_page(200), faults.cut_body(), faults.dropped(), faults.silence()],
)
def test_a_sign_in_without_an_answer_is_unavailable(
    youtube: YouTubeStandIn, source: YouTubeReports, fault: Fault
) -> None:
    youtube.script(fault, path="/token", times=None)
    failing(lambda: source.jobs(OWNER), Unavailable)


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": 7}, {"access_token": "a b"}, {"access_token": "x", "expires_in": "soon"}]
)
def test_a_sign_in_without_a_token_is_unavailable(build: Build, answer: dict[str, Any]) -> None:
    with Scripted(json_answer(200, {}), json_answer(200, answer)) as google:
        failing(lambda: build(Keys(credentials(google)), reporting_url=google.url).jobs(OWNER), Unavailable)


@pytest.mark.parametrize("status", [404, 302])
def test_an_address_without_a_sign_in_is_misconfigured(build: Build, status: int) -> None:
    with Scripted(json_answer(200, {}), Answer(status, b"<h1>no</h1>", {"Location": "/token"})) as google:
        error = failing(
            lambda: build(Keys(credentials(google)), reporting_url=google.url).jobs(OWNER), Misconfigured
        )
        assert len(google.asked) == 1
    assert "token_uri" in error.fix


def test_what_google_says_is_masked(build: Build) -> None:
    said = {"error": "invalid_grant", "error_description": "stand-in-refresh \x00of stand-in-secret is over"}
    with Scripted(json_answer(200, {}), json_answer(400, said)) as google:
        error = failing(
            lambda: build(Keys(credentials(google)), reporting_url=google.url).jobs(OWNER),
            NeedsReauthorisation,
        )
    assert "[secret] \ufffdof [secret] is over" in error.detail


def test_a_token_that_is_renewed_early_serves_while_google_is_busy(
    youtube: YouTubeStandIn, source: YouTubeReports, moment: MovableClock, slept: list[float]
) -> None:
    source.jobs(OWNER)
    moment.advance(seconds=3_599 - 200)
    youtube.script(faults.server_error(503), path="/token", times=None)
    assert source.jobs(OWNER)
    assert source.jobs(OWNER)
    assert (calls(youtube, "/token"), slept) == (2, [])
    moment.advance(seconds=31)
    assert source.jobs(OWNER)
    assert calls(youtube, "/token") == 3
    moment.advance(seconds=170)
    failing(lambda: source.jobs(OWNER), Unavailable)


@pytest.mark.parametrize("seconds", [None, 10**9, "600", 10**12])
def test_lives_of_tokens_are_bounded(build: Build, moment: MovableClock, seconds: Any) -> None:
    with Scripted(
        json_answer(200, {}), json_answer(200, {"access_token": "x", "expires_in": seconds})
    ) as google:
        source = build(Keys(credentials(google)), reporting_url=google.url)
        if seconds == 10**12:
            failing(lambda: source.jobs(OWNER), Unavailable)
            return
        assert source.jobs(OWNER) == []
        moment.advance(hours=24)
        assert source.jobs(OWNER) == []
        assert [one.path for one in google.asked] == ["/token", "/v1/jobs"] * 2


def test_owners_have_tokens_of_their_own(moment: MovableClock, build: Build) -> None:
    other = "B" * 22
    with YouTubeStandIn(clock=moment, owners=(OWNER, other)) as youtube:
        source = build(Keys(youtube.credentials()), reporting_url=youtube.url)
        assert source.jobs(OWNER)[0].id != source.jobs(other)[0].id
        assert calls(youtube, "/token") == 2


# ---------------------------------------------------------------- refusals and busy answers


@pytest.mark.usefixtures("no_secrets")
@pytest.mark.parametrize(
    "fault",
    [
        quota(),
        LATER(),
        faults.server_error(500),
        faults.server_error(503),
        faults.dropped(),
        faults.cut_body(),
    ],
)
def test_busy_then_well(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float], fault: Fault
) -> None:
    youtube.script(fault, path="/v1", times=2)
    assert len(source.jobs(OWNER)) == len(SYSTEM_TYPES)
    assert calls(youtube, "/token") == 1
    first, second = slept
    assert 0.5 <= first <= 1
    assert 1 <= second <= 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (quota(), "quota"),
        (LATER(), "429"),
        (faults.server_error(502), "502"),
        (faults.dropped(reset=True), "did not answer"),
        (faults.silence(), "ReadTimeout"),
        (faults.cut_body(), "broke off"),
    ],
)
def test_busy_for_ever_ends(
    youtube: YouTubeStandIn, build: Build, slept: list[float], fault: Fault, words: str
) -> None:
    youtube.script(fault, path="/v1", times=None)
    source = build(limits=Limits(silence_seconds=0.2, attempts=3))
    error = failing(lambda: source.jobs(OWNER), Unavailable)
    assert words in error.detail
    assert error.retry_after is None
    assert calls(youtube, "/v1/jobs") == 3
    assert len(slept) == 2


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"])
def test_quota_has_several_names(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float], reason: str
) -> None:
    error = {
        "code": 403,
        "message": "no",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": reason}, "?"],
    }
    answer = json_answer(403, {"error": error})
    youtube.script(Fault(name="quota", handled=False, answer=answer), path="/v1")
    assert source.jobs(OWNER)
    assert len(slept) == 1


def test_retry_after_is_kept_to(youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]) -> None:
    youtube.script(LATER("9"), path="/v1")
    youtube.script(LATER(format_datetime(NOW + timedelta(seconds=40), usegmt=True)), path="/v1")
    youtube.script(LATER("at some time"), path="/v1")
    assert source.jobs(OWNER)
    assert slept[:2] == [9, 40]
    assert slept[2] <= 4


def test_a_long_wait_is_left_to_the_caller(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]
) -> None:
    youtube.script(LATER("900"), path="/v1")
    error = failing(lambda: source.jobs(OWNER), Unavailable)
    assert (error.retry_after, slept, calls(youtube, "/v1/jobs")) == (900, [], 1)


@pytest.mark.usefixtures("no_secrets")
def test_no_permission_needs_a_person(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    error = failing(lambda: source.jobs("B" * 22), NeedsReauthorisation)
    assert "BBBB" in error.detail
    assert "The caller does not have permission" in error.detail
    youtube.script(no_permission(), path="/v1")
    failing(lambda: source.reports(OWNER, youtube.job().id, made_after=None), NeedsReauthorisation)


def test_an_api_that_is_switched_off_is_misconfigured(
    youtube: YouTubeStandIn, source: YouTubeReports
) -> None:
    answer = problem(
        403, "PERMISSION_DENIED", "YouTube Reporting API has not been used.", "accessNotConfigured"
    )
    youtube.script(Fault(name="off", handled=False, answer=answer), path="/v1")
    assert "Enable it" in failing(lambda: source.jobs(OWNER), Misconfigured).fix


def test_what_is_not_there(source: YouTubeReports) -> None:
    error = failing_without_fix(lambda: source.reports(OWNER, "no/such job", made_after=None), NotFound)
    assert "no/such job" in error.detail


def failing_without_fix(act: Callable[[], Any], kind: type[RecoupError]) -> RecoupError:
    with pytest.raises(kind) as caught:
        act()
    assert not [secret for secret in SECRETS if secret in told(caught.value)]
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(400, "INVALID_ARGUMENT", "Bad opaque-good id.", "badRequest"), Misconfigured),
        (Answer(301, b"", {"Location": "http://127.0.0.1:9/elsewhere"}), Misconfigured),
        (Answer(302, b"", {"Location": "/v1/jobs"}), Unavailable),
        (Answer(204), Unavailable),
        (Answer(200, b"<html>Sign in to the network", {"Content-Type": "text/html"}), Unavailable),
        (Answer(403, b"<html>Blocked", {"Content-Type": "text/html; charset=utf-8"}), Unavailable),
        (Answer(403, b"no", {"Content-Type": "text/plain"}), NeedsReauthorisation),
        (json_answer(403, {"error": "no"}), NeedsReauthorisation),
        (Answer(200, b'{"jobs": [{"id": "1"', {"Content-Type": "application/json"}), Unavailable),
        (json_answer(200, []), Unavailable),
        (json_answer(200, {"jobs": {}}), Unavailable),
        (json_answer(200, {"jobs": [{"id": "1", "reportTypeId": "x"}]}), Unavailable),
        (json_answer(200, {"jobs": [{"id": "1", "reportTypeId": "x", "createTime": "now"}]}), Unavailable),
        (json_answer(200, {"jobs": {"a": 1}}), Unavailable),
        (json_answer(200, {"jobs": [1]}), Unavailable),
        (json_answer(200, {"jobs": [], "x": "y" * 2_000}), Unavailable),
    ],
)
def test_odd_answers(build: Build, answer: Answer, kind: type[RecoupError]) -> None:
    with Scripted(answer) as google:
        source = build(Keys(credentials(google)), reporting_url=google.url, limits=Limits(answer_bytes=1_000))
        failing(lambda: source.jobs(OWNER), kind)
        assert len(google.asked) == 2


def test_pages_that_never_end_are_bounded(build: Build) -> None:
    with Scripted(json_answer(200, {"nextPageToken": "again"})) as google:
        source = build(Keys(credentials(google)), reporting_url=google.url)
        assert "circle" in failing(lambda: source.jobs(OWNER), Unavailable).detail
        assert len(google.asked) == 3
        google.answer = lambda _: json_answer(200, {"nextPageToken": str(len(google.asked))})
        source = build(Keys(credentials(google)), reporting_url=google.url, limits=Limits(pages=7))
        assert "more than 7 pages" in failing(lambda: source.jobs(OWNER), Unavailable).detail
        assert len(google.asked) == 3 + 8


def test_an_answer_that_takes_too_long_is_given_up(build: Build) -> None:
    with Scripted(json_answer(200, {"jobs": []})) as google:
        signed_in = credentials(google) | {"token": "opaque-good", "expiry": "2026-11-20T14:00:00Z"}
        source = build(Keys(signed_in), reporting_url=google.url, limits=Limits(answer_within=timedelta(0)))
        assert "took longer than 0 seconds" in failing(lambda: source.jobs(OWNER), Unavailable).detail
        assert [one.path for one in google.asked] == ["/v1/jobs"]


@pytest.mark.parametrize("url", ["http://example.org", "nonsense", "https://a:b@example.org"])
def test_addresses_of_ours_that_cannot_work(build: Build, youtube: YouTubeStandIn, url: str) -> None:
    failing(lambda: build(reporting_url=url).jobs(OWNER), Misconfigured)
    failing(lambda: build(partner_url=url).claim(OWNER, "C1"), Misconfigured)
    assert youtube.requests == []


@pytest.mark.usefixtures("no_secrets")
def test_a_far_side_that_is_not_there(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    source.jobs(OWNER)
    youtube.stop()
    error = failing(lambda: source.jobs(OWNER), Unavailable)
    assert "ConnectError" in error.detail
    youtube.start()
    assert source.jobs(OWNER)


# ---------------------------------------------------------------- single claims


def test_a_claim_as_it_is_now(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    claim = {"id": "C1", "status": "disputed", "policy": {"rules": [{"action": "monetize"}]}}
    events = [{"time": "2026-11-18T00:00:00.5Z", "type": "dispute_create"}, {"time": "2026-11-17T00:00:00Z"}]
    youtube.set_claim(claim, events)
    youtube.set_claim({"id": "C2"})
    found = source.claim(OWNER, "C1")
    assert found.claim == {"kind": "youtubePartner#claim", **claim}
    assert list(found.events) == events[::-1]
    assert source.claim(OWNER, "C2").events == ()
    assert {one.query["onBehalfOfContentOwner"] for one in youtube.requests if "partner" in one.path} == {
        OWNER
    }
    error = failing_without_fix(lambda: source.claim(OWNER, "C3"), NotFound)
    assert "C3" in error.detail


def test_claims_are_for_partners(youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]) -> None:
    youtube.set_claim({"id": "C1"}, [{"time": "?"}])
    youtube.is_partner = False
    error = failing(lambda: source.claim(OWNER, "C1"), Forbidden)
    assert "Content ID" in error.detail
    assert "CMS partners" in error.fix
    youtube.is_partner = True
    narrow = problem(403, "PERMISSION_DENIED", "Insufficient scopes.", "insufficientPermissions")
    youtube.script(Fault(name="narrow", handled=False, answer=narrow), path="/youtube/partner")
    assert "every box" in failing(lambda: source.claim(OWNER, "C1"), Forbidden).fix
    youtube.script(quota(), path="/youtube/partner")
    assert source.claim(OWNER, "C1").claim["id"] == "C1"
    assert len(slept) == 1


def test_nothing_that_is_shown_holds_a_secret(source: YouTubeReports) -> None:
    source.jobs(OWNER)
    parts = [source, source._calls, source._calls._tokens, *source._calls._tokens._owners.values()]
    shown = " ".join(map(repr, parts)) + json.dumps([str(one) for one in parts])
    assert not [secret for secret in SECRETS if secret in shown]
