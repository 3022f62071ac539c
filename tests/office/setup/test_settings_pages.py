"""The settings page: what the process was started with, tests of what it talks to, a mail to see one arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from recoup.core.errors import Unavailable
from recoup.core.parts import Check, Probe
from recoup.core.system import System
from recoup.office.journal import queries as journal
from recoup.office.people.permissions import Role
from recoup.office.setup.rules import tests as rules
from recoup.office.setup.service import tests
from recoup.web.area import Area
from recoup.web.health import knocked
from support.desk import as_role, desk, links_of, main_of, text_of
from support.house import MovableClock, opened
from support.postgres import Database
from support.setup_files import EVIL

SETTINGS, TESTS, MAIL = "/desk/settings", "/desk/settings/tests", "/desk/settings/test-mail"
ENVIRON = {
    "SMTP_USER": "noreply@example.com",
    "SMTP_PASSWORD": "hunter2",
    "DATABASE_URL": "",
    "RECOUP_PROT": "1",
    "RECOUP_METERING_PLAN": EVIL,
}


class Doors:
    """Doors outside that do as they are told."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.knocks: list[str] = []

    def probes(self, _: System) -> list[Probe]:
        return [
            Probe(
                "good", "Knocks.", lambda: self._knock("good", Check("good", ok=True, detail="All is well."))
            ),
            Probe(
                "odd", f"{EVIL}", lambda: self._knock("odd", Check("odd", ok=True, detail=EVIL, fix="Look."))
            ),
            Probe("bad", "Fails.", self._fail),
            Probe("slow", "Waits.", self._wait, seconds=0.3),
            Probe(
                "endless",
                "Takes as long as it takes.",
                lambda: Check("endless", ok=True, detail=""),
                seconds=None,
            ),
        ]

    def _knock(self, name: str, check: Check) -> Check:
        self.knocks.append(name)
        return check

    def _fail(self) -> Check:
        raise Unavailable("Nobody is there.", fix="Ring again.")

    def _wait(self) -> Check:
        self.open.wait(20)
        return Check("slow", ok=True, detail="At last.")


@pytest.fixture
def doors() -> Iterator[Doors]:
    made = Doors()
    yield made
    made.open.set()


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock, doors: Doors) -> Iterator[System]:
    with opened(database, tmp_path, clock=clock, environ=ENVIRON) as composed:
        parts = replace(composed.parts, desk=(*composed.parts.desk, Area("doors", probes=(doors.probes,))))
        yield replace(composed, parts=parts)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        served.headers["Sec-Fetch-Site"] = "same-origin"
        yield served


def begin(system: System) -> None:
    """Note that a test began, as a process does that then goes away."""
    with system.sessions.begin() as db:
        tests.begin(db, ["good"], actor="key:api", now=system.clock())


def after(client: httpx2.Client, sentence: str) -> str:
    """Wait until the page says something; return what it says."""
    deadline = time.monotonic() + 20
    while sentence not in (said := text_of(main_of(client.get(SETTINGS)))):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return said


# ---------------------------------------------------------------- settings


def test_every_setting_stands_there_with_where_it_comes_from(client: httpx2.Client, system: System) -> None:
    page = client.get(SETTINGS)
    said = text_of(main_of(page))
    for row in system.settings.explain():
        assert f'id="{row.name}"' in page.text
    assert "noreply@example.com environment (SMTP_USER)" in said
    assert "The folder that holds everything this installation writes." in said
    assert "RECOUP_MAIL_SMTP_HOST" in said
    assert "/desk/controls/mail.host" in links_of(page)


def test_secrets_are_only_set_or_not(client: httpx2.Client) -> None:
    page = client.get(SETTINGS)
    assert "hunter2" not in page.text
    assert "set environment (SMTP_PASSWORD)" in text_of(page)


def test_names_that_mean_nothing_are_told_and_values_are_escaped(client: httpx2.Client) -> None:
    page = client.get(SETTINGS)
    assert "RECOUP_PROT, set in environment (RECOUP_PROT), is no setting" in text_of(page)
    assert "<script>alert" not in page.text
    assert EVIL in text_of(page)


def test_settings_are_found_and_narrowed(client: httpx2.Client) -> None:
    only = client.get(SETTINGS, params={"only": "set"}).text
    assert 'id="mail.smtp_user"' in only
    assert 'id="mail.smtp_host"' not in only
    found = client.get(SETTINGS, params={"q": "SMTP_PORT"}).text
    assert 'id="mail.smtp_port"' in found
    assert 'id="recoup.home"' not in found
    nothing = client.get(SETTINGS, params={"q": EVIL})
    assert "Nothing matches" in text_of(nothing)
    assert "<script>alert" not in nothing.text
    assert client.get(SETTINGS, params={"q": "x" * 201}).status_code == 422


def test_the_desk_finds_settings_by_name(client: httpx2.Client) -> None:
    assert "/desk/settings#mail.smtp_port" in links_of(client.get("/desk/search?q=smtp_port"))
    found = links_of(client.get("/desk/search?q=smtp_port", headers=as_role(Role.REVIEWER)))
    assert "/desk/settings#mail.smtp_port" not in found


