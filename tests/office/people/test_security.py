"""Row security: who may see what in the database itself, whatever the code above it asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from recoup.core.db import act_as
from recoup.core.errors import Misconfigured, Unauthorised
from recoup.core.ids import new_id
from recoup.core.sealing import Sealer
from recoup.core.system import System, Visit
from recoup.office.outbox import handover, service
from recoup.office.outbox.service import Plan
from recoup.office.people import access, queries
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, invitations, keys, links, people
from support.house import MovableClock
from support.people import ADA, BOB, BROWSER, Mailbox, ask, caller_of, sign_in, work
from support.postgres import Database

REA = "rea@example.com"


@pytest.fixture
def full(system: System, mailbox: Mailbox, ada: Person, bob: Person) -> None:
    """A row in every table that belongs to somebody, for two people."""
    for person in (ada, bob):
        opened = sign_in(system, mailbox, person.address)
        caller, now = caller_of(system, opened), system.clock()
        party_key = Keys.of(system.settings).sealer
        with system.sessions.begin() as db:
            factors.begin_totp(db, caller=caller, sealer=party_key, now=now)
            factors.count_try(db, person.id, now=now)
            keys.make_key(db, caller=caller, name="k", scope="look", expires_at=None, now=now)
            links.print_link(db, person, counts_as_factor=False, actor="test", now=now)
            values = {"p": person.id, "s": opened.session, "now": now, "c": person.id.bytes, "i": new_id()}
            db.execute(
                text("insert into people_refresh_tokens values (sha256(:c), :s, :p, :now, null)"), values
            )
            db.execute(
                text("insert into people_passkeys values (:i, :p, :c, :c, 0, 'phone', :now, null)"), values
            )
            db.execute(
                text("insert into people_passkey_challenges values (:i, :p, :s, 'show', :c, :now)"), values
            )
            db.execute(
                text("insert into notices_phones values (:p, '+41791234567', :now, true, null, null, 0)"),
                values,
            )
            db.execute(
                text(
                    "insert into notices_codes values (:i, :p, '+41791234567', :c, :c, 0, :now, "
                    "cast(:now as timestamptz) + interval '10 minutes', null, null, null)"
                ),
                values,
            )
            db.execute(
                text(
                    "insert into notices_subscriptions values (:i, :p, sha256(:c), 'h', 'phone', :c, :now, null)"
                ),
                values,
            )
        access.noted(system, Visit(now, "opened", "/x", person=person.id, name=person.address))


def owned(db: Session) -> list[str]:
    statement = text(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace "
        "and a.attname = 'person_id' and not a.attisdropped order by 1"
    )
    return list(db.execute(statement).scalars())


def peoples(db: Session) -> list[str]:
    """Return those that are filled here; tests/areas/claims/test_access.py does the same for an area's own."""
    return [table for table in owned(db) if not table.startswith("claims")]


def test_every_table_with_an_owner_is_closed(system: System) -> None:
    """Negative test 31, the catalogue: whoever adds a table with an owner closes it."""
    with system.sessions.begin() as db:
        tables = owned(db)
        assert {"people_sessions", "people_keys", "people_links", "access_log"} <= set(tables)
        for table in [*tables, "people", "people_challenges", "people_failures"]:
            enabled, forced, policies = db.execute(
                text(
                    "select relrowsecurity, relforcerowsecurity, "
                    "(select count(*) from pg_policy where polrelid = c.oid) from pg_class c where relname = :t"
                ),
                {"t": table},
            ).one()
            assert (enabled, forced, policies > 0) == (True, True, True), table


