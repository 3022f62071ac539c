"""People for administrators: the list, invitations, everything about one person, and what they did."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert, text

from recoup import app
from recoup.core.system import System, Visit
from recoup.office.outbox import service as outbox
from recoup.office.people import access, desk, lists
from recoup.office.people.models import Access, Person
from recoup.office.people.permissions import Role
from recoup.office.people.service import keys
from support.browsing import browser, came_in, fields, served, session_of
from support.house import MovableClock, opened
from support.people import ADA, BOB, CARL, REA, Mailbox, caller_of, shown, sign_in, work
from support.postgres import Database

NASTY = "<script>alert(1)</script>{{7*7}}"
INVITE = "/desk/people/invite"


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox) -> Iterator[System]:
    """A house whose mails leave; the mailbox stands at their far end."""
    environ = {"SMTP_HOST": "mail.example.com", "RECOUP_WEB_ADDRESS": ""}
    with opened(database, tmp_path, clock=clock, channels={"mail": mailbox}, environ=environ) as running:
        yield running


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system) as found:
        yield found


@pytest.fixture
def adas(address: str, system: System, mailbox: Mailbox, ada: Person) -> Iterator[httpx2.Client]:
    with came_in(address, session_of(system, mailbox, ada.address)) as client:
        yield client


def rows(page: str) -> list[str]:
    """Return the addresses of a list, in its order."""
    return re.findall(r'<a href="/desk/people/[0-9a-f-]{36}">\s*([^<\s]+@[^<\s]+)', page)


# ---------------------------------------------------------------- the list


def test_the_list_is_narrowed_sorted_and_paged(
    adas: httpx2.Client, system: System, known: Callable[[str, Role], Person]
) -> None:
    for number in range(30):
        known(f"p{number:02}@example.com", Role.CUSTOMER if number % 2 else Role.ANALYST)
    with system.sessions.begin() as db:
        db.execute(text("update people set state = 'disabled', name = 'Zoe 100%' where address like 'p07%'"))
    everyone = rows(adas.get("/desk/people?rows=50").text)
    assert everyone[0] == "p29@example.com"
    assert everyone[-1] == ADA
    first = adas.get("/desk/people?rows=25&order=address")
    assert rows(first.text)[:2] == [ADA, "p00@example.com"]
    more = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert more is not None
    second = adas.get(more[1].replace("&amp;", "&"))
    assert rows(first.text) + rows(second.text) == sorted(everyone)
    assert rows(adas.get("/desk/people?role=customer&rows=50").text) == [
        one for one in everyone if one[0] == "p" and int(one[1:3]) % 2
    ]
    for query in ("state=disabled", "text=zoe", "text=100%25", "text=P07@"):
        assert rows(adas.get(f"/desk/people?{query}").text) == ["p07@example.com"], query
    assert "Nothing matches" in adas.get("/desk/people?text=_").text


@pytest.mark.parametrize(
    "query",
    ["order=password", "role=king", "state=gone", "after=nonsense", "rows=1000", "sort=x", "text=%00"],
)
@pytest.mark.parametrize("path", ["/desk/people", "/desk/access"])
def test_a_query_that_does_not_fit_is_told(adas: httpx2.Client, path: str, query: str) -> None:
    answer = adas.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert "Start again" in answer.text


def test_names_are_shown_as_they_are(adas: httpx2.Client, system: System, bob: Person) -> None:
    """Negative test 50."""
    with system.sessions.begin() as db:
        db.execute(text("update people set name = :n where id = :id"), {"n": NASTY, "id": bob.id})
    for path in ("/desk/people", f"/desk/people/{bob.id}", "/desk/search?q=bob"):
        page = adas.get(path).text
        assert NASTY not in page, path
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page, path
    assert "/desk/people/" in adas.get("/desk/search?q=BOB@").text


# ---------------------------------------------------------------- inviting


def test_an_invitation_is_looked_at_before_it_is_sent(
    adas: httpx2.Client, address: str, system: System, mailbox: Mailbox
) -> None:
    work(system)
    before = len(mailbox.mails)
    typed = {"address": "New@Example.com", "name": "Nora", "role": "reviewer"}
    page = adas.post(INVITE, data=typed)
    assert page.status_code == 200
    assert "This mail will be sent" in page.text
    assert "Hello Nora," in page.text
    assert "••••••" in page.text
    assert "/desk/welcome/" not in page.text
    work(system)
    assert len(mailbox.mails) == before
    assert rows(adas.get("/desk/people").text) == [ADA]

    answer = adas.post(INVITE, data=fields(page, INVITE) | {"step": "send"})
    assert answer.status_code == 303
    shown_page = adas.get(answer.headers["location"])
    assert "new@example.com was added, and a mail is on its way." in shown_page.text
    assert "/desk/welcome/" not in shown_page.text
    work(system)
    (mail,) = mailbox.texts("new@example.com")
    link = re.search(r"http://localhost:8000(/desk/welcome/[\w-]{43})", mail)
    assert link is not None
    with browser(address) as client:
        assert client.post(link[1]).headers["location"] == "/desk/account/factors"


def test_without_a_mail_server_the_link_is_shown_once(
    database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox, ada: Person
) -> None:
    assert ada
    with (
        opened(database, tmp_path / "b", clock=clock, channels={"mail": mailbox}) as system,
        served(system) as address,
        came_in(address, session_of(system, mailbox, ADA)) as client,
    ):
        assert "No mail server is set up here" in client.get(INVITE).text
        page = client.post(INVITE, data={"address": "new@example.com", "role": "analyst", "step": "send"})
        links = set(re.findall(r"/desk/welcome/[\w-]{43}", page.text))
        assert len(links) == 1
        with browser(address) as newcomer:
            assert newcomer.post(links.pop()).headers["location"] == "/desk"
        work(system)
        assert mailbox.texts("new@example.com") == []


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ({"address": "", "role": "analyst"}, 422, "is not a mail address"),
        ({"address": "a@x.test\r\nBcc: z@z.test", "role": "analyst"}, 422, "is not a mail address"),
        ({"address": "x@example.com", "role": "king"}, 422, "Input should be"),
        ({"address": "x@example.com", "role": "analyst", "name": NASTY}, 422, "cannot be a name"),
        ({"address": BOB, "role": "analyst"}, 409, "is known already"),
    ],
)
def test_an_invitation_that_cannot_be_sent_is_told(
    adas: httpx2.Client, bob: Person, typed: dict[str, str], status: int, told: str
) -> None:
    assert bob
    for step in ({}, {"step": "send"}):
        answer = adas.post(INVITE, data=typed | step)
        assert answer.status_code == status
        assert told in answer.text
        assert NASTY not in answer.text
    assert len(rows(adas.get("/desk/people").text)) == 2


# ---------------------------------------------------------------- one person


def holding(system: System, mailbox: Mailbox) -> list[str]:
    """Sign Bob in twice and make him a key; return the two cookies."""
    tokens = []
    for _ in range(2):
        session = sign_in(system, mailbox, BOB)
        tokens.append(session.token)
    with system.sessions.begin() as db:
        keys.make_key(
            db,
            caller=caller_of(system, session),
            name="nightly",
            scope="look",
            expires_at=None,
            now=system.clock(),
        )
    return tokens


def test_a_person_is_kept_out_at_once_and_let_in_again(
    adas: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 13."""
    tokens = holding(system, mailbox)
    here = f"/desk/people/{bob.id}"
    page = adas.get(here).text
    assert "Keep bob@example.com out: 2 sessions and 1 key end at once." in page
    assert "nightly" in page
    answer = adas.post(f"{here}/disable")
    assert answer.headers["location"] == here
    page = adas.get(here).text
    assert "bob@example.com may not come in any more." in page
    assert "Signed in nowhere." in page
    assert [shown(system, one) for one in tokens] == [None, None]
    adas.post(f"{here}/enable")
    page = adas.get(here).text
    assert "was disabled" in page
    assert "was let in again" in page
    assert "session:ada@example.com" in page


