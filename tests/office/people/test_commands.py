"""The commands of people, typed; what doctor says; and one code all the way over a real mail server."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup.core.system import System
from recoup.office.people import entrance, health, queries
from recoup.office.people.models import Person
from recoup.office.people.secrets import Keys
from recoup.office.people.service import links
from support.doors import typed
from support.house import MovableClock, opened
from support.mail_server import MailServer
from support.people import ADA, BOB, BROWSER, Mailbox, ask, caller_of, shown, sign_in, work
from support.postgres import Database


def test_somebody_is_added_with_a_link_that_works_once(system: System) -> None:
    said = typed(system, "people", "add", "Root@Example.com", "--role", "administrator", "--name", "Root")
    assert said.code == 0
    assert said.out.splitlines()[0] == "root@example.com may come in as administrator."
    link = said.out.splitlines()[1]
    assert link.startswith("http://localhost:8000/desk/welcome/")
    assert "once, until 2025-07-25 16:30 UTC" in said.err
    with system.sessions.begin() as db:
        opened = links.redeem_welcome(db, link.rpartition("/")[2], client=BROWSER, now=system.clock())
    assert caller_of(system, opened).may("people.change")
    assert typed(system, "people", "add", "root@example.com").code == 75
    assert typed(system, "people", "add", "nobody").code == 65
    again = typed(system, "people", "link", "root@example.com", "--json").document
    assert again["link"] != link
    assert again["link_expires_at"] == "2025-07-25T16:30:00Z"


def test_people_are_listed_changed_and_kept_out(
    system: System, ada: Person, bob: Person, mailbox: Mailbox
) -> None:
    assert ada
    session = sign_in(system, mailbox, BOB)
    listed = typed(system, "people", "list", "--json").document["items"]
    assert [one["address"] for one in listed] == [BOB, ADA]
    assert "LAST SEEN" in typed(system, "people", "list").out
    assert [
        one["factor"] for one in typed(system, "people", "sessions", BOB, "--json").document["items"]
    ] == ["none"]
    assert typed(system, "people", "keys", BOB).out == "They have no keys.\n"
    assert typed(system, "people", "end-sessions", BOB, "--json").document == {"address": BOB, "ended": 1}
    assert shown(system, session.token) is None
    assert typed(system, "people", "role", BOB, "reviewer").out == f"{BOB} is reviewer now.\n"
    assert typed(system, "people", "disable", BOB, "--json").document["state"] == "disabled"
    assert typed(system, "people", "enable", BOB).out == f"{BOB} may come in.\n"
    assert "no second factor any more" in typed(system, "people", "factors", "reset", BOB).out
    refused = typed(system, "people", "role", ADA, "analyst")
    assert (refused.code, "no administrator left" in refused.err) == (75, True)
    assert typed(system, "people", "disable", "nobody@x.test").code == 66
    assert typed(system, "people", "access").out == "Nothing was written down yet.\n"
    assert typed(system, "people", "access", "--of", BOB, "--json").document["items"] == []
    with system.sessions.begin() as db:
        assert queries.by_id(db, bob.id).role == "reviewer"  # type: ignore[union-attr]


def test_health_says_who_can_come_in(system: System) -> None:
    said = {check.name: check for check in health.standing(system)}
    assert "recoup people add" in str(said["administrators"].fix)
    assert "SMTP_HOST" in str(said["sign-in mails"].fix)
    assert "people.allowed_domains" in str(said["sign-in domains"].fix)
    assert all(check.ok for check in said.values())
    typed(system, "controls", "set", "people.allowed_domains", "example.com")
    typed(system, "controls", "set", "people.administrators", "root@example.com")
    said = {check.name: check for check in health.standing(system)}
    assert said["administrators"].fix is None
    assert "root@example.com may" in said["administrators"].detail
    assert said["sign-in domains"].fix is None
    typed(system, "people", "add", "root@example.com", "--role", "administrator")
    assert {check.name: check for check in health.standing(system)}[
        "administrators"
    ].detail == "1 can come in."


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def test_a_code_travels_over_a_real_mail_server(
    database: Database, tmp_path: Path, server: MailServer, clock: MovableClock
) -> None:
    environ = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_SECURITY": "none"}
    with opened(database, tmp_path, clock=clock, environ=environ) as system:
        typed(system, "people", "add", BOB)
        asked = ask(system, BOB)
        work(system)
        (mail,) = server.delivered
        assert mail.recipients == (BOB,)
        message = email.message_from_bytes(mail.content, policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        texts = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]  # type: ignore[union-attr]
        code = next(word for word in texts[0].split() if word.isdecimal() and len(word) == 6)
        assert code in texts[1]
        assert code not in str(message["Subject"])
        assert "192.0.2.7 with Firefox" in texts[0]
        came = entrance.verify_code(
            system.sessions,
            Keys.of(system.settings),
            attempt=asked.attempt,
            code=code,
            client=BROWSER,
            now=clock(),
        )
        assert caller_of(system, came).name == BOB
