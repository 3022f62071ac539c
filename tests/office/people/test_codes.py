"""Signing in by mail code: once, in time, by who asked, and never by many guesses at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.db import connect, session_factory
from recoup.core.errors import Invalid, RecoupError, TooMany, Unauthorised
from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.people import entrance, jobs, queries
from recoup.office.people.controls import ADMINISTRATORS, ALLOWED_DOMAINS
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules import secrets
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes, people
from support.house import MovableClock
from support.people import ADA, BOB, Mailbox, ask, code_in, other_than, sign_in, verify, work
from support.postgres import Database

STRANGER = Client("203.0.113.66", "curl")


def allow(system: System, *domains: str, administrators: tuple[str, ...] = ()) -> None:
    with system.sessions.begin() as db:
        for control, value in ((ALLOWED_DOMAINS, domains), (ADMINISTRATORS, administrators)):
            controls.change(db, control, list(value), expected_version=0, actor="test", now=system.clock())


def person(system: System, address: str) -> Person | None:
    with system.sessions.begin() as db:
        return queries.by_address(db, address)


@contextmanager
def statements(system: System) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = system.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_a_mailed_code_opens_a_session(system: System, mailbox: Mailbox, bob: Person) -> None:
    opened = sign_in(system, mailbox, BOB)
    assert (opened.person, opened.address, opened.missing) == (bob.id, BOB, "")
    with system.sessions.begin() as db:
        found = queries.sessions_of(db, bob.id)
    assert [(one.id, one.factor, one.agent) for one in found] == [(opened.session, "none", "Firefox")]
    assert opened.token.encode() not in (found[0].token_hash or b"")


def test_an_unknown_address_is_answered_alike_and_gets_no_mail(
    system: System, mailbox: Mailbox, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative test 1: the same statements, the same hashes, no mail."""
    assert bob
    with statements(system) as of_known:
        known = ask(system, BOB)
    with statements(system) as of_stranger:
        stranger = ask(system, "nobody@elsewhere.test", client=STRANGER)
    assert of_known == of_stranger
    assert (known.expires_at, known.resend_at) == (stranger.expires_at, stranger.resend_at)
    work(system)
    assert [one["To"] for one in mailbox.mails] == [BOB]
    hashed: list[str] = []
    usual = secrets.code_hash

    def counted(code: str, **how: bytes) -> bytes:
        hashed.append(code)
        return usual(code, **how)

    monkeypatch.setattr(secrets, "code_hash", counted)
    said = []
    for asked in (known, stranger):
        with statements(system) as seen, pytest.raises(Unauthorised) as refused:
            verify(system, asked.attempt, other_than(code_in(mailbox, BOB)))
        said.append((refused.value.sentence(), seen))
    assert said[0] == said[1]
    assert len(hashed) == 2


def test_who_may_come_in_is_decided_by_the_lists(
    system: System, mailbox: Mailbox, clock: MovableClock
) -> None:
    """Negative test 2: only a domain as a whole, and never as an administrator."""
    allow(system, "YourCompany.com", "bücher.example", "no domain!", administrators=("Root@yourcompany.com",))
    assert sign_in(system, mailbox, "new@yourcompany.com").missing == ""
    assert sign_in(system, mailbox, "new@xn--bcher-kva.example").missing == ""
    assert sign_in(system, mailbox, "root@yourcompany.com").missing == "enrolment"
    assert person(system, "new@yourcompany.com").role == Role.ANALYST  # type: ignore[union-attr]
    assert person(system, "root@yourcompany.com").role == Role.ADMINISTRATOR  # type: ignore[union-attr]
    came = len(mailbox.mails)
    for address in (
        "a@yourcompany.com.evil.test",
        "a@sub.yourcompany.com",
        "a@yourcompany.co",
        "root@evil.test",
    ):
        clock.advance(minutes=61)
        ask(system, address)
        work(system)
        assert person(system, address) is None
    assert len(mailbox.mails) == came


