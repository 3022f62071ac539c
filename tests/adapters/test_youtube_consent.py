"""Signing in at Google through a browser, against the stand-in: the address, the way back, the exchange."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from recoup.adapters.youtube import YouTubeReports
from recoup.adapters.youtube_consent import SCOPES, Consent, begin
from recoup.adapters.youtube_listener import Listener
from recoup.adapters.youtube_wire import Limits
from recoup.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    NeedsReauthorisation,
    RecoupError,
    Unavailable,
)
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Fault, json_answer
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_answers import refused
from recoup.sandbox.youtube_reports import OWNER, SYSTEM_TYPES
from support.house import MovableClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BACK = "http://127.0.0.1:9/"


@pytest.fixture
def youtube() -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn(clock=MovableClock(NOW)) as stand_in:
        yield stand_in


@pytest.fixture
def consent(youtube: YouTubeStandIn) -> Consent:
    return begin(youtube.client_file(), redirect_uri=BACK)


def browsed(consent: Consent) -> str:
    """Return where a browser that opens the consent page is led to."""
    answer = httpx2.get(consent.address, trust_env=False)
    assert answer.status_code == 302
    return answer.headers["Location"]


def failing(consent: Consent, address: str, kind: type[RecoupError]) -> str:
    with pytest.raises(kind) as caught:
        consent.finish(address, now=lambda: NOW, limits=Limits(silence_seconds=0.3))
    assert type(caught.value) is kind
    assert caught.value.fix
    said = caught.value.sentence()
    assert not [
        word
        for word in ("stand-in-secret", "stand-in-refresh", "4/code", consent.verifier, consent.state)
        if word in said
    ]
    return said


# ---------------------------------------------------------------- the way it should go


def test_a_browser_comes_back_to_the_listener(youtube: YouTubeStandIn) -> None:
    with Listener() as listener:
        consent = begin(youtube.client_file(), redirect_uri=listener.redirect_uri)
        with httpx2.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(f"{listener.redirect_uri}favicon.ico").status_code == 404
            page = browser.get(consent.address)
            assert page.status_code == 200
            assert "You can close this window" in page.text
            assert page.headers["Cache-Control"] == "no-store"
            assert browser.get(f"{listener.redirect_uri}?code=another").status_code == 410
        kept = consent.finish(listener.wait(timedelta(seconds=5)), now=lambda: NOW)
    assert {name: value for name, value in kept.items() if name != "token"} == {
        **youtube.credentials(),
        "scopes": list(SCOPES),
        "expiry": "2026-11-20T12:59:59Z",
    }
    source = YouTubeReports(lambda *_: kept, now=youtube.clock, reporting_url=youtube.url)
    assert [job.report_type for job in source.jobs(OWNER)] == list(SYSTEM_TYPES)
    source.close()
    assert [one.path for one in youtube.requests].count("/token") == 1


def test_the_address_asks_for_what_we_need(consent: Consent, youtube: YouTubeStandIn) -> None:
    query = {name: value for name, [value] in parse_qs(urlsplit(consent.address).query).items()}
    challenge = query.pop("code_challenge")
    assert query == {
        "client_id": youtube.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "access_type": "offline",
        "prompt": "consent",
        "state": consent.state,
        "code_challenge_method": "S256",
    }
    assert len(challenge) == 43
    assert consent.verifier not in consent.address
    again = begin(youtube.client_file(), redirect_uri=BACK)
    assert (again.state, again.verifier) != (consent.state, consent.verifier)


@pytest.mark.parametrize("form", ["whole", "query", "bare", "spaced"])
def test_the_address_may_be_pasted(consent: Consent, youtube: YouTubeStandIn, form: str) -> None:
    address = browsed(consent)
    query = address.partition("?")[2]
    pasted = {"whole": address, "query": f"?{query}", "bare": query, "spaced": f"  {address}\n"}[form]
    assert consent.finish(pasted, now=lambda: NOW)["refresh_token"] == youtube.refresh_token


@pytest.mark.parametrize("wrapper", ["installed", "web", None])
def test_a_client_comes_in_three_forms(youtube: YouTubeStandIn, wrapper: str | None) -> None:
    inner: Any = youtube.client_file()["installed"]
    consent = begin({wrapper: inner} if wrapper else inner, redirect_uri=BACK)
    assert consent.finish(browsed(consent), now=lambda: NOW)["client_id"] == youtube.client_id


def test_without_addresses_a_client_is_googles() -> None:
    consent = begin({"client_id": "ours", "client_secret": "word"}, redirect_uri=BACK)
    assert consent.address.startswith("https://accounts.google.com/o/oauth2/auth?client_id=ours&")
    assert consent.token_uri == "https://oauth2.googleapis.com/token"
    assert "word" not in consent.address
    assert "word" not in repr(consent)
    assert consent.verifier not in repr(consent)


# ---------------------------------------------------------------- what a person or Google does not give


@pytest.mark.parametrize(
    "client",
    [
        {},
        {"installed": {"client_id": "x"}},
        {"type": "service_account", "private_key": "y"},
        {"client_id": "x", "client_secret": "y", "token_uri": "http://example.org/token"},
        {"client_id": "x", "client_secret": "y", "auth_uri": "nowhere"},
    ],
)
def test_what_is_no_client(client: Mapping[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        begin(client, redirect_uri=BACK)
    assert caught.value.fix


def test_a_person_may_say_no(consent: Consent, youtube: YouTubeStandIn) -> None:
    youtube.consents = False
    assert "answered with no" in failing(consent, browsed(consent), Forbidden)
    other = browsed(consent).replace("access_denied", "admin_policy_enforced%00")
    assert "admin_policy_enforced" in failing(consent, other, NeedsReauthorisation)


def test_an_answer_belongs_to_its_question(consent: Consent, youtube: YouTubeStandIn) -> None:
    other = begin(youtube.client_file(), redirect_uri=BACK)
    for address in (browsed(other), f"{BACK}?code=x", f"{BACK}?code=x&state=%C3%A4"):
        assert "does not belong to this sign-in" in failing(consent, address, Invalid)
    for address in ("", "no address", BACK, f"{BACK}?state={consent.state}", "http://["):
        assert "no answer of Google" in failing(consent, address, Invalid).replace(consent.state, "")
    assert [one for one in youtube.requests if one.path == "/token"] == []


def test_a_code_works_once(consent: Consent) -> None:
    address = browsed(consent)
    consent.finish(address, now=lambda: NOW)
    assert "works once" in failing(consent, address, NeedsReauthorisation)


def test_a_verifier_belongs_to_its_code(consent: Consent, youtube: YouTubeStandIn) -> None:
    other = begin(youtube.client_file(), redirect_uri=BACK)
    address = browsed(other).replace(other.state, consent.state)
    assert "Invalid code verifier" in failing(consent, address, NeedsReauthorisation)


def test_without_a_refresh_token_we_could_not_come_back(consent: Consent, youtube: YouTubeStandIn) -> None:
    youtube.gives_refresh_token = False
    said = failing(consent, browsed(consent), NeedsReauthorisation)
    assert "no refresh token" in said
    assert "myaccount.google.com/permissions" in said


def test_boxes_that_were_not_ticked(consent: Consent, youtube: YouTubeStandIn) -> None:
    youtube.ticked = SCOPES[2]
    assert "did not grant" in failing(consent, browsed(consent), NeedsReauthorisation)
    youtube.ticked = SCOPES[1]
    assert consent.finish(browsed(consent), now=lambda: NOW)["scopes"] == [SCOPES[1]]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (faults.server_error(503), Unavailable, "503"),
        (faults.silence(), Unavailable, "ReadTimeout"),
        (faults.cut_body(), Unavailable, "cannot be used"),
        (faults.html_page(), Unavailable, "cannot be used"),
        (faults.html_page(404), Misconfigured, "There is no sign-in"),
        (Fault(name="odd", handled=False, answer=json_answer(400, {"x": 1})), NeedsReauthorisation, "400"),
        (
            Fault(name="client", handled=False, answer=refused(401, "invalid_client", "No stand-in-secret.")),
            NeedsReauthorisation,
            "invalid_client: No [secret]",
        ),
        (
            Fault(name="moved", handled=False, answer=Answer(302, b"", {"Location": "/token"})),
            Misconfigured,
            "302",
        ),
    ],
)
def test_an_exchange_that_fails(
    consent: Consent, youtube: YouTubeStandIn, fault: Fault, kind: type[RecoupError], words: str
) -> None:
    address = browsed(consent)
    youtube.script(fault, path="/token")
    assert words in failing(consent, address, kind)


def test_a_token_without_a_life_is_left_out(consent: Consent, youtube: YouTubeStandIn) -> None:
    address = browsed(consent)
    answer = json_answer(200, {"refresh_token": "new", "access_token": "x", "expires_in": "soon"})
    youtube.script(Fault(name="odd", handled=False, answer=answer), path="/token")
    kept = consent.finish(address, now=lambda: NOW)
    assert (kept["refresh_token"], kept["scopes"]) == ("new", list(SCOPES))
    assert not kept.keys() & {"token", "expiry"}


# ---------------------------------------------------------------- the listener


def test_nobody_came() -> None:
    with Listener() as listener, pytest.raises(Unavailable, match="Nobody finished signing in"):
        listener.wait(timedelta(seconds=0.05))
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(listener.redirect_uri, trust_env=False)


def test_a_port_may_be_named_and_taken() -> None:
    with Listener() as first:
        port = urlsplit(first.redirect_uri).port
        assert port is not None
        with pytest.raises(Conflict, match=str(port)):
            Listener(port=port)


def test_idle_connections_and_other_questions_hold_nobody_up() -> None:
    with Listener() as listener:
        address = urlsplit(listener.redirect_uri)
        with socket.create_connection((str(address.hostname), address.port or 0)):
            assert httpx2.post(f"{listener.redirect_uri}?code=1", trust_env=False).status_code == 501
            assert httpx2.get(listener.redirect_uri, trust_env=False).status_code == 404
            assert httpx2.get(f"{listener.redirect_uri}?error=no", trust_env=False).status_code == 200
            assert listener.wait(timedelta(seconds=5)) == f"{listener.redirect_uri}?error=no"
