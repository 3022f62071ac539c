"""Mails as bytes: addresses are strict, headers cannot be injected, the same message is the same bytes."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.errors import Invalid
from recoup.office.messages import rules
from recoup.office.messages.rules import Rendered

NOW = datetime(2025, 7, 23, 21, 5, 9, 123456, tzinfo=UTC)
ADA = rules.address("ada@example.com")
RECOUP = rules.mailbox("Recoup <recoup@example.com>")


def composed(rendered: Rendered, *, key: str = "k", sender: str = "Recoup <recoup@example.com>") -> bytes:
    return rules.compose(rendered, key=key, sender=rules.mailbox(sender), to=ADA, now=NOW)


def read(payload: bytes) -> EmailMessage:
    message = email.message_from_bytes(payload, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts_of(message: EmailMessage) -> tuple[str, str]:
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return text.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def test_a_message_has_the_headers_that_mail_servers_look_for() -> None:
    message = read(composed(Rendered("Überfällig: 3 €", "Hallo,\n", "<p>Hallo,</p>\n"), key="run:1:ada"))
    assert message["From"] == "Recoup <recoup@example.com>"
    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "Überfällig: 3 €"
    assert message["Date"].datetime == NOW.replace(microsecond=0)
    assert re.fullmatch(r"<[0-9a-f]{40}@example\.com>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert parts_of(message) == ("Hallo,\n", "<p>Hallo,</p>\n")


def test_the_same_message_is_the_same_bytes_and_another_key_another_id() -> None:
    rendered = Rendered("Subject", "text\n", "<p>text</p>\n")
    assert composed(rendered) == composed(rendered)
    one, other = read(composed(rendered, key="a")), read(composed(rendered, key="b"))
    assert one["Message-ID"] != other["Message-ID"]
    assert one.get_boundary() != other.get_boundary()


visible = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=120)
anything = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0\ud800=-_.")), max_size=400)


@given(visible, anything, anything)
def test_whatever_it_says_a_message_is_lines_of_ascii_that_read_back(
    subject: str, text: str, html: str
) -> None:
    payload = composed(Rendered(subject, text, html))
    assert payload.isascii()
    assert b"\0" not in payload
    lines = payload.split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line and len(line) <= 998 for line in lines)
    message = read(payload)
    assert message["Subject"] == subject
    assert list(message.keys()) == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    ]
    for sent, received in zip((text, html), parts_of(message), strict=True):
        unified = sent.replace("\r\n", "\n").replace("\r", "\n")
        kept = re.sub("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "\ufffd", unified)
        assert received.rstrip("\n") == kept.rstrip("\n")


def test_a_line_that_looks_like_the_boundary_is_only_text() -> None:
    boundary = read(composed(Rendered("s", "t", "h"))).get_boundary()
    text = f"before\n--{boundary}\nContent-Type: text/html\n\n<b>after</b>\n--{boundary}--\n"
    assert parts_of(read(composed(Rendered("s", text, "h"))))[0] == text


@pytest.mark.parametrize(
    "subject", ["", " ", "a\nBcc: eve@example.com", "a\r\nb", "a\rb", "a\0b", "a\u2028b", "x" * 201]
)
def test_a_subject_is_one_visible_line(subject: str) -> None:
    with pytest.raises(Invalid, match="cannot be the subject"):
        composed(Rendered(subject, "t", "h"))


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "a.b+c_d-e@sub.example.co",
        "o'hara@example.com",
        "recoup@localhost",
        "1@2.de",
        "x" * 64 + "@e.de",
    ],
)
def test_an_address_is_read_as_it_stands(text: str) -> None:
    assert rules.address(text).addr_spec == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: eve@example.com",
        " ada@example.com",
        "ada@example.com,eve@example.com",
        "ada@example.com>",
        "<ada@example.com>",
        '"ada lovelace"@example.com',
        "ada@[127.0.0.1]",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@example-.com",
        "ada@exam_ple.com",
        "ada@b\u00fccher.de",
        "\u0430da@example.com",
        "ada\0@example.com",
        "ada(comment)@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 64 + ".com",
        "ada@" + "a." * 126 + "de",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a mail address"):
        rules.address(text)
    with pytest.raises(Invalid):
        rules.mailbox(f"Ada <{text}>")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Recoup <recoup@example.com>", "Recoup"),
        ("Büro & Söhne, GmbH <recoup@example.com>", "Büro & Söhne, GmbH"),
        ("<recoup@example.com>", ""),
        ("recoup@example.com", ""),
    ],
)
def test_a_sender_may_have_a_name(text: str, name: str) -> None:
    message = read(composed(Rendered("s", "t", "h"), sender=text))
    sender = message["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == (name, "recoup@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "Ada\n <ada@example.com>",
        "Ada\r\nBcc: x <ada@example.com>",
        "A\u202eda <ada@example.com>",
        'A"da <ada@example.com>',
        "A\\da <ada@example.com>",
        "Ada <ada@example.com> x",
        "Ada <ada@example.com>, Eve <eve@example.com>",
        "Ada <<ada@example.com>>",
        "x" * 101 + " <ada@example.com>",
    ],
)
def test_a_name_cannot_carry_more_than_a_name(text: str) -> None:
    with pytest.raises(Invalid):
        rules.mailbox(text)


@given(st.text(max_size=300))
def test_any_text_makes_a_title(text: str) -> None:
    title = rules.one_line(text)
    assert title.isprintable()
    assert len(title) <= rules.LONGEST_TITLE


def test_a_text_that_is_too_long_shows_that_it_was_cut() -> None:
    assert rules.shortened("x" * 4_000) == "x" * 4_000
    assert rules.shortened("x" * 4_001) == "x" * 3_999 + "…"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "23 Jul 2025, 21:05:09 UTC"),
        ("Europe/Berlin", "23 Jul 2025, 23:05:09 Europe/Berlin (UTC+02:00)"),
        ("Asia/Kolkata", "24 Jul 2025, 02:35:09 Asia/Kolkata (UTC+05:30)"),
        ("America/St_Johns", "23 Jul 2025, 18:35:09 America/St_Johns (UTC-02:30)"),
    ],
)
def test_a_moment_names_its_zone(zone: str, text: str) -> None:
    assert rules.moment(NOW, zone) == text


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "a\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid, match="is not a time zone"):
        rules.moment(NOW, zone)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (93_900, "26 h 5 min"),
    ],
)
def test_a_length_of_time_reads_easily(seconds: float, text: str) -> None:
    assert rules.duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("link", "is_one"),
    [
        ("https://recoup.example.com/desk/runs/1?a=b", True),
        ("http://127.0.0.1:8000/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example.com", False),
        ("https://a b", False),
        ("https://a\nb", False),
        ("recoup runs show 1", False),
    ],
)
def test_only_web_addresses_stand_behind_a_button(link: str, is_one: bool) -> None:
    assert rules.is_web_address(link) is is_one


def test_an_alert_is_named_by_recipient_and_utc_day() -> None:
    berlin = datetime.fromisoformat("2025-07-24T01:00:00+02:00")
    assert rules.alert_key("disk", to=ADA, now=berlin) == "alert:disk:2025-07-23:ada@example.com"