def test_one_who_is_disabled_gets_no_code_and_a_code_of_before_opens_nothing(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    asked = ask(system, BOB)
    work(system)
    with system.sessions.begin() as db:
        people.disable(db, bob.id, actor="test", now=clock())
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, code_in(mailbox, BOB))
    clock.advance(minutes=2)
    ask(system, BOB)
    work(system)
    assert len(mailbox.mails) == 1


def test_the_sixth_guess_is_one_too_many(system: System, mailbox: Mailbox, bob: Person) -> None:
    """Negative test 4."""
    assert bob
    asked = ask(system, BOB)
    work(system)
    right = code_in(mailbox, BOB)
    for _ in range(5):
        with pytest.raises(Unauthorised):
            verify(system, asked.attempt, other_than(right))
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, right)


def test_of_many_guesses_at_once_five_are_compared(
    database: Database, system: System, mailbox: Mailbox, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative test 5: through two engines, as two servers have."""
    assert bob
    asked = ask(system, BOB)
    work(system)
    wrong, compared = other_than(code_in(mailbox, BOB)), []
    usual = secrets.same

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return usual(one, other)

    monkeypatch.setattr(secrets, "same", counted)
    engines = [connect(database.app_url, pool_size=8) for _ in range(2)]
    factories = [session_factory(engine) for engine in engines]
    keys, refused = Keys.of(system.settings), []

    def guess(number: int) -> None:
        try:
            entrance.verify_code(
                factories[number % 2],
                keys,
                attempt=asked.attempt,
                code=wrong,
                client=STRANGER,
                now=system.clock(),
            )
        except Unauthorised:
            refused.append(number)

    with ThreadPoolExecutor(16) as many:
        list(many.map(guess, range(10_000)))
    for engine in engines:
        engine.dispose()
    assert len(refused) == 10_000
    assert len(compared) == 5


def test_a_code_is_used_once_even_twice_at_the_same_moment(
    system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 6."""
    asked = ask(system, BOB)
    work(system)
    right, came, stayed = code_in(mailbox, BOB), [], []
    together = threading.Barrier(4)

    def show() -> None:
        together.wait()
        try:
            came.append(verify(system, asked.attempt, right))
        except RecoupError:
            stayed.append(1)

    threads = [threading.Thread(target=show) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(came), len(stayed)) == (1, 3)
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, right)
    with system.sessions.begin() as db:
        assert len(queries.sessions_of(db, bob.id)) == 1


def test_a_code_belongs_to_the_browser_that_asked(
    system: System, mailbox: Mailbox, bob: Person, ada: Person
) -> None:
    """Negative test 7: another challenge's code, and the right code from another browser."""
    assert bob
    assert ada
    of_bob, of_ada = ask(system, BOB), ask(system, ADA, client=STRANGER)
    work(system)
    for attempt, address in (
        (of_ada.attempt, BOB),
        ("", BOB),
        ("another browser's", BOB),
        (of_bob.attempt, ADA),
    ):
        with pytest.raises(Unauthorised):
            verify(system, attempt, code_in(mailbox, address))
    assert verify(system, of_bob.attempt, code_in(mailbox, BOB)).person == bob.id


@pytest.mark.parametrize("seen_by", ["a guess", "the clock"])
def test_a_clock_set_back_revives_nothing(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock, seen_by: str
) -> None:
    """Negative test 8."""
    assert bob
    asked = ask(system, BOB)
    work(system)
    right = code_in(mailbox, BOB)
    clock.advance(minutes=10, seconds=1)
    if seen_by == "a guess":
        with pytest.raises(Unauthorised):
            verify(system, asked.attempt, right)
    else:
        jobs.tick(system, clock())
    clock.advance(minutes=-5)
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, right)


