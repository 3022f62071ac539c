"""The SMS channel against the stand-in, over real HTTP: what each answer is taken for, and that nothing tells."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recoup.adapters.sms import SmsChannel, TwilioSettings
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import Channel, ChannelDown, Parcel, Receipt, Refused, Unknown
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Asked, Fault
from recoup.sandbox.http import StandIn
from recoup.sandbox.sms import ACCOUNT, TOKEN, TwilioStandIn, moved, says

NOW = datetime(2025, 7, 24, tzinfo=UTC)
TO, SENDER = "+41791234567", "+41790000000"
TEXT = "471147 is your code, ü & 100 % + more"


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


Build = Callable[..., SmsChannel]


@pytest.fixture
def build() -> Iterator[Build]:
    made: list[SmsChannel] = []

    def make(url: str, **changes: Any) -> SmsChannel:
        given: dict[str, Any] = {"account_sid": ACCOUNT, "auth_token": TOKEN, "sender": SENDER, "url": url}
        settings = TwilioSettings(**given | changes)
        made.append(SmsChannel(settings, read_timeout=timedelta(seconds=0.5), now=lambda: NOW))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(build: Build, twilio: TwilioStandIn) -> SmsChannel:
    return build(twilio.url)


def parcel(payload: bytes | None = None, *, to: str = TO, text: str = TEXT) -> Parcel:
    body = json.dumps({"to": to, "text": text}).encode() if payload is None else payload
    return Parcel(key="notices:1:sms", payload=body, headers={"to": to}, handings=0)


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


def test_a_text_arrives_as_it_was_frozen(twilio: TwilioStandIn, channel: SmsChannel) -> None:
    receipt = hand_over(channel)
    (text,) = twilio.texts
    assert (text.to, text.sender, text.text) == (TO, SENDER, TEXT)
    assert receipt.reference == text.sid
    assert receipt.answer == {"http": 201, "sid": text.sid, "status": "queued", "num_segments": "1"}
    (post,) = twilio.posts
    assert (post.method, post.path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert post.media_type == "application/x-www-form-urlencoded"
    assert post.form == {"To": TO, "From": SENDER, "Body": TEXT}


def test_a_messaging_service_chooses_the_sender(build: Build, twilio: TwilioStandIn) -> None:
    hand_over(build(twilio.url, messaging_service="MG471147"))
    assert twilio.posts[0].form == {"To": TO, "MessagingServiceSid": "MG471147", "Body": TEXT}


def test_is_a_channel_that_does_not_dedupe(channel: SmsChannel) -> None:
    typed: Channel = channel
    assert (typed.name, typed.dedupes) == ("sms", False)


def test_nothing_is_sent_before_send(twilio: TwilioStandIn, channel: SmsChannel) -> None:
    with channel.prepare(parcel()):
        assert twilio.posts == []


def test_the_door_can_be_knocked_at_without_sending(
    build: Build, twilio: TwilioStandIn, channel: SmsChannel
) -> None:
    assert channel.check() == "Twilio takes our credentials."
    with pytest.raises(Misconfigured, match="401"):
        build(twilio.url, auth_token="another").check()
    assert twilio.texts == []
    twilio.stop()
    with pytest.raises(Unavailable):
        channel.check()


# ---------------------------------------------------------------- nothing happened over there


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"to": "+41791234567"}', b"\xff"])
def test_what_is_no_text_is_refused_for_good(
    twilio: TwilioStandIn, channel: SmsChannel, payload: bytes
) -> None:
    with pytest.raises(Refused, match="holds no text") as refused:
        hand_over(channel, parcel(payload))
    assert refused.value.permanent is True
    assert twilio.posts == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (21211, "it is no telephone number"),
        (21610, "the recipient answered STOP to an earlier text"),
        (21614, "the number cannot get texts"),
        (29999, "Something new"),
    ],
)
def test_a_number_that_is_refused_stops_no_other(
    twilio: TwilioStandIn, channel: SmsChannel, code: int, words: str
) -> None:
    twilio.script(says(400, code, message="Something new"))
    with pytest.raises(Refused) as refused:
        hand_over(channel)
    assert refused.value.reason == f"Twilio refused the text: {code}, {words}."
    assert refused.value.permanent is True
    assert refused.value.answer == {"status": 400, "code": code, "message": f"{code}, {words}"}
    hand_over(channel, parcel(to="+41797654321"))
    assert [text.to for text in twilio.texts] == ["+41797654321"]


def test_a_country_that_is_switched_off_there_stops_no_other(
    twilio: TwilioStandIn, channel: SmsChannel
) -> None:
    twilio.script(says(403, 21408))
    with pytest.raises(Refused, match="texts to this country are switched off") as refused:
        hand_over(channel)
    assert refused.value.permanent is True


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "30", timedelta(seconds=30)),
        (429, None, None),
        (429, "86400", timedelta(hours=1)),
        (408, "5", timedelta(seconds=5)),
    ],
)
def test_busy_is_refused_for_now_with_the_time_to_wait(
    twilio: TwilioStandIn, channel: SmsChannel, status: int, header: str | None, wait: timedelta | None
) -> None:
    twilio.script(says(status, 20429, retry_after=header))
    with pytest.raises(Refused, match=rf"too busy \({status}\)") as refused:
        hand_over(channel)
    assert (refused.value.permanent, refused.value.retry_after) == (False, wait)
    assert hand_over(channel).reference == twilio.texts[0].sid


def test_a_full_queue_is_refused_for_now(twilio: TwilioStandIn, channel: SmsChannel) -> None:
    twilio.script(says(400, 21611))
    with pytest.raises(Refused) as refused:
        hand_over(channel)
    assert refused.value.permanent is False


def test_no_connection_is_refused_for_now(twilio: TwilioStandIn, channel: SmsChannel) -> None:
    with channel.prepare(parcel()) as handover:
        twilio.stop()
        with pytest.raises(Refused, match=r"\(ConnectError\); nothing was sent") as refused:
            handover.send()
    assert refused.value.permanent is False


# ---------------------------------------------------------------- nothing at all can leave


@pytest.mark.parametrize(
    "fault",
    [
        says(401, 20003),
        says(403, 20003),
        says(403, 20005, message="Account not active"),
        says(404, 20404),
        says(400, 21606),
        says(400, 21659, message="'From' is not a Twilio phone number"),
        moved(302, "https://elsewhere.invalid/"),
        moved(308, "https://elsewhere.invalid/"),
    ],
    ids=lambda fault: fault.name,
)
def test_what_is_wrong_with_our_account_stops_the_channel(
    twilio: TwilioStandIn, channel: SmsChannel, fault: Fault
) -> None:
    twilio.script(fault)
    with pytest.raises(ChannelDown):
        hand_over(channel)
    assert twilio.texts == []


def test_a_wrong_token_stops_the_channel(build: Build, twilio: TwilioStandIn) -> None:
    with pytest.raises(ChannelDown, match="does not take our credentials: 20003, Authenticate"):
        hand_over(build(twilio.url, auth_token="another"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "http://api.twilio.example"}, "is not https, so that our token could be read"),
        ({"url": "https://me:secret@api.twilio.example"}, "holds a user name or a password"),
        ({"account_sid": "AC/../x"}, "account SID"),
        ({"sender": None}, "Neither a sender nor a messaging service"),
    ],
)
def test_settings_that_cannot_work_stop_the_channel_before_anything_is_sent(
    build: Build, changes: dict[str, Any], why: str
) -> None:
    channel = build("https://api.twilio.example", **changes) if "url" not in changes else build(**changes)
    with pytest.raises(ChannelDown, match=why):
        hand_over(channel)
    with pytest.raises(Misconfigured, match=why):
        channel.check()


# ---------------------------------------------------------------- who knows


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.silence(), r"did not answer within 0\.5 seconds"),
        (faults.dropped(), "broke"),
        (faults.dropped(reset=True), "broke"),
        (faults.server_error(500, handled=True), "answered 500"),
        (faults.server_error(503, handled=True), "answered 503"),
        (faults.cut_body(), "it broke off"),
        (faults.html_page(200, handled=True), "answered 200"),
    ],
)
def test_an_answer_that_is_lost_is_unknown(
    twilio: TwilioStandIn, channel: SmsChannel, fault: Fault, why: str
) -> None:
    twilio.script(fault)
    with pytest.raises(Unknown, match=why) as unknown:
        hand_over(channel)
    assert unknown.value.reason.endswith("it may have taken the text.")
    assert len(twilio.texts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(201, b""),
        Answer(201, b"{}"),
        Answer(201, b"[1]"),
        Answer(200, b'{"sid": "SM1"}'),
        Answer(303, b"", {"Location": "/"}),
        Answer(201, b'{"sid": "SM1", "x": "' + b" " * 200_000 + b'"}'),
    ],
)
def test_what_is_no_receipt_is_unknown(build: Build, answer: Answer) -> None:
    with Scripted(answer) as far, pytest.raises(Unknown) as unknown:
        hand_over(build(far.url))
    assert unknown.value.answer["status"] == answer.status


def test_silence_is_waited_for_no_longer_than_the_time_limit(
    twilio: TwilioStandIn, channel: SmsChannel
) -> None:
    twilio.script(faults.silence())
    started = time.monotonic()
    with pytest.raises(Unknown):
        hand_over(channel)
    assert 0.5 <= time.monotonic() - started < 3


# ---------------------------------------------------------------- the secrets


@pytest.mark.parametrize("status", [201, 400, 401, 429, 500])
def test_neither_the_token_nor_the_text_shows_anywhere(
    build: Build, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"code": 29998, "message": f"No {TOKEN} for {TEXT}", "sid": "SM1", "body": TEXT})
    with Scripted(Answer(status, body.encode())) as far:
        channel = build(far.url)
        with channel.prepare(parcel()) as handover:
            try:
                ended: Any = handover.send()
            except (Refused, ChannelDown, Unknown) as error:
                ended = error
    shown = [
        caplog.text,
        repr(channel),
        repr(channel._settings),
        repr(ended),
        str(ended),
        repr(getattr(ended, "answer", "")),
    ]
    if isinstance(ended, Exception):
        shown.append("".join(traceback.format_exception(ended)))
    assert TEXT in far.asked[0].body.decode() or b"471147" in far.asked[0].body
    assert not [text for text in shown if TOKEN in text or "471147" in text]