@pytest.mark.usefixtures("full")
def test_a_connection_that_does_not_say_who_it_is_sees_nothing(system: System, database: Database) -> None:
    """Negative test 31: raw SQL as the application's role, without the settings."""
    plain = make_url(database.app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with system.sessions.begin() as db:
        tables = [*peoples(db), "people", "people_challenges"]
        for table in tables:
            assert db.execute(text(f"select count(*) from {table}")).scalar_one() > 0, table
    with psycopg.connect(plain) as raw:
        for table in tables:
            assert raw.execute(f"select count(*) from {table}").fetchone() == (0,), table
        raw.execute("select set_config('recoup.role', 'nobody', true), set_config('recoup.person', '', true)")
        for table in tables:
            assert raw.execute(f"select count(*) from {table}").fetchone() == (0,), table


@pytest.mark.usefixtures("full")
def test_each_sees_their_own(system: System, bob: Person, known: Callable[[str, Role], Person]) -> None:
    rea = known(REA, Role.REVIEWER)
    hidden = {"people_links"}
    with system.sessions.begin() as db:
        tables = peoples(db)
    for role, person in (("analyst", bob), ("reviewer", bob)):
        with system.sessions.begin() as db:
            act_as(db, role=role, person=person.id)
            for table in tables:
                owners = set(db.execute(text(f"select person_id from {table}")).scalars())
                assert owners == (set() if table in hidden else {person.id}), (role, table)
            assert db.execute(text("select count(*) from people_challenges")).scalar_one() == 0
            seen = {one.address for one in queries.listed(db)}
            assert seen == ({BOB} if role == "analyst" else {ADA, BOB, REA})
    with system.sessions.begin() as db:
        act_as(db, role="administrator", person=rea.id)
        for table in set(tables) - hidden:
            assert len(set(db.execute(text(f"select person_id from {table}")).scalars())) == 2, table


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    "statement",
    [
        "update people set role = 'administrator' where id = :me",
        "update people set state = 'disabled' where id = :me",
        "update people set address = 'root@example.com' where id = :me",
        "update people set factor_policy = 'role', created_by = 'x' where id = :me",
        "insert into people_keys values (:id, :ada, 'k', sha256('x'), 'rcp_', 'all', true, now(), null, null, null, null)",
        "update people_sessions set person_id = :ada where person_id = :me",
        "insert into people_links values (:id, :me, sha256('x'), true, now(), 'me', now() + interval '1 day', null, null)",
        "insert into access_log values (:id, now(), :ada, '', '', '', '', '', 'opened', '', null, '')",
    ],
)
def test_nobody_makes_themselves_another(system: System, ada: Person, bob: Person, statement: str) -> None:
    with system.sessions() as db:
        act_as(db, role="analyst", person=bob.id)
        with pytest.raises(DBAPIError, match=r"row-level security|only administrators"):
            db.execute(text(statement), {"me": bob.id, "ada": ada.id, "id": new_id()})


@pytest.mark.usefixtures("full")
def test_nobody_changes_what_is_anothers(system: System, ada: Person, bob: Person) -> None:
    with system.sessions.begin() as db:
        act_as(db, role="analyst", person=bob.id)
        for table in ("people_sessions", "people_keys", "people_totp", "people_passkeys"):
            gone = db.execute(text(f"delete from {table} where person_id = :ada"), {"ada": ada.id})
            assert gone.rowcount == 0  # type: ignore[attr-defined]
        people.change_profile(db, bob.id, name="Bob", zone="Europe/Berlin", actor="test", now=system.clock())
    with system.sessions.begin() as db:
        assert queries.by_address(db, BOB).zone == "Europe/Berlin"  # type: ignore[union-attr]


def test_an_administrators_transaction_ends_links_too(system: System, ada: Person, bob: Person) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        token = links.print_link(db, bob, counts_as_factor=True, actor="test", now=now).path.rpartition("/")[
            2
        ]
    with system.sessions.begin() as db:
        act_as(db, role="administrator", person=ada.id)
        people.change_role(db, bob.id, Role.ADMINISTRATOR, actor="test", now=now)
        role = db.execute(text("select current_setting('recoup.role')")).scalar_one()
        assert role == "administrator"
    with pytest.raises(Unauthorised), system.sessions.begin() as db:
        links.redeem_welcome(db, token, client=BROWSER, now=now)


# ---------------------------------------------------------------- sealed payloads


def planned(system: System, key: str, sealer: Sealer, *, kind: str = "message") -> None:
    sealed = sealer.seal(b"the canary sings", about=f"deliveries/sealed/{key}")
    with system.sessions.begin() as db:
        service.plan(
            db,
            Plan(
                key=key,
                kind=kind,
                channel="mail",
                subject=key,
                payload=b"the \xe2\x80\xa2 sings",
                sealed=sealed,
            ),
            now=system.clock(),
        )