def test_a_code_holds_until_its_last_second(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    asked = ask(system, BOB)
    work(system)
    clock.advance(minutes=9, seconds=59)
    right = code_in(mailbox, BOB)
    assert verify(system, asked.attempt, f" {right[:3]} {right[3:]}").person == bob.id


def test_the_fourth_code_of_a_quarter_waits_and_strangers_void_nothing(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    """Negative test 9: limits per address; whoever has a valid code still comes in."""
    mine = ask(system, BOB)
    work(system)
    right = code_in(mailbox, BOB)
    for _ in range(2):
        ask(system, BOB, client=STRANGER)
    with pytest.raises(TooMany) as refused:
        ask(system, BOB, client=STRANGER)
    assert (refused.value.status, refused.value.retry_after) == (429, 900)
    for guess in range(20):
        with pytest.raises(Unauthorised):
            verify(system, f"guessed {guess}", right, client=STRANGER)
    assert verify(system, mine.attempt, right).person == bob.id
    clock.advance(minutes=15)
    ask(system, BOB, client=STRANGER)
    ask(system, BOB, client=STRANGER)
    with pytest.raises(TooMany) as refused:
        ask(system, BOB, client=STRANGER)
    assert refused.value.retry_after == 45 * 60


def test_the_twenty_first_code_of_an_hour_from_one_network_waits(system: System, clock: MovableClock) -> None:
    """Negative test 9: limits per client."""
    for number in range(20):
        clock.advance(seconds=1)
        ask(system, f"someone{number}@example.com", client=Client(f"2001:db8::{number:x}", "curl"))
    with pytest.raises(TooMany) as refused:
        ask(system, "more@example.com", client=Client("2001:db8::ffff", "curl"))
    assert refused.value.retry_after == 3600 - 19
    ask(system, "more@example.com", client=Client("2001:db8:0:1::1", "curl"))


@pytest.mark.parametrize("per", ["address", "network"])
def test_two_servers_share_the_limits(database: Database, system: System, bob: Person, per: str) -> None:
    """Each lock alone holds: one address from many networks, one network for many addresses."""
    assert bob
    engine = connect(database.app_url)
    factories = (system.sessions, session_factory(engine))
    done: list[object] = []

    def one(number: int) -> None:
        address = BOB if per == "address" else f"someone{number}@example.com"
        client = Client(f"192.0.2.{number}") if per == "address" else STRANGER
        try:
            with factories[number % 2].begin() as db:
                done.append(
                    codes.request_code(db, address=address, attempt=None, client=client, now=system.clock())
                )
        except TooMany:
            pass

    with ThreadPoolExecutor(8) as many:
        list(many.map(one, range(40)))
    engine.dispose()
    assert len(done) == (3 if per == "address" else 20)


@pytest.mark.parametrize("guesses_left", [True, False])
def test_another_code_replaces_the_first_and_keeps_its_guesses(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock, *, guesses_left: bool
) -> None:
    asked = ask(system, BOB)
    work(system)
    first = code_in(mailbox, BOB)
    for _ in range(2):
        with pytest.raises(Unauthorised):
            verify(system, asked.attempt, other_than(first))
    with pytest.raises(TooMany) as refused:
        ask(system, BOB, attempt=asked.attempt)
    assert refused.value.retry_after == 60
    clock.advance(seconds=60)
    again = ask(system, BOB, attempt=asked.attempt)
    assert again.attempt == asked.attempt
    work(system)
    second = code_in(mailbox, BOB)
    if first != second:
        with pytest.raises(Unauthorised):
            verify(system, asked.attempt, first)
    else:  # pragma: no cover - one in a million
        return
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, other_than(second))
    if guesses_left:
        assert verify(system, asked.attempt, second).person == bob.id  # the fifth guess
        return
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, other_than(second))
    with pytest.raises(Unauthorised):
        verify(system, asked.attempt, second)  # the sixth


