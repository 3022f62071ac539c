"""The webhook channel against the stand-in, over real HTTP: what each answer is taken for, and that nothing tells."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recoup.adapters.webhook import WebhookChannel
from recoup.core.ports import Channel, Parcel, Receipt, Refused, Unknown
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Asked, Fault
from recoup.sandbox.http import StandIn
from recoup.sandbox.webhook import WebhookStandIn, moved, says
from support.certificates import make_certificate

NOW = datetime(2025, 7, 24, tzinfo=UTC)
TEXT: dict[str, Any] = {"text": "3 claims are new", "blocks": [{"type": "divider"}]}
TOKEN = "Zm9vYmFyYmF6cXV4NDcxMTA4"


@pytest.fixture
def slack() -> Iterator[WebhookStandIn]:
    with WebhookStandIn() as stand_in:
        stand_in.address("rights")
        yield stand_in


Build = Callable[..., WebhookChannel]


@pytest.fixture
def build() -> Iterator[Build]:
    made: list[WebhookChannel] = []

    def make(addresses: Callable[[str], str | None], **changes: Any) -> WebhookChannel:
        given: dict[str, Any] = {"read_timeout": timedelta(seconds=0.5), "now": lambda: NOW}
        made.append(WebhookChannel(addresses, **given | changes))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(build: Build, slack: WebhookStandIn) -> WebhookChannel:
    return build(slack.address)


def parcel(body: bytes | None = None, *, to: str = "rights", key: str = "rights:1") -> Parcel:
    payload = json.dumps(TEXT).encode() if body is None else body
    return Parcel(key=key, payload=payload, headers={"to": to}, handings=0)


def hand_over(channel: Channel, what: Parcel | None = None) -> Receipt:
    with channel.prepare(what or parcel()) as handover:
        return handover.send()


class Scripted(StandIn):
    """Answers every request with the same bytes."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[Asked] = []

    def handle(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.answer


# ---------------------------------------------------------------- the way it should go


def test_posts_exactly_the_frozen_bytes_under_the_name_of_the_delivery(
    slack: WebhookStandIn, channel: WebhookChannel
) -> None:
    body = b'{ "text":"\\u00fc",\n "blocks": [] }'
    receipt = hand_over(channel, parcel(body, key="rights:2025-07-24:ada"))
    assert receipt == Receipt(reference="", answer={"status": 200, "text": "ok"})
    (post,) = slack.posts
    assert (post.to, post.method, post.body) == ("rights", "POST", body)
    assert (post.media_type, post.delivery) == ("application/json", "rights:2025-07-24:ada")
    assert slack.messages("rights") == [{"text": "ü", "blocks": []}]


def test_is_a_channel_that_does_not_dedupe(channel: WebhookChannel) -> None:
    typed: Channel = channel
    assert (typed.name, typed.dedupes) == ("webhook", False)


def test_nothing_is_sent_before_send(slack: WebhookStandIn, channel: WebhookChannel) -> None:
    with channel.prepare(parcel()):
        assert slack.posts == []


def test_each_name_has_its_own_address_and_a_new_one_holds_at_once(
    build: Build, slack: WebhookStandIn
) -> None:
    known = {"rights": slack.address("rights"), "claims": slack.address("claims")}
    channel = build(known.get)
    hand_over(channel)
    hand_over(channel, parcel(to="claims"))
    known["rights"] = f"  {slack.address('elsewhere')}\n"  # as it is pasted
    hand_over(channel)
    assert [post.to for post in slack.posts] == ["rights", "claims", "elsewhere"]


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("a b", "a%20b"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil:%201"),
        ("ü%", "%C3%BC%25"),
        ("alert:k:ada@b.de", "alert:k:ada@b.de"),
    ],
)
def test_any_key_fits_its_header(
    slack: WebhookStandIn, channel: WebhookChannel, key: str, header: str
) -> None:
    hand_over(channel, parcel(key=key))
    assert [post.delivery for post in slack.posts] == [header]


