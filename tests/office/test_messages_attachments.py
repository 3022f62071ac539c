"""Files that go with messages: they arrive byte for byte, are shown by name and size, and change no other mail."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Invalid
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.journal import queries as journal
from recoup.office.messages import catalogue, rules, service
from recoup.office.messages.rules import Attachment, Rendered
from recoup.office.outbox import bodies
from recoup.office.outbox.models import Delivery
from support import doors

Sessions = sessionmaker[Session]
NOW = datetime(2025, 7, 23, 21, 5, 9, 123456, tzinfo=UTC)
ADA = rules.address("ada@example.com")
RECOUP = rules.mailbox("Recoup <recoup@example.com>")
REPORT = Attachment("Überfällig.xlsx", "application/vnd.ms-excel", b"PK\x03\x04\0\r\n.\r\n--=_\xff")
LIST = Attachment("list.csv", "text/csv; charset=utf-8", "Größe\r\n1\n".encode())

WITHOUT_FILES = b"""\
From: Recoup <recoup@example.com>
To: ada@example.com
Subject: =?utf-8?b?w5xiZXJmw6RsbGlnOiAzIOKCrA==?=
Date: Wed, 23 Jul 2025 21:05:09 +0000
Message-ID: <c3ae4aca18b97c3e786f14132d85162fcc411e54@example.com>
Auto-Submitted: auto-generated
X-Auto-Response-Suppress: All
MIME-Version: 1.0
Content-Type: multipart/alternative;
 boundary="=_c3ae4aca18b97c3e786f14132d85162fcc411e54"

--=_c3ae4aca18b97c3e786f14132d85162fcc411e54
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Hallo,

--=_c3ae4aca18b97c3e786f14132d85162fcc411e54
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0

<p>Hallo,</p>

