"""Mail through a real server and into a folder: what is accepted, put off, refused, unknown, or stopped altogether."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest

from recoup.adapters.mail_folder import MailFolderChannel, file_name
from recoup.adapters.smtp import SmtpChannel, SmtpSettings
from recoup.adapters.smtp_line import named_wait
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import Channel, ChannelDown, Parcel, Receipt, Refused, Unknown
from support.certificates import Certificate, make_certificate
from support.fault_proxy import FaultProxy, Faults
from support.mail_server import MailServer

MAIL = (
    b"From: recoup@acme.test\r\nTo: alice@example.test\r\nSubject: Reminder 1\r\n"
    b"Message-ID: <reminder-1@acme.test>\r\n\r\n"
    b"You owe us 9.00 EUR.\r\n.\r\n..\r\n.dots\r\n\r\n"
)
PARCEL = Parcel("reminder/1", MAIL, {"from": "recoup@acme.test", "to": "alice@example.test"}, 0)


def to(address: str, header: str = "to") -> Parcel:
    return replace(PARCEL, headers={**PARCEL.headers, header: address})


def hand_over(channel: Channel, parcel: Parcel = PARCEL) -> Receipt:
    with channel.prepare(parcel) as handover:
        return handover.send()


def outcome_of(channel: Channel, parcel: Parcel = PARCEL) -> str:
    """Hand over, and say in one word what is known of it."""
    try:
        hand_over(channel, parcel)
    except Refused as refusal:
        return "never" if refusal.permanent else "later"
    except ChannelDown:
        return "down"
    except Unknown:
        return "unknown"
    return "accepted"


def settings(port: int, **others: object) -> SmtpSettings:
    quick = {"security": "none", "step_seconds": 10, "prepare_seconds": 20, "final_seconds": 10}
    return SmtpSettings("127.0.0.1", port, **{**quick, **others})  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def smtp(server: MailServer) -> SmtpChannel:
    return SmtpChannel(settings(server.port))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


# ---------------------------------------------------------------- what both channels keep


@pytest.fixture(params=["smtp", "folder"])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> Channel:
    if request.param == "folder":
        return MailFolderChannel(tmp_path / "mail")
    return request.getfixturevalue("smtp")


@pytest.fixture
def mailbox(channel: Channel, server: MailServer) -> Callable[[], list[bytes]]:
    """Return what has arrived at the far side."""

    def read() -> list[bytes]:
        if isinstance(channel, MailFolderChannel):
            return [path.read_bytes() for path in sorted(channel.folder.iterdir())]
        return [mail.content for mail in server.delivered]

    return read


def test_a_mail_arrives_byte_for_byte(channel: Channel, mailbox: Callable[[], list[bytes]]) -> None:
    assert channel.name == "mail"
    receipt = hand_over(channel)
    assert mailbox() == [MAIL]
    assert "<reminder-1@acme.test>" in receipt.reference


def test_a_long_mail_with_eight_bits_arrives_byte_for_byte(
    channel: Channel, mailbox: Callable[[], list[bytes]]
) -> None:
    text = "".join(f"{n} Überfällig: 9,00 €\r\n.{n}\r\n" for n in range(9000)).encode()
    hand_over(channel, replace(PARCEL, payload=MAIL + text))
    assert mailbox() == [MAIL + text]


def test_what_is_prepared_and_not_sent_is_not_delivered(
    channel: Channel, mailbox: Callable[[], list[bytes]]
) -> None:
    with channel.prepare(PARCEL):
        assert mailbox() == []
    assert mailbox() == []


def test_a_failure_of_ours_between_preparing_and_sending_delivers_nothing(
    channel: Channel, mailbox: Callable[[], list[bytes]]
) -> None:
    with pytest.raises(KeyError), channel.prepare(PARCEL):
        raise KeyError("the commit of the fence failed")
    assert mailbox() == []


def test_a_second_copy_is_told_from_a_new_mail_where_the_channel_says_so(
    channel: Channel, mailbox: Callable[[], list[bytes]]
) -> None:
    first = hand_over(channel)
    again = hand_over(channel, replace(PARCEL, handings=1))
    assert len(mailbox()) == (1 if channel.dedupes else 2)
    assert (again.reference == first.reference) == channel.dedupes


@pytest.mark.parametrize("header", ["from", "to"])
@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "@example.test",
        "alice@",
        "a@b@example.test",
        "alice@example.test\r\nRCPT TO:<mallory@example.test>",
        "alice@example.test\nBcc: mallory@example.test",
        "alice\r@example.test",
        "alice\0@example.test",
        "alice\u2028@example.test",
        "alice@example.test> SIZE=0",
        "<alice@example.test>",
        "alice@example.test, mallory@example.test",
        "Alice <alice@example.test>",
        '"alice mallory"@example.test',
        "alice@[127.0.0.1]",
        "alice@exa mple.test",
        "alice@.test",
        "alice@example..test",
        "a" * 250 + "@example.test",
        "alice@" + "b" * 64 + ".test",
    ],
)
def test_what_is_no_plain_address_is_refused_for_good(
    channel: Channel, mailbox: Callable[[], list[bytes]], server: MailServer, header: str, address: str
) -> None:
    with pytest.raises(Refused) as refusal, channel.prepare(to(address, header)):
        pass
    assert refusal.value.permanent
    assert server.connections == 0
    with suppress(FileNotFoundError):
        assert mailbox() == []


def test_a_domain_beyond_ascii_is_written_in_ascii(server: MailServer, smtp: SmtpChannel) -> None:
    hand_over(smtp, to("alice@bücher.example"))
    assert server.delivered[0].recipients == ("alice@xn--bcher-kva.example",)


# ---------------------------------------------------------------- the folder


def test_a_file_of_the_same_name_with_another_content_is_refused(tmp_path: Path) -> None:
    channel = MailFolderChannel(tmp_path / "mail")
    hand_over(channel)
    with pytest.raises(Refused) as refusal:
        hand_over(channel, replace(PARCEL, payload=MAIL + b"more"))
    assert refusal.value.permanent
    [path] = channel.folder.iterdir()
    assert path.read_bytes() == MAIL


def test_every_key_has_a_safe_name_of_its_own() -> None:
    keys = [
        "a/b",
        "a_b",
        "a%2Fb",
        "..",
        ".",
        ".hidden",
        "../../etc/passwd",
        "é",
        "x" * 300,
        "x" * 301,
        "a\0b",
        "a\\b",
    ]
    names = [file_name(key) for key in keys]
    assert len(set(names)) == len(keys)
    for name in names:
        assert name.endswith(".eml")
        assert not name.startswith(".")
        assert len(name) <= 255
        assert not set(name) & set("/\\\0")


def test_a_folder_that_cannot_be_is_a_channel_that_is_down(tmp_path: Path) -> None:
    for folder in [tmp_path / "missing" / "mail", tmp_path / "file"]:
        (tmp_path / "file").touch()
        channel = MailFolderChannel(folder)
        with pytest.raises(ChannelDown):
            hand_over(channel)
        with pytest.raises(Misconfigured):
            channel.check()
    assert "sent to nobody" in MailFolderChannel(tmp_path / "mail").check()


# ---------------------------------------------------------------- a server that accepts


def test_the_receipt_is_the_servers_word_and_the_mails_own_name(
    server: MailServer, smtp: SmtpChannel
) -> None:
    receipt = hand_over(smtp)
    assert receipt.reference == "<reminder-1@acme.test> 2.0.0 queued as 1"
    assert receipt.answer["code"] == 250
    assert receipt.answer["server"] == f"127.0.0.1:{server.port}"
    [mail] = server.delivered
    assert (mail.sender, mail.recipients) == ("recoup@acme.test", ("alice@example.test",))
    assert f"SIZE={len(MAIL) + 3}" in mail.options  # three lines of it begin with a dot


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_no_text_can_end_the_message_and_begin_another(
    server: MailServer, smtp: SmtpChannel, end: bytes
) -> None:
    smuggled = end.join(
        [b"before", b".", b"MAIL FROM:<a@b.test>", b"RCPT TO:<c@d.test>", b"DATA", b"x", b".", b""]
    )
    hand_over(smtp, replace(PARCEL, payload=MAIL + smuggled))
    [mail] = server.delivered
    assert mail.content == MAIL + smuggled.replace(end, b"\r\n")


def test_a_mail_without_a_last_line_end_gets_one(server: MailServer, smtp: SmtpChannel) -> None:
    hand_over(smtp, replace(PARCEL, payload=MAIL + b"end"))
    assert server.delivered[0].content == MAIL + b"end\r\n"


def test_eight_bits_and_names_beyond_ascii_are_announced(server: MailServer, smtp: SmtpChannel) -> None:
    hand_over(smtp, replace(to("jürgen@example.test"), payload=MAIL + "ü\r\n".encode()))
    [mail] = server.delivered
    assert mail.recipients == ("jürgen@example.test",)
    assert {"BODY=8BITMIME", "SMTPUTF8"} <= set(mail.options)


def test_starttls_and_sign_in(certificate: Certificate) -> None:
    accounts = {"recoup": "s3cret"}
    with MailServer(tls=certificate.server_context(), accounts=accounts) as server:
        channel = SmtpChannel(
            settings(
                server.port,
                security="starttls",
                ca_file=certificate.certificate,
                user="recoup",
                password="s3cret",
            )
        )
        hand_over(channel)
        assert [mail.user for mail in server.delivered] == ["recoup"]
        assert "TLSv1" in channel.check()
        assert "signed in" in channel.check()
        assert len(server.delivered) == 1


def test_tls_from_the_first_byte(certificate: Certificate) -> None:
    with MailServer(tls=certificate.server_context(), implicit=True) as server:
        channel = SmtpChannel(settings(server.port, security="tls", ca_file=certificate.certificate))
        hand_over(channel)
        assert [mail.content for mail in server.delivered] == [MAIL]


# ---------------------------------------------------------------- a server that puts off or refuses


@pytest.mark.parametrize("stage", ["mail", "recipient", "message"])
@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("450 4.2.0 Greylisted, please try again in 300 seconds", (False, timedelta(minutes=5))),
        ("451 4.7.1 Try again later", (False, None)),
        ("452 4.2.2 Mailbox full", (False, None)),
        ("421 4.3.2 Shutting down", (False, None)),
        ("550 5.1.1 No such user", (True, None)),
        ("552 5.3.4 Message too large", (True, None)),
        ("554 5.7.1 Rejected as spam", (True, None)),
    ],
)
def test_a_no_is_for_now_or_for_good(
    smtp: SmtpChannel, server: MailServer, stage: str, reply: str, meaning: tuple[bool, timedelta | None]
) -> None:
    setattr(server.manners, stage, reply)
    with pytest.raises(Refused) as refusal:
        hand_over(smtp)
    assert (refusal.value.permanent, refusal.value.retry_after) == meaning
    assert reply.partition(" ")[2] in refusal.value.reason
    assert refusal.value.answer["code"] == int(reply[:3])
    assert server.delivered == []
    setattr(server.manners, stage, None)
    hand_over(smtp)  # and the next one goes through


def test_a_recipient_is_refused_before_the_fence(server: MailServer, smtp: SmtpChannel) -> None:
    server.manners.recipient = "550 5.1.1 No such user"
    with pytest.raises(Refused), smtp.prepare(PARCEL):
        pytest.fail("the fence must not be passed")


def test_a_mail_that_is_too_large_is_refused_before_it_is_announced() -> None:
    with MailServer() as server:
        server.manners.offers_size = 1000
        with pytest.raises(Refused, match="at most 1000") as refusal:
            hand_over(SmtpChannel(settings(server.port)), replace(PARCEL, payload=MAIL + b"x" * 1000))
        assert refusal.value.permanent


def test_a_server_that_asks_for_a_sign_in_we_have_not_is_down(server: MailServer, smtp: SmtpChannel) -> None:
    server.manners.mail = "530 5.7.0 Authentication required"
    with pytest.raises(ChannelDown, match="530"):
        hand_over(smtp)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Greylisted for 5 minutes", timedelta(minutes=5)),
        ("try again in 90s", timedelta(seconds=90)),
        ("please retry after 2 hours", timedelta(hours=2)),
        ("Come back later, in 1 Minute", timedelta(minutes=1)),
        ("try again in 99999 hours", timedelta(days=1)),
        ("try again later", None),
        ("mailbox full, 300 seconds", None),
        ("4.7.1 retry, host 10.0.0.1 id 5m3x", None),
    ],
)
def test_a_named_wait_is_kept_to(text: str, wait: timedelta | None) -> None:
    assert named_wait(text) == wait


# ---------------------------------------------------------------- settings that fail for every mail alike


def test_a_wrong_password_stops_the_channel(certificate: Certificate) -> None:
    with MailServer(tls=certificate.server_context(), accounts={"recoup": "right"}) as server:
        wrong = settings(
            server.port, security="starttls", ca_file=certificate.certificate, user="recoup", password="wrong"
        )
        with pytest.raises(ChannelDown, match="535") as down:
            hand_over(SmtpChannel(wrong))
        assert "wrong" not in str(down.value)
        assert "wrong" not in repr(wrong)
        with pytest.raises(ChannelDown, match="ASCII"):
            hand_over(SmtpChannel(replace(wrong, password="wröng")))
        with pytest.raises(Misconfigured, match="535"):
            SmtpChannel(wrong).check()
        assert server.delivered == []


def test_a_server_without_sign_in_stops_a_channel_that_has_one(server: MailServer) -> None:
    with pytest.raises(ChannelDown, match="sign-in"):
        hand_over(SmtpChannel(settings(server.port, user="recoup", password="secret")))


def test_a_server_without_starttls_gets_no_mail_in_the_clear(server: MailServer) -> None:
    with pytest.raises(ChannelDown, match="STARTTLS"):
        hand_over(SmtpChannel(settings(server.port, security="starttls")))
    assert server.delivered == []


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_that_nobody_vouches_for_stops_the_channel(
    certificate: Certificate, implicit: bool, tmp_path: Path
) -> None:
    with MailServer(tls=certificate.server_context(), implicit=implicit) as server:
        security = "tls" if implicit else "starttls"
        with pytest.raises(ChannelDown, match="certificate"):
            hand_over(SmtpChannel(settings(server.port, security=security)))
        other = make_certificate(tmp_path, "127.0.0.2")
    with MailServer(tls=other.server_context(), implicit=implicit) as server:
        with pytest.raises(ChannelDown, match="certificate"):  # trusted, and another machine's
            hand_over(SmtpChannel(settings(server.port, security=security, ca_file=other.certificate)))
        assert server.delivered == []


def test_tls_where_none_is_spoken_stops_the_channel(server: MailServer) -> None:
    with pytest.raises(ChannelDown, match="encryption"):
        hand_over(SmtpChannel(settings(server.port, security="tls")))


def test_authorities_that_cannot_be_read_stop_the_channel(server: MailServer, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for path in [tmp_path / "missing.pem", tmp_path / "no.pem"]:
        with pytest.raises(ChannelDown, match="cannot be read"):
            hand_over(SmtpChannel(settings(server.port, security="tls", ca_file=path)))


def test_the_time_for_preparing_is_not_the_time_for_handing_over(server: MailServer) -> None:
    channel = SmtpChannel(settings(server.port, prepare_seconds=1))
    with channel.prepare(PARCEL) as handover:
        threading.Event().wait(1.1)  # the fence's commit took its time
        handover.send()
    assert len(server.delivered) == 1


@pytest.mark.parametrize("host", ["mail.example.test", "192.0.2.1", "0.0.0.0", "localhost.example.test"])  # noqa: S104 - a name, not a binding
def test_mails_leave_this_machine_encrypted_or_not_at_all(host: str) -> None:
    with pytest.raises(Misconfigured, match="in the clear"):
        SmtpSettings(host, security="none")
    for near in ["localhost", "127.0.0.1", "127.1.2.3", "::1"]:
        SmtpSettings(near, security="none")


def test_settings_that_cannot_be_are_refused_at_once() -> None:
    with pytest.raises(Misconfigured, match="go together"):
        SmtpSettings("mail.test", user="recoup")
    with pytest.raises(Misconfigured, match="unknown"):
        SmtpSettings("mail.test", security="ssl")  # type: ignore[arg-type]


# ---------------------------------------------------------------- lines that break


def test_a_server_that_is_not_there_is_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(Refused, match="the greeting") as refusal:
        hand_over(SmtpChannel(settings(port)))
    assert not refusal.value.permanent
    with pytest.raises(Unavailable):
        SmtpChannel(settings(port)).check()


def test_a_hang_up_before_the_message_is_tried_later(server: MailServer, smtp: SmtpChannel) -> None:
    server.manners.drop_at_recipient = True
    with pytest.raises(Refused) as refusal:
        hand_over(smtp)
    assert not refusal.value.permanent


def test_a_hang_up_after_the_message_is_unknown(server: MailServer, smtp: SmtpChannel) -> None:
    server.manners.drop_after_message = True
    with pytest.raises(Unknown) as unknown:
        hand_over(smtp)
    assert len(server.delivered) == 1  # it was taken, and we cannot know
    assert unknown.value.answer["message_id"] == "<reminder-1@acme.test>"
    assert "did not answer" in unknown.value.reason


def test_an_answer_that_comes_after_our_patience_is_unknown(server: MailServer) -> None:
    server.manners.stall = 30
    begun = time.monotonic()
    with pytest.raises(Unknown, match="did not answer"):
        hand_over(SmtpChannel(settings(server.port, final_seconds=0.5)))
    assert time.monotonic() - begun < 8
    assert len(server.delivered) == 1


def test_the_last_answer_may_take_longer_than_any_step(server: MailServer) -> None:
    server.manners.stall = 1.3
    hand_over(SmtpChannel(settings(server.port, step_seconds=1, final_seconds=20)))
    assert len(server.delivered) == 1


@pytest.mark.parametrize("reset", [True, False])
def test_a_line_that_is_cut_in_the_message_is_tried_later_and_delivers_nothing(
    server: MailServer, reset: bool
) -> None:
    with FaultProxy(("127.0.0.1", server.port)) as proxy:
        channel = SmtpChannel(settings(proxy.port))
        parcel = replace(PARCEL, payload=MAIL + b"x" * 70 + b"\r\n" * 3_000_000)
        with channel.prepare(parcel) as handover:
            proxy.faults = Faults(cut_up=100_000, reset=reset)
            with pytest.raises(Refused) as refusal:
                handover.send()
        assert not refusal.value.permanent
    assert server.delivered == []


@pytest.mark.parametrize("cut", range(5, 260, 15))
def test_wherever_the_answers_are_cut_nothing_that_was_delivered_is_tried_again(
    server: MailServer, cut: int
) -> None:
    with FaultProxy(("127.0.0.1", server.port)) as proxy:
        proxy.faults = Faults(cut_down=cut)
        outcome = outcome_of(SmtpChannel(settings(proxy.port)))
    allowed = {"unknown", "accepted"} if server.delivered else {"unknown", "later"}
    assert outcome in allowed


def test_a_silent_server_does_not_hold_a_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(Refused) as refusal:
            hand_over(SmtpChannel(settings(silent.getsockname()[1], step_seconds=0.3)))
        assert not refusal.value.permanent
        assert time.monotonic() - begun < 8


# ---------------------------------------------------------------- a server that is scripted, for what no real one says


USUAL = {
    "EHLO": "250 hello",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    "END": "250 ok",
    "QUIT": "221 bye",
}


class ScriptedMail:
    """Greets, answers each command with what is prepared for its first word, and the message with ``END``."""

    def __init__(self, greeting: str = "220 hello", delay: float = 0.0, **replies: str) -> None:
        self._replies = {**USUAL, **replies}
        self._greeting, self._delay = greeting, delay
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(5)
        self.port = self._listening.getsockname()[1]
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listening.accept()
            connection.settimeout(5)
            with connection, connection.makefile("rb") as lines:
                self._say(connection, self._greeting)
                in_message = False
                for line in lines:
                    if in_message and line != b".\r\n":
                        continue
                    word = "END" if in_message else line.split()[0].decode().upper()
                    self.heard.append(word)
                    self._say(connection, self._replies[word])
                    in_message = word == "DATA" and self._replies[word].startswith("354")

    def _say(self, connection: socket.socket, reply: str) -> None:
        time.sleep(self._delay)
        connection.sendall(f"{reply}\r\n".encode())


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ({"greeting": "421 4.3.2 too busy"}, "later"),
        ({"greeting": "554 5.7.1 you are blocked"}, "down"),
        ({"EHLO": "421 4.3.2 too busy"}, "later"),
        ({"EHLO": "502 not here"}, "down"),
        ({"DATA": "451 4.3.0 not now"}, "later"),
        ({"DATA": "554 5.5.1 no"}, "never"),
        ({"DATA": "250 what"}, "later"),
        ({"END": "what?"}, "unknown"),
        ({"END": "199 hm"}, "unknown"),
        ({"END": "354 go on"}, "unknown"),
        ({"END": "250" + "x" * 9000}, "unknown"),
        ({"END": "251 will forward"}, "accepted"),
        ({"RCPT": "251 will forward"}, "accepted"),
        ({"RCPT": "what?"}, "later"),
        ({"QUIT": "500 never"}, "accepted"),
    ],
)
def test_odd_answers_mean_the_careful_thing(script: dict[str, str], outcome: str) -> None:
    with ScriptedMail(**script) as server:
        assert outcome_of(SmtpChannel(settings(server.port))) == outcome
    assert ("END" in server.heard) == (outcome in {"accepted", "unknown"})


def test_preparing_is_bounded_as_a_whole() -> None:
    with ScriptedMail(delay=0.3) as server:
        begun = time.monotonic()
        with pytest.raises(Refused, match="broke off") as refusal:
            hand_over(SmtpChannel(settings(server.port, prepare_seconds=0.5)))
        assert not refusal.value.permanent
        assert time.monotonic() - begun < 8


def test_control_characters_in_an_answer_are_not_passed_on() -> None:
    with ScriptedMail(RCPT="550 \x1b[31mno\x07 such\u2028user") as server, pytest.raises(Refused) as refusal:
        hand_over(SmtpChannel(settings(server.port)))
    assert refusal.value.reason.isprintable()
    assert refusal.value.answer["text"].isprintable()