def test_threads_share_a_channel(slack: WebhookStandIn, channel: WebhookChannel) -> None:
    threads = [
        threading.Thread(target=hand_over, args=(channel, parcel(key=f"k{number}"))) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {post.delivery for post in slack.posts} == {f"k{number}" for number in range(8)}


# ---------------------------------------------------------------- the address


@pytest.mark.parametrize("address", [None, "", "  "])
def test_a_name_without_an_address_is_refused_for_good(build: Build, address: str | None) -> None:
    with pytest.raises(Refused, match=r"^No webhook is set up for rights\.$") as refused:
        hand_over(build(lambda _name: address))
    assert refused.value.permanent is True


def test_a_parcel_without_a_name_is_refused_for_good(build: Build) -> None:
    nameless = Parcel(key="k", payload=b"{}", headers={}, handings=0)
    with pytest.raises(Refused, match="No webhook is set up for nobody") as refused:
        hand_over(build({"rights": "https://example.com/"}.get), nameless)
    assert refused.value.permanent is True


@pytest.mark.parametrize(
    ("address", "what"),
    [
        (f"http://hooks.example.com/services/T0/B0/{TOKEN}", "is not https, so that it could be read on the way"),
        (f"http://127.0.0.1.example.com/{TOKEN}", "is not https"),
        (f"hooks.example.com/services/{TOKEN}", "is not a web address"),
        (f"ftp://hooks.example.com/{TOKEN}", "is not a web address"),
        (f"https:///services/{TOKEN}", "is not a web address"),
        (f"https://hooks.example.com:port/{TOKEN}", "cannot be read"),
        (f"https://hooks.example.com/\0{TOKEN}", "cannot be read"),
        (f"https://me:{TOKEN}@hooks.example.com/", "holds a user name or a password"),
        (f"https://hooks.example.com/{TOKEN * 50}", "is longer than 1000 characters"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_for_good_and_not_shown(
    build: Build, address: str, what: str
) -> None:
    with pytest.raises(Refused, match=f"^The address of the webhook for rights {what}") as refused:
        hand_over(build(lambda _name: address))
    assert refused.value.permanent is True
    assert TOKEN not in "".join(traceback.format_exception(refused.value))


# ---------------------------------------------------------------- nothing happened over there


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "invalid_payload", "400 invalid_payload: it cannot read what was sent"),
        (400, "invalid_blocks", "400 invalid_blocks: it cannot lay out what was sent"),
        (400, "too_many_attachments", "400 too_many_attachments"),
        (403, "action_prohibited", "403 action_prohibited: an administrator there does not allow it"),
        (403, "invalid_token", "403 invalid_token: it does not know this address"),
        (403, "<p>No.</p>", "403: check that it is still there"),
        (404, "no_service", "404 no_service: the webhook was removed or switched off there"),
        (404, "channel_not_found", "404 channel_not_found: its channel is not there any more"),
        (404, "", "404: check that it is still there"),
        (410, "channel_is_archived", "410 channel_is_archived: its channel is archived"),
        (413, "x" * 70, "413"),
        (422, '{"message":"No."}', "422"),
    ],
)
def test_4xx_is_refused_for_good_with_what_it_says(
    slack: WebhookStandIn, channel: WebhookChannel, status: int, code: str, words: str
) -> None:
    slack.script(says(status, code))
    with pytest.raises(Refused) as refused:
        hand_over(channel)
    assert refused.value.reason == f"The webhook for rights answered {words}."
    assert refused.value.permanent is True
    assert refused.value.answer == {"status": status, "text": code}
    assert slack.messages("rights") == []


def test_a_webhook_that_is_gone_stops_no_other(slack: WebhookStandIn, channel: WebhookChannel) -> None:
    slack.remove("rights")
    with pytest.raises(Refused, match="404 no_service") as refused:
        hand_over(channel)
    assert refused.value.permanent is True
    hand_over(channel, parcel(to="claims"))
    assert slack.messages("claims") == [TEXT]


@pytest.mark.parametrize(
    ("body", "code"), [(b"not json", "invalid_payload"), (b"[]", "invalid_payload"), (b"{}", "no_text")]
)
def test_what_cannot_be_read_there_is_refused_for_good(
    slack: WebhookStandIn, channel: WebhookChannel, body: bytes, code: str
) -> None:
    with pytest.raises(Refused, match=f"400 {code}") as refused:
        hand_over(channel, parcel(body))
    assert refused.value.permanent is True
    assert slack.messages("rights") == []


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "30", timedelta(seconds=30)),
        (429, None, None),
        (429, "Thu, 24 Jul 2025 00:05:00 GMT", timedelta(minutes=5)),
        (429, "86400", timedelta(hours=1)),
        (408, "5", timedelta(seconds=5)),
    ],
)
def test_busy_is_refused_for_now_with_the_time_to_wait(
    slack: WebhookStandIn, channel: WebhookChannel, status: int, header: str | None, wait: timedelta | None
) -> None:
    slack.script(says(status, "rate_limited", retry_after=header))
    with pytest.raises(Refused, match=rf"is too busy \({status}\)") as refused:
        hand_over(channel)
    assert (refused.value.permanent, refused.value.retry_after) == (False, wait)
    assert hand_over(channel).answer["status"] == 200


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(slack: WebhookStandIn, channel: WebhookChannel, status: int) -> None:
    with Scripted(Answer(200, b"ok")) as elsewhere:
        slack.script(moved(status, f"{elsewhere.url}/{TOKEN}"))
        with pytest.raises(Refused, match=f"answered {status}, which points elsewhere") as refused:
            hand_over(channel)
        assert elsewhere.asked == []
    assert refused.value.permanent is True