def test_a_role_is_changed_and_sessions_keys_and_factors_are_taken(
    adas: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    here = f"/desk/people/{bob.id}"
    tokens = holding(system, mailbox)
    page = adas.get(here).text
    one = re.search(rf"{here}/sessions/([0-9a-f-]{{36}})/end", page)
    key = re.search(rf"{here}/keys/([0-9a-f-]{{36}})/revoke", page)
    assert one is not None
    assert key is not None
    assert adas.post(one[0]).status_code == 303
    assert sum(shown(system, token) is None for token in tokens) == 1
    assert adas.post(key[0]).status_code == 303
    assert "Signed in nowhere." not in adas.get(here).text
    answer = adas.post(f"{here}/sessions/end")
    assert "1 session was ended." in adas.get(answer.headers["location"]).text
    assert [shown(system, token) for token in tokens] == [None, None]

    assert adas.post(f"{here}/policy", data={"policy": "always"}).status_code == 303
    assert "Ask for one only where the role does" in adas.get(here).text
    system.clock.advance(minutes=16)  # type: ignore[attr-defined]
    assert sign_in(system, mailbox, BOB).missing == "enrolment"
    assert adas.post(f"{here}/policy", data={"policy": "sometimes"}).status_code == 422

    assert adas.post(f"{here}/role", data={"role": "king"}).status_code == 422
    assert adas.post(f"{here}/role", data={"role": "reviewer"}).status_code == 303
    page = adas.get(here).text
    assert "bob@example.com is reviewer now" in page
    assert "analyst to reviewer" in page
    assert adas.post(f"{here}/factors/reset").status_code == 303
    work(system)
    assert "taken away by an administrator" in " ".join(mailbox.texts(BOB))
    assert adas.post(f"{here}/link").status_code == 303
    work(system)
    assert "/desk/welcome/" in "".join(mailbox.texts(BOB))


def test_the_last_administrator_stays(adas: httpx2.Client, ada: Person, bob: Person) -> None:
    here = f"/desk/people/{ada.id}"
    for path, data in (("disable", {}), ("role", {"role": "analyst"})):
        answer = adas.post(f"{here}/{path}", data=data)
        assert answer.status_code == 409
        assert "There would be no administrator left." in answer.text
    assert adas.get(here).status_code == 200
    adas.post(f"/desk/people/{bob.id}/role", data={"role": "administrator"})
    assert adas.post(f"{here}/role", data={"role": "analyst"}).status_code == 303
    assert adas.get(here).headers["location"].startswith("/desk/sign-in")  # what one holds ends, too


def test_somebody_who_is_not_there(adas: httpx2.Client, bob: Person) -> None:
    nobody = "01980a54-0000-7000-8000-000000000001"
    assert adas.get(f"/desk/people/{nobody}").status_code == 404
    assert adas.get("/desk/people/nonsense").status_code == 422
    for path in ("disable", "enable", "sessions/end", "factors/reset", "link"):
        assert adas.post(f"/desk/people/{nobody}/{path}").status_code == 404, path
    assert adas.post(f"/desk/people/{bob.id}/sessions/{nobody}/end").status_code == 404
    assert adas.post(f"/desk/people/{bob.id}/keys/{nobody}/revoke").status_code == 404


def test_only_administrators_come_here(
    address: str, system: System, mailbox: Mailbox, bob: Person, known: Callable[[str, Role], Person]
) -> None:
    known(REA, Role.REVIEWER)
    known(CARL, Role.CUSTOMER)
    here = f"/desk/people/{bob.id}"
    changes = (INVITE, *(f"{here}/{one}" for one in ("role", "disable", "enable", "policy", "link")))
    for who in (BOB, REA, CARL):
        with came_in(address, session_of(system, mailbox, who)) as client:
            for path in ("/desk/people", "/desk/access", INVITE, here):
                assert client.get(path).status_code == 403, (who, path)
            for path in (*changes, f"{here}/sessions/end", f"{here}/factors/reset"):
                assert client.post(path, data={"role": "administrator"}).status_code == 403, (who, path)
            if client.get("/desk").status_code == 200:
                assert "/desk/people" not in client.get("/desk").text
            assert "/desk/people/" not in client.get("/desk/search?q=bob@").text
    with browser(address) as client:
        assert client.get(here).headers["location"].startswith("/desk/sign-in?next=")
        assert client.post(f"{here}/disable").headers["location"].startswith("/desk/sign-in")


# ---------------------------------------------------------------- the access log


def test_the_access_log_is_narrowed(adas: httpx2.Client, system: System, ada: Person, bob: Person) -> None:
    base = datetime(2025, 7, 20, 23, 30, tzinfo=UTC)
    with system.sessions.begin() as db:
        for number, (person, action) in enumerate(
            [(ada, "opened"), (bob, "downloaded"), (bob, "refused"), (None, "refused")]
        ):
            visit = Visit(
                base + timedelta(hours=number),
                action,  # type: ignore[arg-type]
                f"/desk/thing{number}",
                name=person.address if person else "",
                person=person.id if person else None,
                address=f"192.0.2.{number}",
                agent=NASTY,
                detail=NASTY,
            )
            db.execute(insert(Access), [access.row_of(visit)])

    def found(query: str) -> set[int]:
        answer = adas.get(f"/desk/access?{query}")
        assert answer.status_code == 200
        assert NASTY not in answer.text
        return set(map(int, re.findall(r"/desk/thing(\d)", answer.text)))

    assert found("") == {0, 1, 2, 3}
    assert found(f"person={BOB}") == {1, 2}
    assert found("action=refused") == {2, 3}
    assert found(f"person={BOB}&action=refused") == {2}
    assert found("address=192.0.2.1") == {1}
    assert found("to=2025-07-20") == {0}
    assert found("from=2025-07-21&to=2025-07-21") == {1, 2, 3}
    adas.post("/desk/account/profile", data={"name": "", "zone": "Asia/Tokyo"})
    assert found("to=2025-07-20") == set()  # the days of a filter are the reader's
    assert found("from=2025-07-21&to=2025-07-21") == {0, 1, 2, 3}
    for query in ("person=nobody", "action=eaten", "from=yesterday", "to=2025-13-01"):
        assert adas.get(f"/desk/access?{query}").status_code == 422, query
    page = adas.get(f"/desk/people/{bob.id}").text
    assert "/desk/thing2" in page
    assert "/desk/thing0" not in page


def test_what_somebody_does_in_the_portal_is_in_the_log(
    database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox, ada: Person
) -> None:
    with opened(database, tmp_path / "c", clock=clock, channels={"mail": mailbox}) as system:
        with served(system) as address, came_in(address, session_of(system, mailbox, ADA)) as client:
            client.get(f"/desk/people/{ada.id}?x=swordfish")
            client.post("/desk/account/profile", data={"name": "Ada", "zone": "UTC"})
        home = system.home
    with (
        opened(database, tmp_path / "c", clock=clock, channels={"mail": mailbox}) as system,
        system.sessions.begin() as db,
    ):
        lines = db.execute(text("select name, action, subject, detail from access_log order by id")).all()
    assert [tuple(line) for line in lines] == [
        (ADA, "opened", "/desk/people/{person_id}", f"person_id {ada.id}"),
        (ADA, "changed", "/desk/account/profile", ""),
    ]
    assert "swordfish" not in (home / "log" / "access.log").read_text()


# ---------------------------------------------------------------- what the desk is told


def test_what_waits_for_an_administrator(system: System, mailbox: Mailbox, ada: Person) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        (one,) = desk.waiting(db, now)
        assert one.href == "/desk/account/factors"
        db.execute(
            text(
                "insert into stopped_channels (channel, reason, since, until) "
                "values ('mail', 'wrong password', :now, :later)"
            ),
            {"now": now, "later": now + timedelta(hours=1)},
        )
        assert [one.tone for one in desk.waiting(db, now)] == ["bad", "warn"]
        outbox.resume(db, "mail", actor="test", now=now)
        db.execute(
            text("insert into people_totp values (:id, '\\x00', 0, :now, :now)"), {"id": ada.id, "now": now}
        )
        assert desk.waiting(db, now) == []
    assert mailbox.mails == []


def test_the_lists_can_be_exported_by_those_who_may_see_them() -> None:
    people = next(area for area in app.ALL if area.name == "people")
    assert {one.name: one.may for one in people.lists} == {
        "people": "people.look",
        "access-log": "access.look",
    }
    assert people.lists == (lists.PEOPLE, lists.ACCESS)