--=_c3ae4aca18b97c3e786f14132d85162fcc411e54--
""".replace(b"\n", b"\r\n")
"""What was composed before there were files."""


def composed(*attachments: Attachment, text: str = "Hallo,\n", key: str = "run:1:ada") -> bytes:
    rendered = Rendered("Überfällig: 3 €", text, "<p>Hallo,</p>\n")
    return rules.compose(rendered, key=key, sender=RECOUP, to=ADA, now=NOW, attachments=attachments)


def read(payload: bytes) -> EmailMessage:
    message = email.message_from_bytes(payload, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def arrived(payload: bytes) -> list[tuple[str | None, str, bytes]]:
    found = []
    for part in read(payload).iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((part.get_filename(), part.get_content_type(), content))
    return found


# ---------------------------------------------------------------- as bytes


def test_a_message_without_files_is_what_it_always_was() -> None:
    assert composed() == WITHOUT_FILES


def test_files_arrive_as_they_are_beside_both_bodies() -> None:
    message = read(composed(REPORT, LIST))
    assert message.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/vnd.ms-excel",
        "text/csv",
    ]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content(), html.get_content()) == ("Hallo,\r\n", "<p>Hallo,</p>\r\n")
    assert arrived(composed(REPORT, LIST)) == [
        ("Überfällig.xlsx", "application/vnd.ms-excel", REPORT.body),
        ("list.csv", "text/csv", LIST.body),
    ]
    *_, table = message.iter_attachments()
    assert table.get_content_charset() == "utf-8"
    assert {part.get_content_disposition() for part in message.iter_attachments()} == {"attachment"}


def test_the_headers_are_those_of_a_message_without_files() -> None:
    there, here = read(WITHOUT_FILES), read(composed(REPORT))
    assert list(here.keys()) == list(there.keys())
    assert [here[name] for name in here if name != "Content-Type"] == [
        there[name] for name in there if name != "Content-Type"
    ]


def test_the_same_files_are_the_same_bytes_and_others_are_not() -> None:
    assert composed(REPORT, LIST) == composed(REPORT, LIST)
    assert composed(REPORT, LIST) != composed(LIST, REPORT)
    assert composed(REPORT) != composed(Attachment(REPORT.name, REPORT.media_type, b"other"))


def test_no_boundary_begins_with_another_and_none_can_be_forged() -> None:
    outer = read(composed(REPORT)).get_boundary()
    inner = read(WITHOUT_FILES).get_boundary()
    assert outer is not None
    assert inner is not None
    assert not outer.startswith(inner)
    assert not inner.startswith(outer)
    forged = f"\r\n--{outer}\r\nContent-Disposition: attachment; filename=evil\r\n\r\nx\r\n--{outer}--\r\n"
    payload = composed(Attachment("a", "text/plain", forged.encode()), text=forged)
    assert [(name, body) for name, _, body in arrived(payload)] == [("a", forged.encode())]


files = st.builds(
    Attachment,
    st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0\ud800\"\\/;=*'%.é\U0001f600")), max_size=200),
    st.sampled_from(["application/pdf", "text/html", "text/plain; charset=utf-16", "image/svg+xml"]),
    st.binary(max_size=300),
)


@given(st.lists(files, max_size=4))
def test_whatever_files_go_with_it_a_message_is_lines_of_ascii_that_read_back(sent: list[Attachment]) -> None:
    payload = composed(*sent)
    assert payload.isascii()
    assert all(
        b"\n" not in line and b"\r" not in line and len(line) <= 998 for line in payload.split(b"\r\n")
    )
    assert arrived(payload) == [
        (rules.file_name(one.name), one.media_type.partition(";")[0], one.body) for one in sent
    ]
    mail = bodies.mail_of(payload)
    assert mail is not None
    assert [(one.name, one.size) for one in mail.files] == [
        (rules.file_name(one.name), len(one.body)) for one in sent
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report.xlsx", "report.xlsx"),
        ("Größe & Söhne (2025-07).csv", "Größe & Söhne (2025-07).csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\a.txt", "a.txt"),
        ("a\r\nBcc: eve@example.com.txt", "a Bcc: eve@example.com.txt"),
        ("a\0b\u202efdp.exe", "a b fdp.exe"),
        (".htaccess", "htaccess"),
        ("a. ", "a"),
        ("", "file"),
        ("..", "file"),
        ("a/", "file"),
        ("\ud800", "file"),
        ("x" * 200 + ".xlsx", "x" * 115 + ".xlsx"),
        ("x" * 130, "x" * 120),
        ("a." + "x" * 130, "a." + "x" * 118),
        ("a" * 115 + " " * 3 + "b" * 10 + ".csv", "a" * 115 + ".csv"),
    ],
)
def test_a_file_has_a_name_that_leads_nowhere(text: str, name: str) -> None:
    assert rules.file_name(text) == name


@given(st.text(max_size=300))
def test_any_text_makes_a_file_name(text: str) -> None:
    name = rules.file_name(text)
    assert name.isprintable()
    assert 1 <= len(name) <= rules.LONGEST_FILE_NAME
    assert not set(name) & set("/\\")
    assert name == name.strip(" .")
    assert rules.file_name(name) == name


@pytest.mark.parametrize("sizes", [[25_000_001], [25_000_000, 1], [1] * 51])
def test_too_much_is_refused(sizes: list[int]) -> None:
    vast = bytes(25_000_001)
    with pytest.raises(Invalid, match="cannot go with a message") as refused:
        composed(*[Attachment("a.bin", "application/octet-stream", vast[:size]) for size in sizes])
    assert "at most 50 files of 25,000,000 bytes" in refused.value.sentence()


def test_twenty_five_megabytes_are_not_too_much() -> None:
    payload = composed(Attachment("a.bin", "application/octet-stream", bytes(25_000_000)))
    mail = bodies.mail_of(payload)
    assert mail is not None
    assert [one.size for one in mail.files] == [25_000_000]


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "csv",
        "text/",
        "text/csv\r\nBcc: eve@example.com",
        "text/csv; charset",
        "text/csv; charset=utf-8; ",
        'text/csv; name="a b"',
        "multipart/mixed",
        "message/rfc822",
        "MESSAGE/rfc822",
        "te xt/csv",
    ],
)
def test_what_is_no_media_type_of_a_file_is_refused(media_type: str) -> None:
    with pytest.raises(Invalid, match="is not a file's media type"):
        composed(Attachment("a", media_type, b""))


# ---------------------------------------------------------------- planned


def plan(
    sessions: Sessions, *attachments: Attachment, key: str = "k", hidden: service.Hidden | None = None
) -> UUID:
    sample = catalogue.TEMPLATES["run_finished"].samples[0]
    with sessions.begin() as db:
        return service.send(
            db,
            key=key,
            to="ada@example.com",
            template="run_finished",
            context=sample,
            sender="Recoup <recoup@example.com>",
            now=NOW,
            hidden=hidden,
            attachments=attachments,
        )


def payload_of(sessions: Sessions, delivery_id: UUID) -> bytes:
    with sessions.begin() as db:
        return db.scalars(select(Delivery.payload).where(Delivery.id == delivery_id)).one()


def test_a_message_is_planned_with_its_files_and_the_journal_names_them(sessions: Sessions) -> None:
    made = plan(sessions, REPORT, LIST)
    assert [name for name, _, _ in arrived(payload_of(sessions, made))] == ["Überfällig.xlsx", "list.csv"]
    with sessions.begin() as db:
        event = journal.timeline(db, kind="messages.planned")[0]
    assert event.detail == {
        "key": "k",
        "template": "run_finished",
        "to": "ada@example.com",
        "files": ["Überfällig.xlsx", "list.csv"],
    }


def test_the_first_message_of_a_key_stands_with_its_files(sessions: Sessions) -> None:
    made = plan(sessions, REPORT)
    before = payload_of(sessions, made)
    assert plan(sessions, LIST) == made
    assert plan(sessions) == made
    assert payload_of(sessions, made) == before


def test_files_that_cannot_go_leave_nothing_planned(sessions: Sessions) -> None:
    with pytest.raises(Invalid):
        plan(sessions, Attachment("a", "multipart/mixed", b""))
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Delivery)) == 0


def test_a_secret_message_carries_no_files(system: System) -> None:
    hidden = service.Hidden({"summary": "4711"}, sealer_of(system.settings))
    with pytest.raises(ValueError, match="with a secret carries no files"):
        plan(system.sessions, REPORT, hidden=hidden)
    assert plan(system.sessions, hidden=hidden)


# ---------------------------------------------------------------- as a person sees them


@pytest.fixture
def api(system: System) -> Iterator[httpx2.Client]:
    with doors.api(system) as client:
        yield client


def test_both_pages_name_the_files_and_their_sizes(system: System, api: httpx2.Client) -> None:
    hostile = Attachment("<script>alert(1)<b>.html", "text/html", b"<script>alert(1)</script>")
    big = Attachment("big.bin", "application/octet-stream", bytes(1_500_000))
    made = plan(system.sessions, REPORT, hostile, big)
    for path in (f"/desk/messages/{made}", f"/desk/outbox/{made}"):
        page = api.get(path).text
        assert "Attached files" in page
        assert "Überfällig.xlsx" in page
        assert f"{len(REPORT.body)} bytes" in page
        assert "b&gt;.html" in page
        assert "<script>alert" not in page
        assert "1.5 MB" in page
        assert f'src="{path}/look" sandbox' in page
        look = api.get(f"{path}/look")
        assert "sandbox" in look.headers["content-security-policy"]
        assert "<script" not in look.text
        assert "run_finished" not in look.text
        assert "alert(1)" not in look.text  # the body is shown, never a file
    download = api.get(f"/desk/outbox/{made}/bytes")
    assert download.content == payload_of(system.sessions, made)
    assert download.headers["content-disposition"].count(".eml") == 2


def test_pages_of_mails_without_files_say_nothing_of_them(system: System, api: httpx2.Client) -> None:
    made = plan(system.sessions)
    for path in (f"/desk/messages/{made}", f"/desk/outbox/{made}"):
        assert "Attached files" not in api.get(path).text


def mail_with(part: str) -> bytes:
    lines = f"""\
