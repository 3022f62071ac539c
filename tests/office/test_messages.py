"""Messages: planned once in their transaction, safe in every text, and an alert only once a day."""

from __future__ import annotations

import email
import email.policy
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from importlib.resources import files
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.parts import Go, Result
from recoup.office.journal import queries as journal
from recoup.office.messages import catalogue, rules, service
from recoup.office.outbox.models import Delivery

Sessions = sessionmaker[Session]
SENDER = "Recoup <recoup@example.com>"


def run_finished(now: datetime, **changes: object) -> dict[str, object]:
    return {
        "title": "Send usage",
        "job": "metering.export",
        "run_id": "0198c2d4-7a10-7c2e-9d55-0a1b2c3d4e5f",
        "state": "succeeded",
        "went_well": True,
        "summary": "All 1,284 windows were answered.",
        "counts": {"windows_read": 1284, "entries submitted": 91_822},
        "started_at": now - timedelta(minutes=2, seconds=13),
        "finished_at": now,
        "attempt": 1,
        **changes,
    }


def send(
    sessions: Sessions,
    now: datetime,
    *,
    key: str = "run:1:ada",
    to: str = "ada@example.com",
    **changes: object,
) -> UUID:
    with sessions.begin() as db:
        return service.send(
            db,
            key=key,
            to=to,
            template="run_finished",
            context=run_finished(now, **changes),
            sender=SENDER,
            now=now,
        )


def alert(
    sessions: Sessions, now: datetime, *recipients: str, key: str = "disk", **changes: str
) -> list[UUID]:
    with sessions.begin() as db:
        return service.alert(
            db,
            key=key,
            title=changes.get("title", "The disk is full"),
            text=changes.get("text", "Nothing can be written to var/files."),
            recipients=recipients or ["ada@example.com"],
            sender=SENDER,
            now=now,
            todo=changes.get("todo", ""),
        )


def delivery(sessions: Sessions, delivery_id: UUID) -> Delivery:
    with sessions.begin() as db:
        found = db.get(Delivery, delivery_id)
    assert found is not None
    return found


def planned(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return db.scalar(select(func.count()).select_from(Delivery)) or 0


def read(payload: bytes) -> tuple[EmailMessage, str, str]:
    message = email.message_from_bytes(payload, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    return message, text, html


def sent(sessions: Sessions, delivery_id: UUID) -> tuple[EmailMessage, str, str]:
    return read(delivery(sessions, delivery_id).payload)


def test_a_message_is_planned_with_everything_that_its_channel_needs(
    sessions: Sessions, now: datetime
) -> None:
    found = delivery(sessions, send(sessions, now))
    assert (found.key, found.kind, found.channel, found.state) == ("run:1:ada", "message", "mail", "planned")
    assert found.headers == {"from": "recoup@example.com", "to": "ada@example.com"}
    assert found.subject == "messages/run_finished/run:1:ada"
    message, text, html = read(found.payload)
    assert message["Subject"] == "Send usage: succeeded"
    assert message["Date"].datetime == now
    for body in (text, html):
        assert "All 1,284 windows were answered." in body
        assert "windows read" in body
        assert "91,822" in body
        assert rules.moment(now, "UTC") in body
        assert "2 min 13 s" in body
    with sessions.begin() as db:
        event = journal.timeline(db, kind="messages.")[0]
    assert (event.kind, event.subject) == ("messages.planned", f"messages/message/{found.id}")
    assert event.detail == {"key": "run:1:ada", "template": "run_finished", "to": "ada@example.com"}


def test_a_message_whose_transaction_fails_was_never_planned(sessions: Sessions, now: datetime) -> None:
    with sessions() as db:
        service.send(
            db,
            key="k",
            to="ada@example.com",
            template="run_finished",
            context=run_finished(now),
            sender=SENDER,
            now=now,
        )
        db.rollback()
    assert planned(sessions) == 0


def test_one_message_leaves_per_key_and_the_first_stands(sessions: Sessions, now: datetime) -> None:
    first = send(sessions, now)
    before = delivery(sessions, first).payload
    assert send(sessions, now + timedelta(minutes=5), summary="Something else.") == first
    assert delivery(sessions, first).payload == before
    assert send(sessions, now, key="run:2:ada") != first
    assert planned(sessions) == 2


def test_a_key_is_not_for_two_recipients(sessions: Sessions, now: datetime) -> None:
    send(sessions, now)
    with pytest.raises(Conflict, match=r"planned before, to ada@example\.com"):
        send(sessions, now, to="bob@example.com")


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ada@example.com\r\nBcc: eve@example.com"},
        {"to": "ada"},
        {"title": "Send\nBcc: eve@example.com"},
        {"title": "x" * 250},
        {"zone": "Mars/Base"},
    ],
)
def test_what_cannot_be_sent_is_refused_and_nothing_is_planned(
    sessions: Sessions, now: datetime, changes: dict[str, str]
) -> None:
    with pytest.raises(Invalid):
        send(sessions, now, **changes)
    assert planned(sessions) == 0