def test_no_connection_is_refused_for_now(slack: WebhookStandIn, channel: WebhookChannel) -> None:
    with channel.prepare(parcel()) as handover:
        slack.stop()
        with pytest.raises(
            Refused, match=r"could not be reached \(ConnectError\); nothing was sent"
        ) as refused:
            handover.send()
    assert refused.value.permanent is False
    slack.start()
    assert slack.posts == []


def test_a_certificate_that_cannot_be_trusted_gets_nothing(build: Build, tmp_path: Path) -> None:
    context = make_certificate(tmp_path).server_context()
    came: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    came.append(secured.recv(100))
            except OSError:  # the other side leaves as soon as it sees the certificate
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        address = f"https://127.0.0.1:{server.getsockname()[1]}/services/{TOKEN}"
        with pytest.raises(Refused, match="ConnectError") as refused:
            hand_over(build(lambda _name: address))
        thread.join(5)
    assert refused.value.permanent is False
    assert [body for body in came if body] == []


def test_https_carries_the_body_where_the_certificate_is_trusted(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    came: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with certificate.server_context().wrap_socket(connection, server_side=True) as secured:
            while TEXT["text"].encode() not in b"".join(came):
                came.append(secured.recv(5_000))
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        receipt = hand_over(build(lambda _name: f"https://127.0.0.1:{port}/services/{TOKEN}"))
        thread.join(5)
    assert receipt.answer == {"status": 200, "text": "ok"}
    head = b"".join(came).split(b"\r\n\r\n")[0]
    assert head.startswith(f"POST /services/{TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
    assert head.lower().count(b"host:") == 1


def test_https_goes_through_the_proxy_of_the_environment_which_does_not_see_the_address(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(1000))
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Refused, match="nothing was sent") as refused:
            hand_over(build(lambda _name: f"https://hooks.invalid/services/{TOKEN}"))
        thread.join(5)
    assert refused.value.permanent is False
    assert heard[0].startswith(b"CONNECT hooks.invalid:443 ")
    assert TOKEN.encode() not in heard[0]


def test_a_stand_in_is_never_behind_a_proxy(
    slack: WebhookStandIn, channel: WebhookChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    hand_over(channel)
    assert len(slack.posts) == 1


# ---------------------------------------------------------------- who knows


@pytest.mark.parametrize(
    ("fault", "why", "answer"),
    [
        (faults.silence(), r"did not answer within 0\.5 seconds", {"error": "ReadTimeout"}),
        (faults.dropped(), "broke", {"error": "RemoteProtocolError"}),
        (faults.dropped(reset=True), "broke", {"error": "ReadError"}),
        (faults.server_error(500, handled=True), "answered 500", {"status": 500, "text": '{"message": "Internal Server Error"}'}),
        (faults.server_error(503, handled=True), "answered 503", {"status": 503, "text": '{"message": "Service Unavailable"}'}),
        (faults.cut_body(), "it broke off", {"status": 200, "text": "o"}),
    ],
)  # fmt: skip
def test_an_answer_lost_after_taking_is_unknown(
    slack: WebhookStandIn, channel: WebhookChannel, fault: Fault, why: str, answer: dict[str, Any]
) -> None:
    slack.script(fault)
    with pytest.raises(Unknown, match=why) as unknown:
        hand_over(channel)
    assert "it may have taken the message" in unknown.value.reason
    assert unknown.value.answer == answer
    assert slack.messages("rights") == [TEXT]


@pytest.mark.parametrize(
    "fault", [says(500, "rollup_error"), faults.server_error(502), faults.silence(handled=False)]
)
def test_a_failure_before_taking_cannot_be_told_from_it(
    slack: WebhookStandIn, channel: WebhookChannel, fault: Fault
) -> None:
    slack.script(fault)
    with pytest.raises(Unknown):
        hand_over(channel)
    assert slack.messages("rights") == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(200, b""), "answered 200, but not ok"),
        (Answer(200, b"<!doctype html><p>Sign in to the network"), "answered 200, but not ok"),
        (Answer(200, b"ok" + b" " * 100_000), "larger than 100000 bytes"),
        (Answer(200, b"\xff\0ok"), "answered 200, but not ok"),
        (Answer(202, b"ok"), "answered 202;"),
        (Answer(204), "answered 204"),
        (Answer(303, b"", {"Location": "/"}), "answered 303"),
    ],
)
def test_what_is_no_ok_is_unknown(build: Build, answer: Answer, why: str) -> None:
    with Scripted(answer) as far, pytest.raises(Unknown, match=why) as unknown:
        hand_over(build(lambda _name: f"{far.url}/services/{TOKEN}"))
    assert unknown.value.answer["status"] == answer.status
    assert len(unknown.value.answer["text"]) <= 500
    assert "\0" not in unknown.value.answer["text"]


