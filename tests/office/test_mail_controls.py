"""How mails leave is changed while everything runs: the next mail goes where the controls say, or where settings do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from recoup.core.errors import Invalid, Misconfigured
from recoup.core.ids import new_id
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.controls import queries as rows
from recoup.office.controls import service as controls
from recoup.office.messages import outgoing
from recoup.office.messages import service as messages
from recoup.office.outbox import handover
from recoup.office.outbox import queries as outbox
from recoup.office.people import health
from support.house import MovableClock, opened
from support.mail_server import MailServer
from support.postgres import Database


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@contextmanager
def house(
    database: Database, home: Path, clock: MovableClock, environ: Mapping[str, str] | None = None
) -> Iterator[System]:
    with opened(database, home, clock=clock, environ=environ) as system:
        yield system


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    with house(database, tmp_path, clock) as running:
        yield running


def put(system: System, **values: object) -> None:
    with system.sessions.begin() as db:
        for name, value in values.items():
            control = system.parts.controls[f"mail.{name}"]
            latest = rows.latest(db, control.name)
            controls.change(
                db,
                control,
                value,
                expected_version=latest.version if latest else 0,
                actor="ada",
                now=system.clock(),
                sealer=sealer_of(system.settings),
            )


def send(system: System) -> str:
    """Send a mail; return what became of it."""
    with system.sessions.begin() as db:
        messages.send(
            db,
            key=str(new_id()),
            to="ada@example.com",
            template="alert",
            context={"title": "T", "text": "t", "todo": "", "at": system.clock()},
            sender=system.settings.mail.sender,
            now=system.clock(),
        )
    states = handover.drain(system, "mail").states
    return next(iter(states))


def folder(system: System) -> list[Path]:
    return list((system.home / "mail").glob("*.eml"))


def test_the_next_mail_leaves_through_the_server_that_was_just_named(
    system: System, server: MailServer
) -> None:
    channel = system.ports.channels["mail"]
    assert (send(system), len(folder(system)), channel.dedupes) == ("accepted", 1, True)
    put(system, host="127.0.0.1", port=server.port, security="none", sender="Acme <acme@example.com>")
    assert (send(system), len(folder(system)), channel.dedupes) == ("accepted", 1, False)
    (mail,) = server.delivered
    assert (mail.sender, mail.recipients) == ("acme@example.com", ("ada@example.com",))
    assert b"From: Acme <acme@example.com>" in mail.content
    put(system, host="")
    assert (send(system), len(folder(system)), len(server.delivered)) == ("accepted", 2, 1)


def test_another_process_sees_the_change_as_well(
    system: System, server: MailServer, database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    with house(database, tmp_path, clock) as worker:
        put(system, host="127.0.0.1", port=server.port, security="none")
        assert (send(worker), len(server.delivered)) == ("accepted", 1)


def test_what_the_process_was_started_with_wins(
    database: Database, tmp_path: Path, clock: MovableClock, server: MailServer
) -> None:
    environ = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_SECURITY": "none",
        "SMTP_SENDER": "env@example.com",
    }
    with house(database, tmp_path, clock, environ) as system:
        put(system, host="other.example.com", port=1, security="tls", sender="control@example.com")
        assert send(system) == "accepted"
        assert server.delivered[0].sender == "env@example.com"


def test_half_a_setup_stops_nothing_for_good(system: System, server: MailServer, clock: MovableClock) -> None:
    put(system, host="127.0.0.1", port=server.port, security="none", user="ada")  # and no password yet
    channel = system.ports.channels["mail"]
    with pytest.raises(Misconfigured, match="go together"):
        channel.check()  # type: ignore[attr-defined]
    assert channel.dedupes is False
    assert send(system) == "planned"
    with system.sessions.begin() as db:
        assert outbox.stopped(db, "mail", now=clock()) is None
    put(system, user="")
    clock.advance(hours=6)
    assert handover.drain(system, "mail").states == {"accepted": 1}


def test_mails_never_travel_in_the_clear(system: System) -> None:
    put(system, host="mail.example.com", security="none")
    assert send(system) == "planned"
    with pytest.raises(Misconfigured, match="in the clear"):
        system.ports.channels["mail"].check()  # type: ignore[attr-defined]


def test_the_password_is_kept_sealed_and_read_by_the_channel_only(system: System) -> None:
    put(system, host="mail.example.com", user="ada", password="hunter2")
    with system.sessions.begin() as db:
        mail = outgoing.holding(db, system.settings)
        kept = rows.latest(db, "mail.password")
    assert (mail.host, mail.user, mail.password) == ("mail.example.com", "ada", "hunter2")
    assert "hunter2" not in repr(mail)
    assert kept is not None
    assert "hunter2" not in str(kept.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "mail.example.com:25"),
        ("host", "a b"),
        ("host", "mail\nRCPT"),
        ("host", "http://mail"),
        ("port", 0),
        ("port", 65_536),
        ("security", "ssl"),
        ("sender", "nobody"),
        ("sender", "A <a@b.test>\r\nBcc: z@z.test"),
        ("password", "a\0b"),
    ],
)
def test_what_cannot_be_is_refused_and_a_password_not_repeated(
    system: System, name: str, value: object
) -> None:
    with pytest.raises(Invalid) as refusal:
        put(system, **{name: value})
    assert f"mail.{name}" in refusal.value.sentence()
    assert name != "password" or "a\\x00b" not in refusal.value.sentence()


def test_health_knows_the_server_of_the_moment(system: System) -> None:
    def told() -> str:
        return next(one.detail for one in health.standing(system) if one.name == "sign-in mails")

    assert "reach nobody" in told()
    put(system, host="mail.example.com")
    assert told() == "Codes leave through mail.example.com."