def test_a_template_gets_all_that_it_names(sessions: Sessions, now: datetime) -> None:
    context = run_finished(now)
    for name in context:
        incomplete = {key: value for key, value in context.items() if key != name}
        with (
            pytest.raises(Invalid, match=f"run_finished cannot be written: '{name}' is undefined"),
            sessions.begin() as db,
        ):
            service.send(
                db, key="k", to="a@b.de", template="run_finished", context=incomplete, sender=SENDER, now=now
            )


@pytest.mark.parametrize("template", ["nothing", "../messages/alert", "", "alert/../alert", "layout.html"])
def test_an_unknown_template_is_not_found(sessions: Sessions, now: datetime, template: str) -> None:
    with pytest.raises(NotFound, match="no message template"), sessions.begin() as db:
        service.send(db, key="k", to="a@b.de", template=template, context={}, sender=SENDER, now=now)


# ---------------------------------------------------------------- how they read


@pytest.mark.parametrize(
    ("state", "went_well", "shown"),
    [
        ("succeeded", True, "succeeded"),
        ("succeeded", False, "needs a person"),
        ("failed", False, "failed"),
        ("parked", False, "parked"),
    ],
)
def test_how_a_run_ended_is_said_in_subject_text_and_colour(
    sessions: Sessions, now: datetime, state: str, went_well: bool, shown: str
) -> None:
    message, text, html = sent(sessions, send(sessions, now, state=state, went_well=went_well))
    assert message["Subject"] == f"Send usage: {shown}"
    assert text.startswith(f"Send usage: {shown}\n")
    assert f">{shown.capitalize()}<" in html
    assert f"border-top:4px solid {rules.colour(shown)}" in html


def test_a_run_is_shown_in_its_zone_with_its_attempt_and_its_link(sessions: Sessions, now: datetime) -> None:
    link = "https://recoup.example.com/desk/runs/1?a=1&b=2"
    _, text, html = sent(sessions, send(sessions, now, zone="Asia/Kolkata", attempt=3, link=link))
    assert f"Finished: {rules.moment(now, 'Asia/Kolkata')}" in text
    assert rules.moment(now, "Asia/Kolkata") in html
    assert "Attempt:  3" in text
    assert f"See the run: {link}" in text
    assert 'href="https://recoup.example.com/desk/runs/1?a=1&amp;b=2"' in html


def test_a_run_that_never_started_and_counted_nothing_has_no_empty_rows(
    sessions: Sessions, now: datetime
) -> None:
    _, text, html = sent(sessions, send(sessions, now, started_at=None, counts={}, summary=""))
    for body in (text, html):
        assert "Started" not in body
        assert "Took" not in body
        assert "Finished" in body


def test_of_many_counts_the_first_twenty_are_shown(sessions: Sessions, now: datetime) -> None:
    counts = {f"count_{number}": number for number in range(23)}
    _, text, html = sent(sessions, send(sessions, now, counts=counts))
    for body in (text, html):
        assert "count 19" in body
        assert "count 20" not in body
        assert "and 3 more" in body


ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} javascript:alert(1)"


def test_text_of_others_stays_text(sessions: Sessions, now: datetime) -> None:
    hostile = {
        "title": ATTACK,
        "summary": ATTACK,
        "job": ATTACK,
        "counts": {ATTACK: 1},
        "link": "javascript:alert(1)",
    }
    message, text, html = sent(sessions, send(sessions, now, **hostile))
    assert message["Subject"] == f"{ATTACK}: succeeded"
    assert ATTACK in text
    found = Tags(html)
    assert "script" not in found.names
    assert "img" not in found.names
    assert found.links == []
    assert "{{ 7*7 }}" in html
    assert not [name for name in found.attributes if name.startswith("on")]


