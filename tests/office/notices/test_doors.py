"""Notices by every door: the card on the account page, the API, commands, the doctor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import httpx2
import pytest

from recoup import app
from recoup.core.errors import Misconfigured
from recoup.core.system import System
from recoup.office.notices import health
from recoup.web.auth import cookie_name
from support.claims import ADA, CARL, DORA, as_, claims_api
from support.doors import typed
from support.notices import CARLS, Notices
from support.people import other_than

ACCOUNT, NOTICES = "/desk/account", "/desk/account/notices"


@pytest.fixture
def client(notices: Notices) -> Iterator[httpx2.Client]:
    with claims_api(notices.system) as client:
        yield client


@pytest.fixture
def plain(system: System) -> Iterator[httpx2.Client]:
    """The doors of a house where nothing is set up."""
    with claims_api(system) as client:
        yield client


def post(client: httpx2.Client, path: str, by: str = CARL, **fields: str) -> httpx2.Response:
    return client.post(path, data=fields, headers=as_(by), follow_redirects=False)


# ---------------------------------------------------------------- the card


def test_a_number_is_verified_switched_off_and_removed_on_the_page(
    notices: Notices, client: httpx2.Client, carl: UUID
) -> None:
    page = client.get(ACCOUNT, headers=as_(CARL)).text
    assert "Send a code" in page
    assert "Send a test" not in page
    answer = post(client, f"{NOTICES}/number", number="+41 79 123 45 67")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ACCOUNT}#notices")
    notices.drain()
    assert "Code from the SMS to +41 79 123 45 67" in client.get(ACCOUNT, headers=as_(CARL)).text
    wrong = post(client, f"{NOTICES}/code", code=other_than(notices.code()))
    assert wrong.status_code == 422
    assert "This code does not fit, or no longer." in wrong.text
    assert "4 tries are left" in wrong.text  # the guess was counted
    assert post(client, f"{NOTICES}/code", code=notices.code()).status_code == 303
    page = client.get(ACCOUNT, headers=as_(CARL)).text
    assert "Send a test" in page
    assert "Switch off" in page
    assert post(client, f"{NOTICES}/sms", on="no").status_code == 303
    assert "Switch on" in client.get(NOTICES, headers=as_(CARL)).text
    assert notices.tell(carl) == []
    assert post(client, f"{NOTICES}/number/remove").status_code == 303
    assert notices.rows("select count(*) from notices_phones") == [(0,)]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("abc", "This is no telephone number"),
        ("+1 202 555 0123", "Numbers of this country get no SMS from here"),
    ],
)
def test_a_number_that_is_refused_says_why_beside_it(client: httpx2.Client, number: str, why: str) -> None:
    answer = post(client, f"{NOTICES}/number", number=number)
    assert answer.status_code == 422
    assert why in answer.text
    assert f'value="{number}"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_the_page_holds_what_the_script_needs_and_takes_what_it_sends(
    notices: Notices, client: httpx2.Client
) -> None:
    page = client.get(ACCOUNT, headers=as_(CARL)).text
    found = re.search(
        r'<div data-push data-key="([\w-]{87})"[^>]* data-subscribe="([^"]+)" data-unsubscribe="([^"]+)"',
        page,
    )
    assert found is not None
    for part in ("data-push-on", "data-push-off", "data-push-said"):
        assert part in page
    browser = notices.push.subscribe(found[1])
    sent = {
        "endpoint": browser.endpoint,
        "p256dh": browser.p256dh,
        "auth": browser.auth,
        "label": "Chrome on Android",
    }
    assert post(client, found[2], **sent).status_code == 303
    page = client.get(ACCOUNT, headers=as_(CARL)).text
    assert "Chrome on Android" in page
    assert browser.endpoint not in page
    assert browser.auth not in page
    assert post(client, f"{NOTICES}/test").status_code == 303
    notices.drain()
    assert [one["text"] for one in notices.push.notices(browser)] == [
        "This is a test. Notices reach you here."
    ]
    assert post(client, found[3], endpoint=browser.endpoint).status_code == 303
    assert notices.rows("select count(*) from notices_subscriptions") == [(0,)]


@pytest.mark.parametrize(
    "endpoint", ["https://example.com/x", "http://169.254.169.254/", "https://localhost/", ""]
)
def test_a_made_up_browser_is_refused_by_page_and_api(
    notices: Notices, client: httpx2.Client, endpoint: str
) -> None:
    browser = notices.push.subscribe()
    sent = {"endpoint": endpoint, "p256dh": browser.p256dh, "auth": browser.auth}
    refused = post(client, f"{ACCOUNT}/push", **sent)
    assert refused.status_code == 422
    assert "The address that this browser gave" in refused.text
    assert client.post("/notices/mine/devices", json=sent, headers=as_(CARL)).status_code == 422
    assert notices.rows("select count(*) from notices_subscriptions") == [(0,)]


def test_another_site_can_change_nothing(notices: Notices, client: httpx2.Client, carl: UUID) -> None:
    notices.verify(carl)
    cookie = {"Cookie": f"{cookie_name(notices.system)}={CARL}"}
    with httpx2.Client(base_url=client.base_url, headers=cookie) as browser:
        for path in (f"{NOTICES}/number", f"{ACCOUNT}/push", f"{NOTICES}/number/remove", f"{NOTICES}/sms"):
            answer = browser.post(path, data={"on": "no"}, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403, path
        assert notices.rows("select is_wanted from notices_phones") == [(True,)]
        answer = browser.post(f"{NOTICES}/sms", data={"on": "no"}, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 303
    assert notices.rows("select is_wanted from notices_phones") == [(False,)]


def test_without_settings_nothing_is_offered_and_an_administrator_reads_where_to_set_it_up(
    plain: httpx2.Client,
) -> None:
    page = plain.get(ACCOUNT, headers=as_(CARL)).text
    assert 'id="notices"' not in page
    assert "data-push" not in page
    told = plain.get(ACCOUNT, headers=as_(ADA)).text
    assert "SMS are not set up here." in told
    assert "Notices to browsers are not set up here." in told
    assert "[notices]" in told
    assert "data-push" not in told
    assert post(plain, f"{NOTICES}/number", number=CARLS).status_code == 422
    assert plain.get("/notices/mine", headers=as_(CARL)).json()["sms_offered"] is False


# ---------------------------------------------------------------- the API


def test_the_api_does_what_the_page_does(notices: Notices, client: httpx2.Client) -> None:
    asked = client.post("/notices/mine/number", json={"number": CARLS}, headers=as_(CARL))
    assert (asked.status_code, asked.json()) == (202, {"number": CARLS, "expires_in": 600})
    again = client.post("/notices/mine/number", json={"number": CARLS}, headers=as_(CARL))
    assert (again.status_code, again.headers["retry-after"]) == (429, "60")
    notices.drain()
    code = notices.code()
    wrong = client.post("/notices/mine/number/code", json={"code": other_than(code)}, headers=as_(CARL))
    assert wrong.status_code == 422
    assert client.get("/notices/mine", headers=as_(CARL)).json()["pending"]["tries_left"] == 4
    shown = client.post("/notices/mine/number/code", json={"code": code}, headers=as_(CARL)).json()
    assert (shown["number"], shown["is_on"]) == ("+41 79 123 45 67", True)
    assert client.put("/notices/mine", json={"sms": False}, headers=as_(CARL)).json()["is_on"] is False
    assert client.put("/notices/mine", json={"sms": True}, headers=as_(DORA)).status_code == 409
    browser = notices.push.subscribe(shown["public_key"])
    sent = {"endpoint": browser.endpoint, "p256dh": browser.p256dh, "auth": browser.auth}
    made = client.post("/notices/mine/devices", json=sent, headers=as_(CARL))
    assert made.status_code == 201
    assert set(made.json()) == {"id", "label", "host", "created_at", "last_used_at"}
    other = client.delete(f"/notices/mine/devices/{made.json()['id']}", headers=as_(DORA))
    assert other.status_code == 404
    assert client.post("/notices/mine/test", headers=as_(CARL)).json() == {"ways": 1}
    assert client.delete(f"/notices/mine/devices/{made.json()['id']}", headers=as_(CARL)).status_code == 204
    assert client.delete("/notices/mine/number", headers=as_(CARL)).status_code == 204
    assert client.post("/notices/mine/test", headers=as_(CARL)).status_code == 409


def test_a_stranger_and_the_key_of_the_house_have_no_notices(client: httpx2.Client) -> None:
    assert client.get("/notices/mine", headers={"Authorization": "Bearer nobody"}).status_code == 401
    assert client.get("/notices/mine").status_code == 403


# ---------------------------------------------------------------- commands, and the doctor


def test_commands_list_who_is_told_and_send_a_test(notices: Notices, carl: UUID, dora: UUID) -> None:
    assert "Nobody switched notices on yet." in typed(notices.system, "notices", "list").out
    assert typed(notices.system, "notices", "test", CARL).code != 0
    notices.verify(carl)
    notices.subscribe(dora)
    (first, second) = typed(notices.system, "notices", "list", "--json").document["items"]
    assert (first["address"], first["number"], first["is_on"], first["devices"]) == (CARL, "+41…567", True, 0)
    assert (second["address"], second["number"], second["is_on"], second["devices"]) == (DORA, "", False, 1)
    assert CARLS not in typed(notices.system, "notices", "list").out
    assert typed(notices.system, "notices", "test", CARL, "--json").document == {"ways": 1}


def test_the_doctor_says_of_each_way_whether_it_is_set_up(
    notices: Notices, carl: UUID, system: System
) -> None:
    notices.verify(carl)
    by_sms, by_push = health.standing(notices.system)
    assert (by_sms.ok, by_push.ok) == (True, True)
    assert "1 get them; numbers of +41, +49" in by_sms.detail
    bare = health.standing(system)
    assert [one.ok for one in bare] == [None, None]
    assert all("docs/notices.md" in (one.fix or "") for one in bare)


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("RECOUP_NOTICES_PREFIXES", "Switzerland", r"like \+41"),
        ("RECOUP_NOTICES_PUSH_CONTACT", "ops@example.com", "mailto:"),
    ],
)
def test_settings_that_are_none_are_told_at_the_start(
    tmp_path: object, setting: str, value: str, why: str
) -> None:
    with pytest.raises(Misconfigured, match=why):
        app.read_settings(environ={"RECOUP_HOME": str(tmp_path), setting: value})