def delivery(system: System) -> tuple[str, bool, str]:
    with system.sessions.begin() as db:
        row = db.execute(
            text("select state, sealed is null, coalesce(reason, '') from deliveries where key = 'a'")
        ).one()
    return tuple(row)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("line", "state", "erased"),
    [
        ("ok", "accepted", True),
        ("refuse", "refused", True),
        ("refuse for now", "planned", False),
        ("unknown before", "unknown", True),
        ("unknown after", "unknown", True),
        ("down", "planned", False),
    ],
)
def test_a_sealed_payload_is_opened_for_the_hand_over_and_erased_after_it(
    system: System, mailbox: Mailbox, line: str, state: str, *, erased: bool
) -> None:
    mailbox.script, sent = [line], []
    mailbox.while_sending = lambda parcel: sent.append(parcel.payload)
    planned(system, "a", Keys.of(system.settings).sealer)
    handover.drain(system, "mail")
    assert delivery(system)[:2] == (state, erased)
    assert sent == [b"the canary sings"]


def test_an_unknown_secret_is_never_handed_again_even_where_the_far_side_dedupes(
    system: System, mailbox: Mailbox, clock: MovableClock
) -> None:
    mailbox.dedupes, mailbox.script = True, ["unknown after"]
    planned(system, "a", Keys.of(system.settings).sealer)
    handover.drain(system, "mail")
    clock.advance(days=2)
    assert handover.drain(system, "mail").handed == 0
    assert delivery(system)[:2] == ("unknown", True)
    with system.sessions.begin() as db:
        (delivery_id,) = db.execute(text("select id from deliveries")).scalars()
        with pytest.raises(Exception, match="erased"):
            service.resolve(
                db, delivery_id, "again", kinds=system.parts.deliveries, note="", actor="x", now=clock()
            )


def test_what_another_key_sealed_is_refused_and_said(system: System) -> None:
    planned(system, "a", Sealer(b"o" * 32))
    handover.drain(system, "mail")
    state, erased, reason = delivery(system)
    assert (state, erased) == ("refused", True)
    assert "another key" in reason


def test_a_sealed_payload_of_another_row_is_refused(system: System) -> None:
    sealer = Keys.of(system.settings).sealer
    planned(system, "a", sealer)
    with system.sessions.begin() as db:
        other = sealer.seal(b"swapped", about="deliveries/sealed/b")
        db.execute(text("update deliveries set sealed = :o"), {"o": other})
    handover.drain(system, "mail")
    assert delivery(system)[0] == "refused"
    with pytest.raises(Misconfigured):
        sealer.open(other, about="deliveries/sealed/a")


def test_the_database_keeps_no_sealed_payload_of_what_is_over(system: System) -> None:
    planned(system, "a", Keys.of(system.settings).sealer)
    for state in ("accepted", "refused", "cancelled", "unknown"):
        with pytest.raises(DBAPIError, match="ck_deliveries_sealed"), system.sessions.begin() as db:
            db.execute(text("update deliveries set state = :s"), {"s": state})


def test_an_invitation_hides_its_link(system: System, mailbox: Mailbox) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        invited = invitations.invite(
            db,
            mails_leave=True,
            address="New@Example.com",
            role=Role.ANALYST,
            name="Newton",
            portal="https://recoup.example.com",
            sealer=Keys.of(system.settings).sealer,
            sender="Recoup <recoup@example.com>",
            actor="test",
            now=now,
        )
        shown = db.execute(text("select convert_from(payload, 'utf8') from deliveries")).scalar_one()
    assert "/desk/welcome/" not in shown
    work(system)
    link = next(word for word in mailbox.texts("new@example.com")[0].split() if "/desk/welcome/" in word)
    assert link.startswith("https://recoup.example.com/desk/welcome/")
    with system.sessions.begin() as db:
        opened = links.redeem_welcome(db, link.rpartition("/")[2], client=Client("192.0.2.1"), now=now)
    assert opened.person == invited.person.id
    with pytest.raises(Unauthorised), system.sessions.begin() as db:
        links.redeem_welcome(db, link.rpartition("/")[2], client=BROWSER, now=now)


@pytest.mark.parametrize("when", [timedelta(hours=24), timedelta(hours=25)])
def test_a_link_works_for_a_day(system: System, bob: Person, when: timedelta) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        path = links.print_link(db, bob, counts_as_factor=True, actor="test", now=now).path
    with pytest.raises(Unauthorised), system.sessions.begin() as db:
        links.redeem_welcome(db, path.rpartition("/")[2], client=BROWSER, now=now + when)


def test_asking_for_a_code_tells_nothing_by_rows(system: System, bob: Person) -> None:
    assert bob
    ask(system, BOB)
    ask(system, "stranger@elsewhere.test")
    with system.sessions.begin() as db:
        rows = db.execute(text("select salt, code_hash, looked_at, tries from people_challenges")).all()
    assert [tuple(row) for row in rows] == [(None, None, None, 0)] * 2