# ---------------------------------------------------------------- tests


def test_one_test_runs_off_the_request_and_says_what_came_of_it(
    client: httpx2.Client, system: System, doors: Doors
) -> None:
    assert "Not tested yet." in text_of(client.get(SETTINGS))
    answer = client.post(TESTS, data={"name": "good"})
    assert (answer.status_code, answer.headers["location"]) == (303, SETTINGS)
    assert "works All is well." in after(client, "All is well.")
    assert doors.knocks == ["good"]
    with system.sessions.begin() as db:
        ended, begun = journal.timeline(db, kind="setup.test")
    assert (begun.kind, ended.kind) == (rules.STARTED, rules.ENDED)
    assert ended.actor == "session:administrator@example.com"
    assert ended.detail == {"status": "ok", "detail": "All is well.", "fix": ""}


def test_a_failure_comes_with_what_to_do(client: httpx2.Client) -> None:
    client.post(TESTS, data={"name": "bad"})
    assert "does not work Nobody is there. Ring again." in after(client, "Nobody is there.")


def test_all_are_tested_at_once_and_a_slow_one_is_given_up(client: httpx2.Client, doors: Doors) -> None:
    assert client.post(TESTS, data={}).status_code == 303
    said = after(client, "no answer within 0.3 seconds")
    assert "no firewall" in said
    assert {"good", "odd"} <= set(doors.knocks)
    page = client.get(SETTINGS)
    assert EVIL in text_of(page)
    assert "<script>alert" not in page.text
    assert "endless" not in text_of(page).lower()
    assert "Stored files" in said
    assert "takes bytes and gives them back" in said


def test_while_one_runs_the_page_looks_again_and_it_is_not_begun_twice(
    client: httpx2.Client, system: System
) -> None:
    begin(system)
    page = client.get(SETTINGS)
    assert "being tested" in text_of(page)
    assert 'hx-trigger="every 1s"' in page.text
    again = client.post(TESTS, data={"name": "good"})
    assert again.status_code == 409
    assert "good is being tested already." in text_of(again)


def test_a_test_whose_process_went_away_is_told_as_such(
    client: httpx2.Client, system: System, clock: MovableClock
) -> None:
    begin(system)
    clock.advance(seconds=26)
    page = client.get(SETTINGS)
    assert "The test did not come back." in text_of(page)
    assert 'hx-trigger="every 1s"' not in page.text
    assert client.post(TESTS, data={"name": "good"}).status_code == 303
    after(client, "All is well.")


@pytest.mark.parametrize("name", ["no such", "endless", EVIL])
def test_what_is_no_test_is_refused(client: httpx2.Client, name: str) -> None:
    page = client.post(TESTS, data={"name": name})
    assert page.status_code == 404
    assert "nothing of that name to test" in text_of(page)


def test_a_knock_that_breaks_is_a_finding() -> None:
    def broken() -> Check:
        raise RuntimeError("unforeseen")

    found = knocked(Probe("x", "", broken))
    assert (found.ok, found.detail, found.fix) == (False, "It could not be tested.", "The log says why.")


# ---------------------------------------------------------------- a test mail


def test_a_test_mail_leaves_through_the_outbox(client: httpx2.Client, system: System) -> None:
    assert 'value="administrator@example.com"' in client.get(SETTINGS).text
    answer = client.post(MAIL, data={"to": " ada@example.com "})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/desk/outbox/")
    page = client.get(answer.headers["location"])
    assert "A test mail to ada@example.com is on its way." in text_of(page)
    with system.sessions.begin() as db:
        planned = journal.timeline(db, kind="messages.planned")[0]
    assert (planned.detail["template"], planned.detail["to"]) == ("mail_test", "ada@example.com")


@pytest.mark.parametrize("to", ["", "nobody", "a@b.test\r\nBcc: z@z.test", EVIL])
def test_an_address_that_is_none_is_told_beside_the_field(client: httpx2.Client, to: str) -> None:
    page = client.post(MAIL, data={"to": to})
    assert page.status_code == 422
    assert "is not a mail address" in text_of(page)
    assert 'aria-describedby="to-error"' in page.text
    assert "<script>alert" not in page.text


# ---------------------------------------------------------------- who may


def test_only_administrators_see_settings_and_test(client: httpx2.Client, doors: Doors) -> None:
    for role in (Role.CUSTOMER, Role.ANALYST, Role.REVIEWER):
        assert client.get(SETTINGS, headers=as_role(role)).status_code == 403
        assert client.post(TESTS, data={"name": "good"}, headers=as_role(role)).status_code == 403
        assert client.post(MAIL, data={"to": "a@b.test"}, headers=as_role(role)).status_code == 403
    assert doors.knocks == []
    with httpx2.Client(base_url=client.base_url) as stranger:
        assert stranger.get(SETTINGS).headers["location"] == "/desk/sign-in?next=%2Fdesk%2Fsettings"