From: a@b.de
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: text/plain

Hello
--B
{part}
--B--
"""
    return lines.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("Content-Type: message/rfc822\nContent-Disposition: attachment; filename=a.eml\n\nSubject: x\n\nbody", ("a.eml", 94)),
        ("Content-Type: application/pdf\n\nabc", ("without a name", 3)),
        ("Content-Type: application/pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a\n\n???", ("a", 0)),
        ("Content-Disposition: attachment; filename*=utf-8''%E2%80%AEfdp.exe\n\nx", ("\ufffdfdp.exe", 1)),
        (f"Content-Disposition: attachment; filename={'n' * 400}\n\nx", ("n" * 200, 1)),
        ("Content-Disposition: attachment; filename*=nonsense''%FF\n\nx", ("\ufffd", 1)),
    ],
)  # fmt: skip
def test_mails_of_others_show_what_can_be_read(part: str, shown: tuple[str, int]) -> None:
    mail = bodies.mail_of(mail_with(part))
    assert mail is not None
    assert mail.text.strip() == "Hello"
    assert [(one.name, one.size) for one in mail.files] == [shown]


def test_of_countless_files_the_first_hundred_are_shown() -> None:
    mail = bodies.mail_of(mail_with("\n--B\n".join(["Content-Type: application/pdf\n\nx"] * 150)))
    assert mail is not None
    assert len(mail.files) == 100


@given(st.binary(max_size=300), st.sampled_from(["multipart/mixed; boundary=B", "text/plain", "multipart/x"]))
def test_no_mail_breaks_the_page(body: bytes, media_type: str) -> None:
    mail = bodies.mail_of(f"Content-Type: {media_type}\r\n\r\n--B\r\n".encode() + body)
    assert mail is None or isinstance(mail.files, list)
