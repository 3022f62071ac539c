"""One's own account: profile, sessions, factors, keys; and how far somebody gets who lacks a factor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pyotp
import pytest

from recoup.core.system import System
from recoup.entry.api import described_api
from recoup.office.people import permissions, shown
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from support.authenticator import Authenticator
from support.browsing import browser, came_in, fields, served, session_of
from support.house import MovableClock
from support.people import ADA, BOB, CARL, REA, Mailbox, sign_in, work
from support.people import shown as caller_with

ACCOUNT, FACTORS, KEYS = "/desk/account", "/desk/account/factors", "/desk/account/keys"
CLAIMS = "/desk/my-claims"
NASTY = "{{7*7}} <script>alert(1)</script>"


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system) as found:
        yield found


@pytest.fixture
def bobs(address: str, system: System, mailbox: Mailbox, bob: Person) -> Iterator[httpx2.Client]:
    with came_in(address, session_of(system, mailbox, bob.address)) as client:
        yield client


# ---------------------------------------------------------------- who one is


def test_the_account_says_who_one_is_and_what_one_may(bobs: httpx2.Client) -> None:
    page = bobs.get(ACCOUNT).text
    assert BOB in page
    for words in shown.can_do(permissions.of(Role.ANALYST)):
        assert words.replace("'", "&#39;") in page
    assert shown.SAYS["jobs.run"] not in page
    assert "an unknown program" in page or "Firefox" in page
    assert "this one" in page
    assert "style=" not in page


def test_a_name_and_a_zone_are_kept_and_shown(bobs: httpx2.Client) -> None:
    answer = bobs.post(f"{ACCOUNT}/profile", data={"name": "Bob Ross", "zone": "Asia/Tokyo"})
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    page = bobs.get(ACCOUNT).text
    assert 'value="Bob Ross"' in page
    assert "<option selected>Asia/Tokyo</option>" in page
    assert "25 Jul 2025, 01:30" in page  # 16:30 UTC


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"name": "Bob", "zone": "Mars/Phobos"}, "is not a time zone"),
        ({"name": "Bob", "zone": "../../etc/passwd"}, "is not a time zone"),
        ({"name": NASTY, "zone": "UTC"}, "cannot be a name"),
        ({"name": "x" * 101, "zone": "UTC"}, "cannot be a name"),
    ],
)
def test_a_profile_that_does_not_fit_is_told_beside_the_field(
    bobs: httpx2.Client, typed: dict[str, str], told: str
) -> None:
    answer = bobs.post(f"{ACCOUNT}/profile", data=typed)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'aria-invalid="true"' in answer.text or "invalid-feedback" in answer.text
    assert "<script>alert" not in answer.text
    assert 'value="Bob"' not in bobs.get(ACCOUNT).text


# ---------------------------------------------------------------- sessions


def test_other_sessions_are_ended_one_or_all(
    bobs: httpx2.Client, system: System, mailbox: Mailbox, clock: MovableClock
) -> None:
    others = []
    for _ in range(3):
        clock.advance(minutes=16)
        bobs.get(ACCOUNT)
        others.append(sign_in(system, mailbox, BOB))
    page = bobs.get(ACCOUNT).text
    assert page.count('/end"') == 3
    assert "3 other sessions end at once" in page
    answer = bobs.post(f"{ACCOUNT}/sessions/{others[0].session}/end")
    assert answer.headers["location"] == ACCOUNT
    assert caller_with(system, others[0].token) is None
    assert caller_with(system, others[1].token) is not None
    answer = bobs.post(f"{ACCOUNT}/sessions/end-others")
    assert "2 other sessions were ended." in bobs.get(answer.headers["location"]).text
    assert [caller_with(system, one.token) for one in others] == [None, None, None]
    assert bobs.get(ACCOUNT).status_code == 200


def test_nobody_ends_or_revokes_what_is_somebody_elses(
    bobs: httpx2.Client, system: System, mailbox: Mailbox, ada: Person, known: Callable[[str, Role], Person]
) -> None:
    """Negative test 25, for sessions and keys."""
    assert ada
    known(CARL, Role.CUSTOMER)
    carls = sign_in(system, mailbox, CARL)
    assert bobs.post(f"{ACCOUNT}/sessions/{carls.session}/end").status_code == 404
    assert caller_with(system, carls.token) is not None
    assert bobs.post(f"{KEYS}/{carls.session}/revoke").status_code == 404


# ---------------------------------------------------------------- keys


def test_a_key_is_shown_once_and_works_until_it_is_revoked(bobs: httpx2.Client, address: str) -> None:
    assert "You have no keys" in bobs.get(KEYS).text
    answer = bobs.post(KEYS, data={"name": "nightly", "scope": "look", "lasts": "30 days"})
    assert answer.status_code == 200
    (secret,) = set(re.findall(r"rcp_[\w-]{43}", answer.text))
    listed = bobs.get(KEYS).text
    assert secret not in listed
    assert secret[:10] in listed
    bearer = {"Authorization": f"Bearer {secret}"}
    assert httpx2.get(f"{address}/auth/me", headers=bearer).json()["by"] == "key"
    key_id = re.search(rf"{KEYS}/([0-9a-f-]{{36}})/revoke", listed)
    assert key_id is not None
    answer = bobs.post(f"{KEYS}/{key_id[1]}/revoke")
    assert answer.headers["location"] == KEYS
    assert httpx2.get(f"{address}/auth/me", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"name": "", "scope": "look", "lasts": "30 days"}, 422),
        ({"name": NASTY, "scope": "look", "lasts": "30 days"}, 422),
        ({"name": "x" * 101, "scope": "look", "lasts": "30 days"}, 422),
        ({"name": "k", "scope": "everything", "lasts": "30 days"}, 422),
        ({"name": "k", "scope": "all", "lasts": "a century"}, 422),
    ],
)
def test_a_key_that_cannot_be_made_is_told(bobs: httpx2.Client, typed: dict[str, str], status: int) -> None:
    answer = bobs.post(KEYS, data=typed)
    assert answer.status_code == status
    assert "invalid-feedback" in answer.text
    assert "<script>alert" not in answer.text
    assert "You have no keys" in bobs.get(KEYS).text


# ---------------------------------------------------------------- second factors


def app_of(client: httpx2.Client, wanted: str = "") -> pyotp.TOTP:
    answer = client.post(f"{FACTORS}/app", data={"next": wanted})
    assert answer.headers["location"].startswith(f"{FACTORS}/app")
    page = client.get(answer.headers["location"])
    found = re.search(r'data-copy="([A-Z2-7]{32})"', page.text)
    assert found is not None
    picture = re.search(r'<div class="qr".*?</div>', page.text, re.DOTALL)
    assert picture is not None
    assert "<svg viewBox" in picture[0]
    assert "style" not in picture[0]
    # a reload shows the same again, until it counts
    assert found[1] in client.get(answer.headers["location"]).text
    return pyotp.TOTP(found[1])


def test_an_administrator_sets_up_an_app_and_is_asked_for_it_from_then_on(
    address: str, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    """Negative test 15."""
    assert ada
    first = sign_in(system, mailbox, ADA)
    with came_in(address, first) as client:
        assert client.get("/desk").headers["location"] == ACCOUNT
        assert client.get(ACCOUNT).headers["location"] == FACTORS
        assert client.get("/desk/people").status_code == 403
        assert client.post("/desk/people/invite", data={"address": "x@example.com"}).status_code == 403
        app = app_of(client, "/desk/people")
        wrong = client.post(f"{FACTORS}/app/confirm", data={"code": "123", "next": "/desk/people"})
        assert wrong.status_code == 401
        assert app.secret in wrong.text
        assert fields(wrong, f"{FACTORS}/app/confirm")["next"] == "/desk/people"
        answer = client.post(f"{FACTORS}/app/confirm", data={"code": app.at(clock()), "next": "/desk/people"})
        assert answer.headers["location"] == "/desk/people"
        with came_in(address, first) as before:
            assert before.get("/desk/people").status_code == 303
        assert client.get("/desk/people").status_code == 200
        assert client.get(f"{FACTORS}/app").headers["location"] == FACTORS  # never shown again
    work(system)
    assert "An authenticator app was added" in "".join(mailbox.texts(ADA))

    clock.advance(minutes=20)
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        assert client.get(FACTORS).headers["location"] == "/desk/sign-in/factor"
        assert client.get("/desk/people").status_code == 403
        page = client.get("/desk/sign-in/factor?next=/desk/access")
        assert ADA in page.text
        wrong = client.post("/desk/sign-in/factor", data={"code": "000000"})
        assert wrong.status_code == 401
        assert "The second factor does not fit." in wrong.text
        form = fields(page, "/desk/sign-in/factor")
        answer = client.post("/desk/sign-in/factor", data=form | {"code": app.at(clock())})
        assert answer.headers["location"] == "/desk/access"
        assert client.get("/desk/access").status_code == 200


def test_a_factor_is_guessed_five_times_and_then_waited_for(
    address: str, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        app = app_of(client)
        client.post(f"{FACTORS}/app/confirm", data={"code": app.at(clock())})
        work(system)
    clock.advance(minutes=16)
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        for _ in range(5):
            assert client.post("/desk/sign-in/factor", data={"code": "12"}).status_code == 401
        answer = client.post("/desk/sign-in/factor", data={"code": app.at(clock())})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "900"
        assert "The second factor was wrong too often." in answer.text
        clock.advance(minutes=15)
        answer = client.post("/desk/sign-in/factor", data={"code": app.at(clock())})
        assert answer.status_code == 303


def test_a_passkey_is_added_shown_and_removed(
    address: str, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    device = Authenticator("http://localhost:8000")
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        page = client.get(f"{FACTORS}/passkey")
        assert "they work at" in page.text  # this page was opened at another port
        form = fields(page, f"{FACTORS}/passkey")
        answer = client.post(
            f"{FACTORS}/passkey",
            data=form | {"name": "Phone", "answer": json.dumps(device.make(json.loads(form["options"])))},
        )
        assert answer.headers["location"] == FACTORS
        assert "Phone" in client.get(FACTORS).text
    work(system)
    clock.advance(minutes=20)
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        page = client.get("/desk/sign-in/factor")
        assert 'data-passkey="show"' in page.text
        form = fields(page, "/desk/sign-in/factor")
        signed = json.dumps(device.sign(json.loads(form["options"])))
        broken = client.post("/desk/sign-in/factor", data=form | {"answer": "no answer"})
        assert broken.status_code == 422
        answer = client.post("/desk/sign-in/factor", data=form | {"answer": signed})
        assert answer.headers["location"] == "/desk"
        assert client.get("/desk/people").status_code == 200
        again = client.post("/desk/sign-in/factor", data=form | {"answer": signed})
        assert again.status_code == 401  # a signature is taken once
        removal = re.search(rf"{FACTORS}/passkeys/([0-9a-f-]{{36}})/remove", client.get(FACTORS).text)
        assert removal is not None
        client.post(removal[0])
        # nothing is left that lets an administrator go on
        assert client.get("/desk/people").status_code == 403
        assert client.get(ACCOUNT).headers["location"] == FACTORS


def test_a_second_factor_is_set_up_soon_after_signing_in_only(
    address: str, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    with came_in(address, sign_in(system, mailbox, ADA)) as client:
        clock.advance(minutes=11)
        assert "within ten minutes of signing in" in client.get(FACTORS).text
        assert client.post(f"{FACTORS}/app").status_code == 403
        assert client.get(f"{FACTORS}/passkey").status_code == 403


# ---------------------------------------------------------------- how far one gets


def plain_pages() -> list[str]:
    """Return every page that takes nothing in its path."""
    found = []
    for route in _routes(described_api().routes):
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or set()
        if path.startswith("/desk") and "GET" in methods and "{" not in path:
            found.append(path)
    assert {"/desk", ACCOUNT, "/desk/people", "/desk/access", "/desk/runs"} <= set(found)
    return found


def _routes(routes: object) -> Iterator[object]:
    for route in routes:  # type: ignore[attr-defined]
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None and hasattr(inner, "routes"):
            yield from _routes(inner.routes)
        else:
            yield route


def reached(client: httpx2.Client) -> set[str]:
    return {path for path in plain_pages() if client.get(path).status_code == 200}


def test_who_lacks_a_factor_reaches_what_mends_that_and_nothing_else(
    address: str, system: System, mailbox: Mailbox, known: Callable[[str, Role], Person], clock: MovableClock
) -> None:
    known(REA, Role.REVIEWER)
    with came_in(address, sign_in(system, mailbox, REA)) as client:
        assert reached(client) == {FACTORS, f"{FACTORS}/passkey"}
        app = app_of(client)
        client.post(f"{FACTORS}/app/confirm", data={"code": app.at(clock())})
        work(system)
    clock.advance(minutes=16)
    with came_in(address, sign_in(system, mailbox, REA)) as client:
        assert reached(client) == {"/desk/sign-in/factor"}
        for path in (f"{ACCOUNT}/profile", KEYS, f"{ACCOUNT}/sessions/end-others", f"{FACTORS}/app/remove"):
            assert client.post(path, data={"name": "k"}).status_code == 403, path


def test_a_customer_reaches_their_own_things_and_nothing_else(
    address: str, system: System, mailbox: Mailbox, known: Callable[[str, Role], Person]
) -> None:
    known(CARL, Role.CUSTOMER)
    with came_in(address, sign_in(system, mailbox, CARL)) as client:
        assert client.get("/", follow_redirects=True).url.path == CLAIMS
        mine = {CLAIMS, f"{CLAIMS}/new", "/desk/my-policies"}
        assert reached(client) == {ACCOUNT, KEYS, FACTORS, f"{FACTORS}/passkey", f"{ACCOUNT}/notices"} | mine


def test_nobody_reaches_anything_but_the_door(address: str) -> None:
    with browser(address) as client:
        for path in plain_pages():
            answer = client.get(path)
            if path != "/desk/sign-in":
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/desk/sign-in"), path


def test_the_installations_own_key_has_no_account(system: System, address: str) -> None:
    key = (system.home / "secrets" / "api.key").read_text().strip()
    answer = httpx2.get(f"{address}{ACCOUNT}", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    assert "This key belongs to no person." in answer.text


# ---------------------------------------------------------------- words


def test_every_permission_is_told_in_words_and_the_docs_have_the_same_table() -> None:
    assert set(shown.SAYS) == set(permissions.MAY)
    assert set(shown.ROLES) == set(Role)
    page = (Path(__file__).parents[3] / "docs" / "people.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    told = {row[0]: tuple(cell.strip() == "yes" for cell in row[1:]) for row in rows[1:]}
    expected = {
        shown.SAYS[name]: tuple(role in permissions.MAY[name] for role in Role) for name in permissions.MAY
    }
    told.pop("---", None)
    assert told == expected


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Mobile Safari/604.1",
            "Safari on an iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.5.0", "curl 8.5.0"),
        ("python-httpx2", "python-httpx2"),
        ("<script>", "an unknown program"),
        ("", "an unknown program"),
    ],
)
def test_devices_are_told_in_words(agent: str, words: str) -> None:
    assert shown.device(agent) == words
