"""The YouTube stand-in keeps the Reporting API's rules over real HTTP: owners, jobs, lists, reports, tokens, faults."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest

from recoup.core.clock import parse_instant
from recoup.sandbox import faults
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_answers import no_permission, quota, truncated, unauthorised
from recoup.sandbox.youtube_reports import CLAIMS, ORDINARY_TYPES, OWNER, SYSTEM_TYPES, Dress
from support.house import MovableClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 17)
BODY = b"claim_id,views\nC1,7\n"
BACK = "http://127.0.0.1:4321/back"


@pytest.fixture
def moment() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def youtube(moment: MovableClock) -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn(clock=moment, page_size=2) as stand_in:
        yield stand_in


class Account:
    """Signs in, and asks for one content owner."""

    def __init__(self, youtube: YouTubeStandIn) -> None:
        self.youtube = youtube
        self.http = httpx2.Client(base_url=youtube.url, timeout=5, trust_env=False)

    def refresh(self, **changes: str) -> httpx2.Response:
        known = self.youtube.credentials()
        form = {
            "grant_type": "refresh_token",
            **{name: str(known[name]) for name in ("client_id", "client_secret", "refresh_token")},
        }
        answer = self.http.post("/token", data=form | changes)
        if answer.status_code == 200:
            self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def ask(self, path: str, *, method: str = "GET", body: Any = None, **query: str) -> httpx2.Response:
        params = {"onBehalfOfContentOwner": OWNER} | query
        return self.http.request(method, path, params=params, json=body)

    def reports(self, **query: str) -> list[dict[str, Any]]:
        """Return all reports of the claims job, page by page."""
        path, token = f"/v1/jobs/{self.youtube.job().id}/reports", dict[str, str]()
        found: list[dict[str, Any]] = []
        while True:
            answer = self.ask(path, **query, **token).json()
            found += answer.get("reports", [])
            if "nextPageToken" not in answer:
                return found
            token = {"pageToken": answer["nextPageToken"]}


@pytest.fixture
def account(youtube: YouTubeStandIn) -> Iterator[Account]:
    made = Account(youtube)
    assert made.refresh().status_code == 200
    yield made
    made.http.close()


# ---------------------------------------------------------------- who asks


def test_a_token_is_given_for_a_refresh_token_and_ends(account: Account, moment: MovableClock) -> None:
    told = account.refresh().json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 3_599)
    assert "refresh_token" not in told
    assert account.ask("/v1/jobs").status_code == 200
    moment.advance(seconds=3_599)
    answer = account.ask("/v1/jobs")
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    account.refresh()
    assert account.ask("/v1/jobs").status_code == 200
    account.youtube.revoke_tokens()
    assert account.ask("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "another"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_what_gets_no_token(account: Account, changes: dict[str, str], status: int, error: str) -> None:
    answer = account.refresh(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_revoked_grant_gives_no_token_until_it_is_granted_again(account: Account) -> None:
    account.youtube.granted = False
    assert account.refresh().json()["error"] == "invalid_grant"
    account.youtube.granted = True
    assert account.refresh().status_code == 200


def test_every_call_names_a_content_owner_that_the_account_may_act_for(account: Account) -> None:
    for owner in ("", "B" * 22):
        for path in ("/v1/jobs", "/v1/reportTypes", f"/v1/jobs/{account.youtube.job().id}/reports"):
            answer = account.ask(path, onBehalfOfContentOwner=owner)
            assert answer.status_code == 403
            assert answer.json()["error"]["errors"][0]["reason"] == "forbidden"


def test_no_secret_is_remembered(account: Account) -> None:
    account.ask("/v1/jobs")
    remembered = repr(account.youtube.requests)
    assert account.youtube.refresh_token not in remembered
    assert "opaque" not in remembered


def consent_query(youtube: YouTubeStandIn, **changes: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
    return {
        "client_id": youtube.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "a b",
        "state": "s&t",
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | changes


def code_given(account: Account, **changes: str) -> str:
    answer = account.http.get("/auth", params=consent_query(account.youtube, **changes))
    place = httpx2.URL(answer.headers["Location"])
    assert (answer.status_code, str(place.copy_with(query=None)), place.params["state"]) == (302, BACK, "s&t")
    return place.params["code"]


def exchanged(account: Account, code: str, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": account.youtube.client_id,
        "client_secret": account.youtube.client_secret,
        "redirect_uri": BACK,
        "code_verifier": "verifier",
    }
    return account.http.post("/token", data=form | changes)


def test_a_consent_gives_a_code_that_is_exchanged_once(account: Account) -> None:
    code = code_given(account)
    told = exchanged(account, code).json()
    assert (told["refresh_token"], told["scope"]) == (account.youtube.refresh_token, "a b")
    account.http.headers["Authorization"] = f"Bearer {told['access_token']}"
    assert account.ask("/v1/jobs").status_code == 200
    assert exchanged(account, code).json()["error"] == "invalid_grant"
    assert "refresh_token" not in exchanged(account, code_given(account, prompt="none")).json()
    assert code not in repr(account.youtube.requests)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "another"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9/"}, "redirect_uri_mismatch"),
        ({"client_secret": "wrong"}, "invalid_client"),
    ],
)
def test_what_a_code_is_not_exchanged_for(account: Account, changes: dict[str, str], error: str) -> None:
    assert exchanged(account, code_given(account), **changes).json()["error"] == error


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://example.org/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_question_for_consent_that_google_refuses(account: Account, changes: dict[str, str]) -> None:
    answer = account.http.get("/auth", params=consent_query(account.youtube, **changes))
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html")


def test_a_person_may_say_no_or_leave_boxes_empty(account: Account) -> None:
    account.youtube.ticked = "b"
    assert exchanged(account, code_given(account)).json()["scope"] == "b"
    account.youtube.consents = False
    answer = account.http.get("/auth", params=consent_query(account.youtube))
    assert httpx2.URL(answer.headers["Location"]).params["error"] == "access_denied"


# ---------------------------------------------------------------- jobs


def test_jobs_of_the_system_are_listed_when_they_are_asked_for(account: Account) -> None:
    assert account.ask("/v1/jobs").json() == {}
    first = account.ask("/v1/jobs", includeSystemManaged="true").json()
    second = account.ask("/v1/jobs", includeSystemManaged="true", pageToken=first["nextPageToken"]).json()
    found = first["jobs"] + second["jobs"]
    assert [job["reportTypeId"] for job in found] == list(SYSTEM_TYPES)
    assert all(job["systemManaged"] for job in found)
    types = account.ask("/v1/reportTypes").json()["reportTypes"]
    assert [one["id"] for one in types] == list(ORDINARY_TYPES)


def test_a_page_token_belongs_to_its_request(account: Account) -> None:
    token = account.ask("/v1/jobs", includeSystemManaged="true").json()["nextPageToken"]
    for wrong in ({"pageToken": token}, {"pageToken": "nonsense"}, {"pageSize": "none"}, {"pageSize": "0"}):
        assert account.ask("/v1/jobs", **wrong).status_code == 400


def test_jobs_can_be_made_of_ordinary_types_only(account: Account) -> None:
    refused = account.ask("/v1/jobs", method="POST", body={"reportTypeId": CLAIMS, "name": "ours"})
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert account.ask("/v1/jobs", method="POST", body=["no"]).status_code == 400
    made = account.ask("/v1/jobs", method="POST", body={"reportTypeId": ORDINARY_TYPES[0], "name": "ours"})
    assert account.ask(f"/v1/jobs/{made.json()['id']}").json()["name"] == "ours"
    assert account.ask(f"/v1/jobs/{made.json()['id']}", method="DELETE").json() == {}
    assert account.ask(f"/v1/jobs/{made.json()['id']}").status_code == 404
    assert account.ask(f"/v1/jobs/{account.youtube.job().id}", method="DELETE").status_code == 400


# ---------------------------------------------------------------- reports


def test_without_reports_the_answer_is_empty(account: Account) -> None:
    assert account.ask(f"/v1/jobs/{account.youtube.job().id}/reports").json() == {}
    assert account.ask("/v1/jobs/nothing/reports").status_code == 404


def test_reports_are_listed_by_when_they_were_made(account: Account, moment: MovableClock) -> None:
    made = []
    for number in range(5):
        made.append(account.youtube.publish(DAY + timedelta(days=number), BODY))
        moment.advance(hours=24)
        account.refresh()
    backfill = account.youtube.publish(DAY, BODY)
    moment.advance(seconds=1)
    assert [one["id"] for one in account.reports()] == [one.id for one in (*made, backfill)]
    after = account.reports(createdAfter=made[3].made.at.isoformat())
    assert [one["id"] for one in after] == [made[4].id, backfill.id]
    of_the_day = account.reports(
        startTimeAtOrAfter=made[0].start.isoformat(), startTimeBefore=made[1].start.isoformat()
    )
    assert [one["id"] for one in of_the_day] == [made[0].id, backfill.id]
    assert account.ask(f"/v1/jobs/{made[0].job.id}/reports", createdAfter="today").status_code == 400


def test_a_day_begins_at_midnight_in_california(account: Account) -> None:
    winter, summer = (account.youtube.publish(day, BODY) for day in (DAY, date(2026, 7, 1)))
    assert (winter.start.hour, summer.start.hour) == (8, 7)
    [told] = account.reports(startTimeAtOrAfter=winter.start.isoformat())
    assert told["startTime"] == "2026-11-17T08:00:00.000000Z"
    assert parse_instant(told["endTime"]) == winter.end
    assert account.ask(f"/v1/jobs/{winter.job.id}/reports/{winter.id}").json() == told


def test_reports_go_after_sixty_days_and_historical_ones_after_thirty(
    account: Account, moment: MovableClock
) -> None:
    usual = account.youtube.publish(DAY, BODY)
    old = account.youtube.publish(DAY - timedelta(days=9), BODY, is_historical=True)
    address = account.reports()[0]["downloadUrl"]
    for days, left in ((30, [usual.id]), (30, [])):
        moment.advance(hours=24 * days)
        account.refresh()
        assert [one["id"] for one in account.reports()] == left
        assert account.ask(f"/v1/jobs/{old.job.id}/reports/{old.id}").status_code == 404
    assert account.http.get(address).status_code == 404


@pytest.mark.parametrize("dress", Dress)
def test_bytes_travel_in_any_dress(account: Account, dress: Dress) -> None:
    account.youtube.publish(DAY, BODY, dress=dress)
    [told] = account.reports()
    answer = account.http.get(told["downloadUrl"])
    assert answer.status_code == 200
    is_file = dress in {Dress.GZIP, Dress.BOTH}
    assert (gzip.decompress(answer.content) if is_file else answer.content) == BODY
    assert account.http.get(told["downloadUrl"].partition("?")[0]).status_code == 404
    del account.http.headers["Authorization"]
    assert account.http.get(told["downloadUrl"]).status_code == 401


# ---------------------------------------------------------------- single claims


def test_claims_are_told_with_their_history(account: Account) -> None:
    claims, history = "/youtube/partner/v1/claims", "/youtube/partner/v1/claimHistory"
    assert "items" not in account.ask(claims, id="C1").json()
    account.youtube.set_claim({"id": "C1", "status": "active"}, [{"type": "claim_create"}])
    account.youtube.set_claim({"id": "C2"})
    account.youtube.set_claim({"id": "C3"}, owner="B" * 22)
    found = account.ask(claims, id="C1,C2,C3").json()
    assert (found["kind"], [one["id"] for one in found["items"]]) == (
        "youtubePartner#claimList",
        ["C1", "C2"],
    )
    assert account.ask(f"{history}/C1").json()["event"] == [{"type": "claim_create"}]
    assert "event" not in account.ask(f"{history}/C2").json()
    assert account.ask(f"{history}/C3").status_code == 404
    assert account.ask("/youtube/partner/v1/assets").status_code == 404


def test_claims_are_told_to_partners_only(account: Account) -> None:
    account.youtube.set_claim({"id": "C1"})
    account.youtube.is_partner = False
    for path in ("claims", "claimHistory/C1"):
        answer = account.ask(f"/youtube/partner/v1/{path}", id="C1")
        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (403, "forbidden")
    account.youtube.is_partner = True
    assert account.ask("/youtube/partner/v1/claims", onBehalfOfContentOwner="").status_code == 403


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (unauthorised(), 401, "authError"),
        (quota(), 403, "quotaExceeded"),
        (no_permission(), 403, "forbidden"),
    ],
)
def test_one_request_goes_wrong_and_the_next_one_not(
    account: Account, fault: faults.Fault, status: int, reason: str
) -> None:
    account.youtube.script(fault)
    answer = account.ask("/v1/jobs")
    assert answer.status_code == status
    assert answer.json()["error"]["errors"][0]["reason"] == reason
    assert account.ask("/v1/jobs").status_code == 200
    assert account.youtube.requests[-2].fault == fault.name


def test_too_many_requests_say_when_to_come_back(account: Account) -> None:
    account.youtube.script(faults.too_many_requests("7"))
    answer = account.ask("/v1/jobs")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_a_truncated_body_looks_whole_from_outside(account: Account) -> None:
    account.youtube.publish(DAY, BODY * 100)
    account.youtube.script(truncated(), path="/v1/media")
    answer = account.http.get(account.reports()[0]["downloadUrl"])
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["Content-Length"])
    with pytest.raises(EOFError):
        gzip.decompress(answer.content)


def test_it_runs_as_a_process_of_its_own_with_days_of_reports() -> None:
    words = [sys.executable, "-m", "recoup.sandbox.youtube", "--claims", "50", "--days", "5"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            answer = httpx2.post(f"{address}/token", data={"grant_type": "refresh_token"}, trust_env=False)
            assert json.loads(answer.text)["error"] == "invalid_client"
        finally:
            process.terminate()
