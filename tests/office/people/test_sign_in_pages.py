"""The way in through a browser: a code from a real mail server, cookies, limits, links, and out again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from recoup.core.system import System
from recoup.office.people.models import Person
from recoup.office.people.service import links
from support.browsing import browser, came_in, cookies_of, fields, served, session_of
from support.house import MovableClock, opened
from support.mail_server import MailServer
from support.people import ADA, BOB, Mailbox, code_in, other_than, work
from support.postgres import Database

STRANGER = "stranger@elsewhere.test"
ELSEWHERE = (
    "https://evil.test",
    "//evil.test",
    "/desk//evil.test",
    "/desk/\\evil.test",
    "\\\\evil.test",
    "javascript:alert(1)",
    "/desk\nSet-Cookie: a=b",
    "/hooks/x",
    "",
)
SECURE = {"RECOUP_WEB_ADDRESS": "https://recoup.example.com"}


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[httpx2.Client]:
    with browser(address) as found:
        yield found


def asked(client: httpx2.Client, who: str, **more: str) -> httpx2.Response:
    return client.post("/desk/sign-in", data={"email": who, **more})


def typed(client: httpx2.Client, code: str, **more: str) -> httpx2.Response:
    return client.post("/desk/sign-in/code", data={"code": code, **more})


def log_of(system: System) -> list[tuple[str, str, str]]:
    with system.sessions.begin() as db:
        rows = db.execute(text("select action, name, subject from access_log order by id"))
        return [tuple(row) for row in rows]  # type: ignore[misc]


# ---------------------------------------------------------------- the whole way


def test_somebody_signs_in_with_a_code_that_a_mail_server_took(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    with MailServer() as server:
        environ = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(server.port),
            "SMTP_SECURITY": "none",
            "SMTP_FROM": "Recoup <recoup@example.com>",
            "RECOUP_SECRET": "a" * 64,
        }
        with opened(database, tmp_path, clock=clock, environ=environ) as system:
            with system.sessions.begin() as db:
                db.execute(
                    text(
                        "insert into people values (gen_random_uuid(), :a, 'Bob', 'analyst', 'UTC', 'active', "
                        "'role', now(), 'test', null)"
                    ),
                    {"a": BOB},
                )
            with served(system) as address, browser(address) as client:
                wanted = client.get("/desk/runs?state=failed")
                assert wanted.headers["location"] == "/desk/sign-in?next=%2Fdesk%2Fruns%3Fstate%3Dfailed"
                page = client.get(wanted.headers["location"])
                assert page.status_code == 200
                assert 'autocomplete="email"' in page.text
                assert "var/mail" not in page.text
                form = fields(page, "/desk/sign-in")
                answer = client.post("/desk/sign-in", data=form | {"email": " Bob@Example.com "})
                assert answer.status_code == 303
                page = client.get(answer.headers["location"])
                assert BOB in page.text
                assert 'autocomplete="one-time-code"' in page.text
                assert 'inputmode="numeric"' in page.text
                assert 'data-wait="60"' in page.text
                work(system)
                (mail,) = server.delivered
                assert mail.recipients == (BOB,)
                found = re.search(rb"^ {4}(\d{6})\r?$", mail.content, re.MULTILINE)
                assert found is not None
                code = found[1].decode()
                form = fields(page, "/desk/sign-in/code")
                answer = client.post("/desk/sign-in/code", data=form | {"code": f" {code[:3]} {code[3:]}-"})
                assert (answer.status_code, answer.headers["location"]) == (303, "/desk/runs?state=failed")
                assert client.get("/desk/runs").status_code == 200
                assert ("signed in", BOB, "/desk/sign-in/code") in log_of(system)
                assert code not in (system.home / "log" / "access.log").read_text()


def test_the_page_and_the_answer_are_the_same_for_an_address_that_nobody_has(
    address: str, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 1, at this door."""
    pages = []
    for who in (bob.address, STRANGER):
        with browser(address) as client:
            answer = asked(client, who)
            (cookie,) = cookies_of(answer).values()
            page = client.get(answer.headers["location"])
            work(system)
            wrong = typed(client, "000000")
            again = asked(client, who, again="yes")
            pages.append(
                [
                    (one.status_code, one.headers.get("location"), one.text.replace(who, "WHO"))
                    for one in (answer, page, wrong, again)
                ]
                + [len(cookie.value)]
            )
    assert pages[0] == pages[1]
    assert [one["To"] for one in mailbox.mails] == [bob.address]