@pytest.mark.parametrize("body", [b"ok", b"OK\n"])
def test_ok_is_ok(build: Build, body: bytes) -> None:
    with Scripted(Answer(200, body)) as far:
        assert hand_over(build(lambda _name: far.url)).answer["status"] == 200
    assert [(asked.path, asked.headers["host"]) for asked in far.asked] == [("/", f"127.0.0.1:{far.port}")]


def test_silence_is_waited_for_no_longer_than_the_time_limit(
    slack: WebhookStandIn, channel: WebhookChannel
) -> None:
    slack.script(faults.silence())
    started = time.monotonic()
    with pytest.raises(Unknown):
        hand_over(channel)
    assert 0.5 <= time.monotonic() - started < 3


# ---------------------------------------------------------------- the secret


@pytest.mark.parametrize(
    "tail", [f"/services/T0AAAAAAAAA/B0AAAAAAAAA/{TOKEN}", f"/hook?key={TOKEN}", f"/%7E{TOKEN}/x"]
)
@pytest.mark.parametrize("status", [200, 302, 403, 404, 429, 500])
def test_the_address_shows_nowhere(
    build: Build, caplog: pytest.LogCaptureFixture, tail: str, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    page = f"No route to {tail} or {tail.removeprefix('/')} or {TOKEN}. " + "x" * 350 + f" {TOKEN} {TOKEN}"
    with Scripted(Answer(status, page.encode())) as far:
        address = f"{far.url}{tail}"
        channel = build(lambda _name: address)
        with channel.prepare(parcel()) as handover, pytest.raises((Refused, Unknown)) as failed:
            handover.send()
    assert TOKEN in f"{far.asked[0].path}{far.asked[0].query}"
    error: Any = failed.value
    assert "[secret]" in error.answer["text"]
    shown = [
        caplog.text,
        *map(str, (record.args for record in caplog.records)),
        repr(channel),
        repr(vars(channel)),
        repr(handover),
        repr(vars(handover)),
        repr(error),
        repr(error.answer),
        "".join(traceback.format_exception(error)),
    ]
    assert "HTTP Request: POST https://webhook.invalid/" in caplog.text
    assert not [text for text in shown if TOKEN in text or TOKEN[:12] in text or address in text]


@pytest.mark.parametrize("ending", [faults.silence(), faults.dropped(), faults.dropped(reset=True), None])
def test_the_address_is_in_no_failure_of_the_connection(
    build: Build, slack: WebhookStandIn, caplog: pytest.LogCaptureFixture, ending: Fault | None
) -> None:
    caplog.set_level(logging.DEBUG)
    address = slack.address("rights")
    token = address.rpartition("/")[2]
    if ending is None:
        slack.stop()
    else:
        slack.script(ending)
    with pytest.raises((Refused, Unknown)) as failed:
        hand_over(build(slack.address))
    cause: Any = failed.value.__cause__
    assert str(cause.request.url) == "https://webhook.invalid/"
    shown = [caplog.text, "".join(traceback.format_exception(failed.value)), repr(failed.value), repr(cause)]
    assert not [text for text in shown if token in text or address in text]


def test_the_stand_in_points_elsewhere_for_what_is_no_webhook(build: Build, slack: WebhookStandIn) -> None:
    with pytest.raises(Refused, match="is not at its address: it answered 302"):
        hand_over(build(lambda _name: f"{slack.url}/nothing/{TOKEN}"))
    assert [(post.to, post.status) for post in slack.posts] == [(None, 302)]
    assert slack.posts[0].message == TEXT