class Tags(HTMLParser):
    """The tags of a page; every one that is opened has to be closed in its order."""

    VOID = ("meta", "br", "img", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_mail_is_sound_html_for_light_and_dark_of_at_most_thirty_kilobytes(
    sessions: Sessions, now: datetime
) -> None:
    vast = "<&\"' " * 3_000
    counts = {f"count {number} <&>": 10**12 for number in range(30)}
    ids = [
        send(sessions, now, summary=vast, counts=counts, link="https://recoup.example.com/"),
        *alert(sessions, now, text=vast, todo="Make room."),
    ]
    for delivery_id in ids:
        _, _, html = sent(sessions, delivery_id)
        found = Tags(html)
        assert {"table", "title", "style"} <= set(found.names)
        assert not {"link", "img", "script", "form"} & set(found.names)
        assert html.startswith("<!doctype html>")
        assert '<meta name="color-scheme" content="light dark">' in html
        assert "prefers-color-scheme: dark" in html
        assert len(html.encode()) <= 30_000


def test_every_template_is_complete() -> None:
    homes = {(one.package, one.folder) for one in catalogue.TEMPLATES.values()}
    folders = [
        entry
        for package, folder in homes
        for entry in files(package).joinpath(folder).iterdir()
        if entry.is_dir()
    ]
    assert sorted(folder.name for folder in folders) == sorted(catalogue.TEMPLATES)
    for folder in folders:
        assert sorted(part.name for part in folder.iterdir()) == ["body.html", "body.txt", "subject.txt"]


# ---------------------------------------------------------------- alerts


def test_an_alert_goes_to_each_recipient_once_a_day(sessions: Sessions, now: datetime) -> None:
    first = alert(sessions, now, "ada@example.com", "bob@example.com", "ada@example.com")
    assert len(first) == 2
    assert (
        alert(sessions, now.replace(hour=23, minute=59), "ada@example.com", "bob@example.com", text="More.")
        == first
    )
    assert planned(sessions) == 2
    alert(sessions, now, key="mail")
    assert planned(sessions) == 3
    tomorrow = now.replace(hour=0) + timedelta(days=1)
    assert alert(sessions, tomorrow) != first[:1]
    assert planned(sessions) == 4


def test_an_alert_says_what_is_wrong_and_what_to_do(sessions: Sessions, now: datetime) -> None:
    (delivery_id,) = alert(sessions, now, text="Line one.\nLine two.", todo="Make room.")
    message, text, html = sent(sessions, delivery_id)
    assert message["Subject"] == "Needs a person: The disk is full"
    assert "Line one.\nLine two." in text
    assert "What to do: Make room." in text
    for shown in (
        "The disk is full",
        "Line one.",
        "Line two.",
        "What to do",
        "Make room.",
        rules.moment(now, "UTC"),
    ):
        assert shown in html
    assert delivery(sessions, delivery_id).subject.startswith(
        f"messages/alert/alert:disk:{now:%Y-%m-%d}:ada@"
    )


def test_an_alert_is_made_to_fit_rather_than_refused(sessions: Sessions, now: datetime) -> None:
    (delivery_id,) = alert(sessions, now, title="It\r\nbroke\0 " + "x" * 500, text="\ud800\0" + "y" * 9_000)
    message, text, _ = sent(sessions, delivery_id)
    assert message["Subject"].startswith("Needs a person: It broke xxx")
    assert message["Subject"].endswith("x…")
    assert 3_900 < len(text) < 4_400


def test_a_recipient_who_cannot_be_written_to_is_noted_and_does_not_stop_the_others(
    sessions: Sessions, now: datetime
) -> None:
    ids = alert(sessions, now, "nobody", "ada@example.com")
    assert [delivery(sessions, one).headers["to"] for one in ids] == ["ada@example.com"]
    with sessions.begin() as db:
        event = journal.timeline(db, kind="messages.unaddressable")[0]
    assert (event.subject, event.detail) == (
        "messages/alert/disk",
        {"reason": "'nobody' is not a mail address."},
    )


def test_many_who_notice_the_same_at_once_send_one_alert(sessions: Sessions, now: datetime) -> None:
    together = Barrier(5)

    def notice(number: int) -> list[UUID]:
        together.wait()
        return alert(sessions, now, "ada@example.com", "bob@example.com", text=f"Noticed by {number}.")

    with ThreadPoolExecutor(5) as threads:
        results = list(threads.map(notice, range(5)))
    assert results == [results[0]] * 5
    assert planned(sessions) == 2


# ---------------------------------------------------------------- for the outbox


@pytest.mark.parametrize(
    ("state", "noted"), [("refused", 1), ("accepted", 0), ("unknown", 0), ("cancelled", 0)]
)
def test_only_a_refusal_is_noted(sessions: Sessions, now: datetime, state: str, noted: int) -> None:
    found = delivery(sessions, send(sessions, now))
    with sessions.begin() as db:
        assert service.KIND.before(db, found, now) == Go()
        service.KIND.after(db, found, Result(state, "550 no such user", 1), now)
    with sessions.begin() as db:
        events = journal.timeline(db, kind="messages.refused")
    assert len(events) == noted
    for event in events:
        assert event.subject == f"messages/message/{found.id}"
        assert event.detail == {"key": "run:1:ada", "reason": "550 no such user"}