def test_a_wrong_code_is_told_beside_the_field_and_five_are_enough(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    asked(client, bob.address)
    work(system)
    code = code_in(mailbox, bob.address)
    for _ in range(5):
        answer = typed(client, other_than(code))
        assert answer.status_code == 401
        assert "This code does not fit, or no longer." in answer.text
        assert bob.address in answer.text
        assert "set-cookie" not in answer.headers
    assert typed(client, code).status_code == 401
    assert "signed in" not in {action for action, _, _ in log_of(system)}


def test_a_code_is_of_use_in_the_browser_that_asked_for_it_only(
    address: str, client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 7."""
    asked(client, bob.address)
    work(system)
    code = code_in(mailbox, bob.address)
    with browser(address) as other:
        answer = typed(other, code)
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/sign-in")
        assert "recoup" not in cookies_of(answer)
        assert other.get("/desk/sign-in/code").headers["location"] == "/desk/sign-in"
    assert typed(client, code).headers["location"] == "/desk"
    assert typed(client, code).headers["location"] == "/desk/sign-in"  # negative test 6: used up


def test_a_code_that_is_too_old_leads_back_to_the_start(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    asked(client, bob.address)
    work(system)
    clock.advance(minutes=10, seconds=1)
    answer = typed(client, code_in(mailbox, bob.address), next="/desk/runs")
    assert answer.headers["location"] == "/desk/sign-in?next=%2Fdesk%2Fruns"
    assert "recoup" not in cookies_of(answer)


@pytest.mark.parametrize(
    "text_typed", ["", "ada", "a@b@c.test", "a@x.test\r\nBcc: z@z.test", "<script>@x.test"]
)
def test_what_is_no_address_is_told_beside_the_field(client: httpx2.Client, text_typed: str) -> None:
    answer = asked(client, text_typed)
    assert answer.status_code == 422
    assert "is not a mail address." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<script>@" not in answer.text
    assert "set-cookie" not in answer.headers


# ---------------------------------------------------------------- cookies


def test_over_tls_the_cookies_are_bound_to_this_host(
    database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox
) -> None:
    """Negative tests 12 and 14, and what the browser forgets at the end."""
    with (
        opened(database, tmp_path, clock=clock, channels={"mail": mailbox}, environ=SECURE) as system,
        served(system) as address,
        browser(address, Host="recoup.example.com") as client,
    ):
        with system.sessions.begin() as db:
            db.execute(
                text(
                    "insert into people values (gen_random_uuid(), :a, '', 'analyst', 'UTC', 'active', "
                    "'role', now(), 'test', null)"
                ),
                {"a": BOB},
            )
        answer = asked(client, BOB)
        attempt = cookies_of(answer)["__Secure-recoup-attempt"]
        assert (attempt["path"], attempt["samesite"], attempt["domain"]) == ("/desk/sign-in", "strict", "")
        assert attempt["secure"]
        assert attempt["httponly"]
        assert attempt["max-age"] == "600"
        assert len(attempt.value) == 43  # 256 bits
        work(system)
        shown = {"Cookie": f"__Secure-recoup-attempt={attempt.value}"}
        data = {"code": code_in(mailbox, BOB)}
        answer = client.post("/desk/sign-in/code", data=data, headers=shown)
        session = cookies_of(answer)["__Host-recoup"]
        assert (session["path"], session["samesite"], session["domain"]) == ("/", "lax", "")
        assert session["secure"]
        assert session["httponly"]
        assert len(session.value) == 43
        assert cookies_of(answer)["__Secure-recoup-attempt"]["max-age"] == "0"

        held = {"Cookie": f"__Host-recoup={session.value}"}
        assert client.get("/desk/account", headers=held).status_code == 200
        # the name without its prefix opens nothing
        assert client.get("/desk/account", headers={"Cookie": f"recoup={session.value}"}).status_code == 303
        answer = client.post("/desk/sign-out", headers=held)
        assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
        gone = cookies_of(answer)["__Host-recoup"]
        assert (gone.value, gone["max-age"], gone["path"], bool(gone["secure"])) == ("", "0", "/", True)
        assert client.get("/desk/account", headers=held).status_code == 303


def test_the_session_is_a_new_one_and_the_one_before_is_over(
    address: str, system: System, mailbox: Mailbox, bob: Person, ada: Person
) -> None:
    """Negative test 11: a planted cookie is worth nothing, an old session does not live on beside the new one."""
    assert bob
    assert ada
    before = session_of(system, mailbox, ADA)
    for planted in ("planted", before.token):
        with browser(address, Cookie=f"recoup={planted}") as client:
            answer = asked(client, BOB)
            attempt = cookies_of(answer)["recoup_attempt"].value
            work(system)
            answer = client.post(
                "/desk/sign-in/code",
                data={"code": code_in(mailbox, BOB)},
                headers={"Cookie": f"recoup={planted}; recoup_attempt={attempt}"},
            )
            session = cookies_of(answer)["recoup"]
            assert session.value not in {planted, ""}
            assert not session["secure"]
            assert session["httponly"]
        system.clock.advance(seconds=61)  # type: ignore[attr-defined]
    with came_in(address, before) as client:
        assert client.get("/desk/account").status_code == 303


def test_signing_out_ends_the_session_in_the_database(
    address: str, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 13, at this door."""
    opened_session = session_of(system, mailbox, bob.address)
    with came_in(address, opened_session) as client:
        assert client.get("/desk/sign-in").headers["location"] == "/desk"
        answer = client.post("/desk/sign-out")
        assert answer.headers["location"] == "/desk/sign-in?out=yes"
        assert "clear-site-data" not in answer.headers
        assert client.get("/desk/account").headers["location"].startswith("/desk/sign-in")
        assert "You are signed out." in client.get("/desk/sign-in?out=yes").text
    assert ("signed out", bob.address, "/desk/sign-out") in log_of(system)


def test_a_session_ends_by_itself(
    address: str, system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    """Negative test 14: an hour without a click, and half a day in any case."""
    with came_in(address, session_of(system, mailbox, bob.address)) as client:
        clock.advance(minutes=59)
        assert client.get("/desk/account").status_code == 200
        clock.advance(minutes=61)
        assert client.get("/desk/account").headers["location"] == "/desk/sign-in?next=%2Fdesk%2Faccount"
    with came_in(address, session_of(system, mailbox, bob.address)) as client:
        for _ in range(12):
            assert client.get("/desk/account").status_code == 200
            clock.advance(minutes=59)
        clock.advance(minutes=13)
        assert client.get("/desk/account").status_code == 303


# ---------------------------------------------------------------- nobody is led elsewhere, nobody is made to do things


def test_a_sign_in_leads_nobody_elsewhere(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    for wanted in ELSEWHERE:
        page = client.get("/desk/sign-in", params={"next": wanted})
        assert fields(page, "/desk/sign-in")["next"] == "", wanted
    answer = asked(client, bob.address, next=ELSEWHERE[0])
    assert answer.headers["location"] == "/desk/sign-in/code"
    work(system)
    code = code_in(mailbox, bob.address)
    assert typed(client, code, next=ELSEWHERE[2]).headers["location"] == "/desk"
    for wanted in ELSEWHERE:
        answer = client.get("/desk/sign-in", params={"next": wanted})
        assert answer.headers["location"] == "/desk", wanted


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {},
)


@pytest.mark.parametrize(
    "path", ["/desk/sign-out", "/desk/account/profile", "/desk/sign-in/code", "/desk/account/keys"]
)
def test_another_site_can_have_nothing_done(
    address: str, system: System, mailbox: Mailbox, bob: Person, path: str
) -> None:
    """Negative test 59."""
    session = session_of(system, mailbox, bob.address)
    with httpx2.Client(base_url=address, headers={"Cookie": f"recoup={session.token}"}, timeout=30) as client:
        for headers in FOREIGN:
            answer = client.post(path, data={"name": "Mallory", "_method": "DELETE"}, headers=headers)
            assert answer.status_code == 403, headers
        assert client.get(path).status_code in {405, 303, 200}
        page = client.get("/desk/account")
        assert page.status_code == 200
        assert "Mallory" not in page.text
        assert "You have no keys" in client.get("/desk/account/keys").text


# ---------------------------------------------------------------- limits


def test_another_code_has_to_be_waited_for(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    asked(client, bob.address)
    work(system)
    clock.advance(seconds=20)
    answer = asked(client, bob.address, again="yes")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "40")
    assert "Another one can be sent in 40 s" in answer.text
    assert 'action="/desk/sign-in/code"' in answer.text
    clock.advance(seconds=40)
    answer = asked(client, bob.address, again="yes")
    assert answer.headers["location"] == "/desk/sign-in/code"
    assert "Another code is on its way." in client.get("/desk/sign-in/code").text
    work(system)
    assert typed(client, code_in(mailbox, bob.address)).headers["location"] == "/desk"


def test_limits_hold_across_servers(
    database: Database, tmp_path: Path, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 9 on two servers of one installation; who has a code already still comes in."""
    clock = MovableClock()
    with (
        opened(database, tmp_path, clock=clock, channels={"mail": mailbox}) as second,
        served(system) as one,
        served(second) as two,
        browser(one) as victim,
    ):
        asked(victim, bob.address)
        work(system)
        for address in (two, one):
            with browser(address) as stranger:
                assert asked(stranger, bob.address).status_code == 303
        with browser(two) as stranger:
            answer = asked(stranger, bob.address)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
            assert "Try again in 15 min." in answer.text
            assert stranger.get("/desk/sign-in/code").status_code == 303
        code = code_in(mailbox, bob.address)
        held = f"recoup_attempt={victim.cookies['recoup_attempt']}"
        with browser(one, Cookie=held) as here, browser(two, Cookie=held) as there:
            for client in (here, there, here, there):  # the fifth is left, wherever it is used
                assert typed(client, other_than(code)).status_code == 401
            assert typed(there, code).headers["location"] == "/desk"
        assert len(mailbox.mails) == 1


def test_guesses_are_counted_across_servers(
    database: Database, tmp_path: Path, system: System, mailbox: Mailbox, bob: Person
) -> None:
    with (
        opened(database, tmp_path, clock=MovableClock(), channels={"mail": mailbox}) as second,
        served(system) as one,
        served(second) as two,
        browser(one) as client,
    ):
        asked(client, bob.address)
        work(system)
        code = code_in(mailbox, bob.address)
        held = f"recoup_attempt={client.cookies['recoup_attempt']}"
        with browser(one, Cookie=held) as here, browser(two, Cookie=held) as there:
            for guesser in (here, there, here, there, here):
                assert typed(guesser, other_than(code)).status_code == 401
            assert typed(there, code).status_code == 401


# ---------------------------------------------------------------- links


def printed(system: System, person: Person, *, counts_as_factor: bool = False) -> str:
    with system.sessions.begin() as db:
        made = links.print_link(
            db, person, counts_as_factor=counts_as_factor, actor="test", now=system.clock()
        )
    return made.path


def test_a_link_is_used_up_by_a_click_and_by_nothing_else(address: str, system: System, bob: Person) -> None:
    path = printed(system, bob)
    with browser(address) as scanner:
        for _ in range(3):
            page = scanner.get(path)
            assert page.status_code == 200
            assert "set-cookie" not in page.headers
            assert page.headers["referrer-policy"] == "no-referrer"
        assert scanner.request("HEAD", path).status_code in {200, 405}
    with browser(address) as client:
        answer = client.post(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
        assert client.get("/desk/account").status_code == 200
    with browser(address) as second:
        answer = second.post(path)
        assert answer.status_code == 401
        assert "This link is over" in answer.text
        assert "recoup" not in cookies_of(answer)
    token = path.rpartition("/")[2]
    assert token not in (system.home / "log" / "access.log").read_text()


def test_a_link_that_nobody_made_and_one_that_is_too_old_say_the_same(
    client: httpx2.Client, system: System, bob: Person, clock: MovableClock
) -> None:
    path = printed(system, bob)
    clock.advance(hours=25)
    old, made_up = client.post(path), client.post("/desk/welcome/" + "x" * 43)
    assert (old.status_code, old.text) == (made_up.status_code, made_up.text)
    assert old.status_code == 401
    assert '"><script>' not in client.get('/desk/welcome/"><script>').text


def test_an_invited_administrator_sets_up_a_factor_first_and_a_link_of_the_console_is_one(
    address: str, system: System, ada: Person
) -> None:
    with browser(address) as client:
        assert client.post(printed(system, ada)).headers["location"] == "/desk/account/factors"
    with browser(address) as client:
        answer = client.post(printed(system, ada, counts_as_factor=True))
        assert answer.headers["location"] == "/desk"
        assert client.get("/desk/people").status_code == 200


# ---------------------------------------------------------------- where the mail lies


def test_without_a_mail_server_somebody_at_this_machine_is_told_where_the_mail_lies(
    client: httpx2.Client, system: System, database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    asked(client, BOB)
    for path in ("/desk/sign-in", "/desk/sign-in/code"):
        assert str(system.home / "mail") in client.get(path).text
    with (
        opened(database, tmp_path / "other", clock=clock, channels={}, environ=SECURE) as public,
        served(public) as address,
        browser(address, Host="recoup.example.com") as stranger,
    ):
        assert str(public.home) not in stranger.get("/desk/sign-in").text


def test_whoever_may_not_come_in_any_more_does_not(
    address: str, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 13: disabled while the code is on its way."""
    with browser(address) as client:
        asked(client, bob.address)
        work(system)
        with system.sessions.begin() as db:
            db.execute(text("update people set state = 'disabled' where id = :id"), {"id": bob.id})
        answer = typed(client, code_in(mailbox, bob.address))
        assert answer.headers.get("location", "/desk/sign-in").startswith("/desk/sign-in")
        assert "recoup" not in cookies_of(answer)