def test_wrong_codes_delay_the_next_and_a_right_one_forgives(
    system: System, mailbox: Mailbox, bob: Person
) -> None:
    assert bob
    asked = ask(system, BOB)
    work(system)
    right = code_in(mailbox, BOB)
    for _ in range(4):
        with pytest.raises(Unauthorised):
            verify(system, asked.attempt, other_than(right))
    with pytest.raises(TooMany) as refused:
        ask(system, BOB, client=STRANGER)
    assert refused.value.retry_after == 60
    verify(system, asked.attempt, right)
    ask(system, BOB, client=STRANGER)


def test_codes_grow_while_somebody_guesses(system: System, mailbox: Mailbox, bob: Person) -> None:
    assert bob
    with system.sessions.begin() as db:
        db.execute(
            text("insert into people_failures values (:a, 30, :at)"),
            {"a": BOB, "at": system.clock() - (system.clock() - system.clock().replace(year=2024))},
        )
    ask(system, BOB)
    work(system)
    assert len(code_in(mailbox, BOB)) == 10


def test_an_address_with_a_line_end_reaches_nobody(system: System, mailbox: Mailbox) -> None:
    """Negative test 3."""
    for address in ("a@x.test\r\nBcc: z@z.test", "a@x.test\n", "a\r\n@x.test"):
        with pytest.raises(Invalid):
            ask(system, address)
    work(system)
    assert mailbox.mails == []


def test_a_code_that_was_replaced_does_not_leave(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    mailbox.script = ["refuse for now"]
    asked = ask(system, BOB)
    work(system)
    clock.advance(minutes=6)
    ask(system, BOB, attempt=asked.attempt)
    work(system)
    assert len(mailbox.mails) == 2  # the refused hand-over, and the second code
    with system.sessions.begin() as db:
        states = db.execute(text("select state, sealed is null from deliveries order by id")).all()
    assert [tuple(one) for one in states] == [("cancelled", True), ("accepted", True)]


def test_first_sign_ins_at_once_make_one_person(
    system: System, mailbox: Mailbox, sessions: sessionmaker[Session]
) -> None:
    allow(system, "example.com")
    address = "new@example.com"
    attempts = []
    for number in range(3):
        attempts.append((ask(system, address, client=Client(f"192.0.2.{number}")).attempt, number))
        work(system)
    found = [code_in_nth(mailbox, address, number) for _, number in attempts]
    with ThreadPoolExecutor(3) as many:
        opened = list(
            many.map(lambda pair: verify(system, pair[0][0], pair[1]), zip(attempts, found, strict=True))
        )
    assert len({one.person for one in opened}) == 1
    with sessions.begin() as db:
        assert db.execute(text("select count(*) from people")).scalar_one() == 1


def code_in_nth(mailbox: Mailbox, address: str, number: int) -> str:
    return next(
        word for word in mailbox.texts(address)[number].split() if word.isdecimal() and len(word) == 6
    )


def test_nobody_reads_a_code_in_the_database(system: System, mailbox: Mailbox, bob: Person) -> None:
    """Negative test 10: no table holds the digits, whatever the state of the mail."""
    assert bob
    asked = ask(system, BOB)
    with system.sessions.begin() as db:
        (challenge_id,) = db.execute(text("select id from people_challenges")).scalars()
    jobs.send_code_task(system, challenge_id=str(challenge_id))
    before = everything(system)
    work(system)
    code = code_in(mailbox, BOB)
    verify(system, asked.attempt, code)
    for dump in (before, everything(system)):
        assert BOB in dump
        assert code not in dump
        assert asked.attempt not in dump
    for path in system.home.rglob("*.log*"):
        assert code not in path.read_text()


def everything(system: System) -> str:
    """Every row of every table as text, binary columns both as hexadecimal and as text."""
    with system.sessions.begin() as db:
        names = (
            db.execute(
                text(
                    "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
                )
            )
            .scalars()
            .all()
        )
        rows = [row for name in names for row in db.execute(text(f'select * from "{name}"')).all()]
    cells = [cell for row in rows for cell in row]
    plain = [
        bytes(cell).decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for cell in cells
    ]
    return "\n".join(plain)
