"""The channel of Web Push against the stand-in, over real HTTP: what browsers read, what answers mean, what shows nowhere."""

from __future__ import annotations

import itertools
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from recoup.adapters import web_push_sealing
from recoup.adapters.web_push import (
    GONE,
    KNOWN_HOSTS,
    PushChannel,
    VapidKeys,
    endpoint_trouble,
    keys_trouble,
)
from recoup.core.ports import Channel, ChannelDown, Parcel, Receipt, Refused, Unknown
from recoup.core.push import LONGEST_ENDPOINT, from_base64url, point, to_base64url
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Asked, Fault
from recoup.sandbox.http import StandIn
from recoup.sandbox.push_service import PushServiceStandIn, Subscription, moved, opened, says

NOW = datetime(2025, 7, 24, tzinfo=UTC)
CONTACT = "mailto:house@example.com"
HERE = ["127.0.0.1"]
NOTICE = {
    "title": "Claim 4711",
    "text": "We approved 1,250.50 EUR: ä€.",
    "link": "/desk/my-claims/4711",
    "tag": "claim:4711",
}
TOKEN = "Zm9vYmFyYmF6cXV4NDcxMTA4"
KEYS = VapidKeys.make()


@pytest.fixture
def service() -> Iterator[PushServiceStandIn]:
    with PushServiceStandIn(now=lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def browser(service: PushServiceStandIn) -> Subscription:
    return service.subscribe(KEYS.public)


Build = Callable[..., PushChannel]


@pytest.fixture
def build() -> Iterator[Build]:
    made: list[PushChannel] = []

    def make(keys: VapidKeys = KEYS, **changes: Any) -> PushChannel:
        given: dict[str, Any] = {
            "contact": CONTACT,
            "hosts": HERE,
            "now": lambda: NOW,
            "read_timeout": timedelta(seconds=0.5),
        }
        made.append(PushChannel(lambda: keys, **given | changes))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(build: Build) -> PushChannel:
    return build()


def parcel(to: Subscription, **changes: Any) -> Parcel:
    told = {"endpoint": to.endpoint, "p256dh": to.p256dh, "auth": to.auth, "notice": NOTICE, **changes}
    return Parcel(key="claims:1", payload=json.dumps(told).encode(), headers={}, handings=0)


def hand_over(channel: Channel, what: Parcel) -> Receipt:
    with channel.prepare(what) as handover:
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


def at(stand_in: StandIn, *, tail: str = f"/send/{TOKEN}") -> Subscription:
    """Return a browser whose push service is some stand-in."""
    private = ec.generate_private_key(ec.SECP256R1())
    p256dh = to_base64url(point(private.public_key()))
    return Subscription(f"{stand_in.url}{tail}", p256dh, to_base64url(bytes(range(16))), private)


# ---------------------------------------------------------------- what is sent


def private_key(number: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_base64url(number)), ec.SECP256R1())


RFC_8291 = {
    "text": b"When I grow up, I want to be a watermelon",
    "receiver": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    "sender": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "body": "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK"
    "6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
}  # fmt: skip
"""The worked example of section 5, with the keys that appendix A names."""


def test_encrypts_the_example_of_rfc_8291_to_the_byte() -> None:
    it: dict[str, Any] = RFC_8291
    body = web_push_sealing.encrypted(
        it["text"],
        p256dh=from_base64url(it["p256dh"]),
        auth=from_base64url(it["auth"]),
        sender=private_key(it["sender"]),
        salt=from_base64url(it["salt"]),
    )
    assert to_base64url(body) == it["body"]


def test_the_stand_in_reads_the_example_of_rfc_8291() -> None:
    it: dict[str, Any] = RFC_8291
    receiver = private_key(it["receiver"])
    assert to_base64url(point(receiver.public_key())) == it["p256dh"]
    subscription = Subscription("", it["p256dh"], it["auth"], receiver)
    body = from_base64url(it["body"])
    assert opened(body, subscription) == it["text"]
    for place in (0, 30, len(body) - 1):  # the salt, the sender's key, what is sealed
        spoilt = bytearray(body)
        spoilt[place] ^= 1
        with pytest.raises(ValueError, match=r"."):
            opened(bytes(spoilt), subscription)


def test_a_browser_reads_what_was_told_to_it_and_no_other_does(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    receipt = hand_over(channel, parcel(browser))
    assert receipt == Receipt(reference="", answer={"status": 201, "text": ""})
    assert service.notices(browser) == [NOTICE]
    other = service.subscribe()
    with pytest.raises(ValueError, match="another browser"):
        opened(service.pushes[0].body, other)
    for word in (b"4711", b"approved"):
        assert word not in service.pushes[0].body


def test_the_same_notice_is_never_the_same_bytes(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    for _ in range(2):
        hand_over(channel, parcel(browser))
    first, second = (push.body for push in service.pushes)
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


def test_the_length_does_not_tell_which_sentence_it_is(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    for text in ("No.", "We approved it, and the money is on its way to you.", "ä" * 300):
        hand_over(channel, parcel(browser, notice={**NOTICE, "text": text}))
    assert len({len(push.body) for push in service.pushes}) == 1
    assert [notice["text"][:3] for notice in service.notices(browser)] == ["No.", "We ", "äää"]


def test_the_longest_notice_is_taken_and_a_longer_one_refused_for_good(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    empty = len(json.dumps({**NOTICE, "text": ""}).encode())
    room = web_push_sealing.LONGEST_TEXT - empty
    hand_over(channel, parcel(browser, notice={**NOTICE, "text": "x" * room}))
    assert len(service.pushes[0].body) == web_push_sealing.LONGEST_BODY
    with pytest.raises(
        Refused, match=r"^The notice has 3,994 bytes, and a push service takes at most 3,993\.$"
    ) as no:
        hand_over(channel, parcel(browser, notice={**NOTICE, "text": "x" * (room + 1)}))
    assert no.value.permanent is True
    assert len(service.pushes) == 1


def test_the_headers_say_how_long_how_urgent_and_what_it_replaces(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    hand_over(channel, parcel(browser))
    headers = service.pushes[0].headers
    assert headers["ttl"] == str(24 * 60 * 60)
    assert headers["urgency"] == "normal"
    assert (headers["content-encoding"], headers["content-type"]) == ("aes128gcm", "application/octet-stream")
    assert headers["topic"].isalnum()
    assert len(headers["topic"]) <= 32
    assert "4711" not in headers["topic"]


def test_a_newer_status_of_one_claim_replaces_an_older_that_waits(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    other = {**NOTICE, "tag": "claim:4712"}
    untagged = {**NOTICE, "tag": ""}
    newest = {**NOTICE, "text": "It is paid."}
    for notice in (NOTICE, other, untagged, untagged, newest):
        hand_over(channel, parcel(browser, notice=notice))
    assert service.waiting(browser) == [newest, other, untagged, untagged]
    assert "topic" not in service.pushes[2].headers


def test_a_topic_is_another_one_for_each_browser(service: PushServiceStandIn, channel: PushChannel) -> None:
    for _ in range(2):
        hand_over(channel, parcel(service.subscribe()))
    assert len({push.headers["topic"] for push in service.pushes}) == 2


def test_is_a_channel_that_does_not_dedupe(channel: PushChannel) -> None:
    typed: Channel = channel
    assert (typed.name, typed.dedupes) == ("push", False)


def test_nothing_is_sent_before_send(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    with channel.prepare(parcel(browser)):
        assert service.pushes == []


def test_threads_share_a_channel(service: PushServiceStandIn, channel: PushChannel) -> None:
    browsers = [service.subscribe() for _ in range(8)]
    threads = [threading.Thread(target=hand_over, args=(channel, parcel(one))) for one in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [service.notices(one) for one in browsers] == [[NOTICE]] * 8


# ---------------------------------------------------------------- our signature


def claims_of(service: PushServiceStandIn) -> dict[str, Any]:
    token = service.pushes[-1].headers["authorization"].removeprefix("vapid t=").partition(",")[0]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.parametrize(
    ("contact", "subject"),
    [
        (CONTACT, CONTACT),
        ("house@example.com", "mailto:house@example.com"),
        ("https://example.com/contact", "https://example.com/contact"),
    ],
)
def test_signs_for_this_service_and_half_a_day(
    service: PushServiceStandIn, build: Build, browser: Subscription, contact: str, subject: str
) -> None:
    hand_over(build(contact=contact), parcel(browser))
    ends = int((NOW + timedelta(hours=12)).timestamp())
    assert claims_of(service) == {"aud": service.url, "exp": ends, "sub": subject}


def test_keys_that_were_made_belong_together() -> None:
    made, other = VapidKeys.make(), VapidKeys.make()
    assert made.public != other.public
    raw = from_base64url(made.public)
    assert (len(raw), raw[0]) == (65, 4)
    assert "PRIVATE" not in repr(made)
    assert made.public in repr(made)


def rsa_like() -> str:
    """Return a private key of another kind."""
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "keys",
    [
        VapidKeys(private_pem="", public=KEYS.public),
        VapidKeys(private_pem=KEYS.private_pem[:-60], public=KEYS.public),
        replace(KEYS, public=VapidKeys.make().public),
        VapidKeys(private_pem=rsa_like(), public=KEYS.public),
    ],
)
def test_keys_that_cannot_be_used_stop_the_channel_and_are_not_shown(
    service: PushServiceStandIn, build: Build, browser: Subscription, keys: VapidKeys
) -> None:
    with pytest.raises(
        ChannelDown, match=r"^The keys with which notices are signed cannot be used\.$"
    ) as down:
        hand_over(build(keys), parcel(browser))
    told = "".join(traceback.format_exception(down.value))
    assert not [line for line in keys.private_pem.splitlines()[1:-1] if line in told]
    assert service.pushes == []


def test_new_keys_hold_at_once(browser: Subscription) -> None:
    known = [VapidKeys.make()]
    channel = PushChannel(lambda: known[0], contact=CONTACT, hosts=HERE, now=lambda: NOW)
    with pytest.raises(Refused, match="VapidPkHashMismatch"):
        hand_over(channel, parcel(browser))
    known[0] = KEYS
    hand_over(channel, parcel(browser))
    channel.close()


# ---------------------------------------------------------------- whom we ask

FINE = [
    "https://fcm.googleapis.com/fcm/send/abc:APA91b-_x",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABo_-x",
    "https://web.push.apple.com/QF8w7V0M5Z3hbQiw4tIsMBJ",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAABP%2b%3d",
    "https://a.b.notify.windows.com/",
]
ODD = [
    ("http://fcm.googleapis.com/fcm/send/x", "is not https"),
    ("ftp://fcm.googleapis.com/x", "is not a web address"),
    ("fcm.googleapis.com/x", "is not a web address"),
    ("", "is not a web address"),
    ("https://me@fcm.googleapis.com/x", "holds a user name or a password"),
    ("https://fcm.googleapis.com@evil.test/x", "holds a user name or a password"),
    ("https://fcm.googleapis.com:443/x", "names a port"),
    ("https://fcm.googleapis.com:/x", "names a port"),
    ("https://fcm.googleapis.com:22x/", "cannot be read"),
    ("https://127.0.0.1/x", "has a number instead of a name"),
    ("https://2130706433/x", "has a number instead of a name"),
    ("https://0x7f000001/x", "has a number instead of a name"),
    ("https://127.1/x", "has a number instead of a name"),
    ("https://[::1]/x", "has a number instead of a name"),
    ("https://[::ffff:127.0.0.1]/x", "has a number instead of a name"),
    ("https://localhost/x", "cannot be read"),
    ("https://evil.test/x", "does not belong to a push service that is known here"),
    ("https://fcm.googleapis.com.evil.test/x", "does not belong to a push service that is known here"),
    ("https://evilfcm.googleapis.com/x", "does not belong to a push service that is known here"),
    ("https://googleapis.com/x", "does not belong to a push service that is known here"),
    ("https://evil-notify.windows.com/x", "does not belong to a push service that is known here"),
    ("https://fcm.googleapis.com./x", "cannot be read"),
    ("https://fcm.googleapis.com", "cannot be read"),
    ("https://fcm.googleapis.com\\@evil.test/x", "cannot be read"),
    ("https://fcm.googleapis.com/x#@evil.test", "cannot be read"),
    ("https://fcm.googleapis.com/x y", "cannot be read"),
    ("https://fcm.googleapis.com/x\r\nHost: evil.test", "cannot be read"),
    ("https://fcm.googleapis.com/\0", "cannot be read"),
    ("https://fcm.googleapis.com/ü", "cannot be read"),
    ("https://ｆcm.googleapis.com/x", "cannot be read"),  # noqa: RUF001 - that is the point
    ("https://fcm.googleapis.com/" + "x" * LONGEST_ENDPOINT, "is longer than 2000 characters"),
    ("http://127.0.0.1:8080/send/x", "is not https"),
]  # fmt: skip


@pytest.mark.parametrize("url", FINE)
def test_push_services_of_browsers_are_known(url: str) -> None:
    assert endpoint_trouble(url, KNOWN_HOSTS) is None


@pytest.mark.parametrize(("url", "trouble"), ODD)
def test_nobody_else_is_asked(build: Build, url: str, trouble: str) -> None:
    assert endpoint_trouble(url, KNOWN_HOSTS) == trouble
    channel = build(hosts=KNOWN_HOSTS)
    browser = Subscription(url, KEYS.public, to_base64url(bytes(16)), private_key("AQ"))
    with pytest.raises(Refused, match=f"^The address that the browser gave {trouble}") as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.permanent is True
    assert url == "" or url not in "".join(traceback.format_exception(refused.value))


def test_a_host_of_ones_own_is_asked_however_it_is_written() -> None:
    assert endpoint_trouble("https://push.example.com/x", ["Push.Example.com"]) is None
    assert endpoint_trouble("https://a.push.example.com/x", ["Push.Example.com"]) is None
    assert endpoint_trouble("https://push.example.com/x", []) is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/x", "http://127.0.0.1:65535/send/x?y=z"])
def test_a_stand_in_is_asked_where_it_is_named(url: str) -> None:
    assert endpoint_trouble(url, HERE) is None
    assert endpoint_trouble(url, [*KNOWN_HOSTS, *HERE]) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://127.0.0.1:443/x",
        "http://127.0.0.2:80/x",
        "http://127.0.0.1:80@evil.test/",
        "http://x.127.0.0.1:80/",
        "http://localhost:80/x",
    ],
)
def test_a_stand_in_is_one_address_alone(url: str) -> None:
    assert endpoint_trouble(url, [*KNOWN_HOSTS, *HERE]) is not None


POINT = from_base64url(KEYS.public)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", to_base64url(bytes(16))),
        ("no key!", to_base64url(bytes(16))),
        (to_base64url(POINT[:-1]), to_base64url(bytes(16))),
        (to_base64url(b"\x04" + bytes(64)), to_base64url(bytes(16))),  # no point of the curve
        (to_base64url(bytes([2 + POINT[64] % 2]) + POINT[1:33]), to_base64url(bytes(16))),  # compressed
        (KEYS.public, ""),
        (KEYS.public, to_base64url(bytes(15))),
        (KEYS.public, "a"),
    ],
    ids=["none", "no base64", "short", "off the curve", "compressed", "no auth", "short auth", "half a byte"],
)
def test_keys_that_are_no_browsers_are_refused_for_good(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, p256dh: str, auth: str
) -> None:
    assert keys_trouble(p256dh, auth) == "are not those of a browser"
    with pytest.raises(
        Refused, match=r"^The keys that the browser gave are not those of a browser\.$"
    ) as refused:
        hand_over(channel, parcel(browser, p256dh=p256dh, auth=auth))
    assert refused.value.permanent is True
    assert service.pushes == []


def test_keys_with_padding_are_read(service: PushServiceStandIn, channel: PushChannel) -> None:
    browser = service.subscribe()
    hand_over(channel, parcel(browser, p256dh=f"{browser.p256dh}=", auth=f"{browser.auth}=="))
    assert service.notices(browser) == [NOTICE]


@pytest.mark.parametrize(
    "payload",
    [b"", b"no json", b"\xff", b"[]", b"null", b"{}", b'{"notice": "x"}', b'{"notice": {"title": "x"}}',
     json.dumps({"endpoint": 7, "p256dh": "", "auth": "", "notice": NOTICE}).encode(),
     json.dumps({"endpoint": "", "p256dh": "", "auth": "", "notice": {**NOTICE, "tag": None}}).encode()],
)  # fmt: skip
def test_what_is_no_notice_is_refused_for_good(channel: PushChannel, payload: bytes) -> None:
    with pytest.raises(Refused, match=r"^What was to be sent is no notice for a browser\.$") as refused:
        hand_over(channel, Parcel(key="k", payload=payload, headers={}, handings=0))
    assert refused.value.permanent is True


# ---------------------------------------------------------------- nothing happened over there


def test_a_browser_that_left_is_gone(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    service.unsubscribe(browser)
    with pytest.raises(Refused) as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.reason == f"{GONE} the push service at 127.0.0.1 knows the browser no longer (410)."
    assert refused.value.permanent is True
    still = service.subscribe()
    hand_over(channel, parcel(still))
    assert service.notices(still) == [NOTICE]


@pytest.mark.parametrize("status", [404, 410])
def test_not_there_is_gone(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, status: int
) -> None:
    service.script(says(status, "Unregistered"))
    with pytest.raises(Refused) as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.reason.startswith(GONE)
    assert (refused.value.permanent, refused.value.answer["status"]) == (True, status)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 413, 422, 429, 408, 302, 500, 503, 204])
def test_nothing_else_is_gone(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, status: int
) -> None:
    service.script(says(status))
    with pytest.raises((Refused, Unknown)) as failed:
        hand_over(channel, parcel(browser))
    assert GONE not in failed.value.reason  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (400, "BadWebPushTopic", "answered 400 BadWebPushTopic."),
        (400, "", "answered 400."),
        (413, "PayloadTooLarge", "answered 413 PayloadTooLarge."),
        (405, "x" * 80, "answered 405."),
        (422, "<p>No.</p>", "answered 422."),
    ],
)
def test_4xx_is_refused_for_good_with_what_it_says(
    *,
    service: PushServiceStandIn,
    channel: PushChannel,
    browser: Subscription,
    status: int,
    reason: str,
    words: str,
) -> None:
    service.script(says(status, reason))
    with pytest.raises(Refused) as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.reason == f"The push service at 127.0.0.1 {words}"
    assert refused.value.permanent is True
    assert service.notices(browser) == []


def test_microsofts_reason_is_in_a_header(build: Build) -> None:
    why = f"Ttl value conflicts with X-WNS-Cache-Policy at {TOKEN}."
    with (
        Scripted(Answer(400, b"", {"X-WNS-Error-Description": why})) as far,
        pytest.raises(Refused) as refused,
    ):
        hand_over(build(), parcel(at(far)))
    assert refused.value.answer["text"] == why.replace(TOKEN, "[secret]")


@pytest.mark.parametrize(("status", "reason"), [(401, ""), (403, "BadJwtToken")])
def test_keys_that_are_refused_are_refused_for_good(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, status: int, reason: str
) -> None:
    service.script(says(status, reason))
    with pytest.raises(
        Refused, match=rf"{status} ?{reason}: it does not take our keys for this browser\."
    ) as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.permanent is True


def test_a_browser_of_other_keys_refuses_ours(service: PushServiceStandIn, channel: PushChannel) -> None:
    browser = service.subscribe(VapidKeys.make().public)
    with pytest.raises(Refused, match="403 VapidPkHashMismatch: it does not take our keys") as refused:
        hand_over(channel, parcel(browser))
    assert refused.value.permanent is True


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
    *,
    service: PushServiceStandIn,
    channel: PushChannel,
    browser: Subscription,
    status: int,
    header: str | None,
    wait: timedelta | None,
) -> None:
    service.script(says(status, "TooManyRequests", retry_after=header))
    with pytest.raises(Refused, match=rf"is too busy \({status}\)") as refused:
        hand_over(channel, parcel(browser))
    assert (refused.value.permanent, refused.value.retry_after) == (False, wait)
    assert hand_over(channel, parcel(browser)).answer["status"] == 201


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, status: int
) -> None:
    with Scripted(Answer(201)) as elsewhere:
        service.script(moved(status, f"{elsewhere.url}/{TOKEN}"))
        with pytest.raises(Refused, match=f"answered {status}, which points elsewhere") as refused:
            hand_over(channel, parcel(browser))
        assert elsewhere.asked == []
    assert refused.value.permanent is True


def test_no_connection_is_refused_for_now(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    with channel.prepare(parcel(browser)) as handover:
        service.stop()
        with pytest.raises(
            Refused, match=r"could not be reached \(ConnectError\); nothing was sent"
        ) as refused:
            handover.send()
    assert refused.value.permanent is False
    service.start()
    assert service.pushes == []


def test_a_stand_in_is_never_behind_a_proxy(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    hand_over(channel, parcel(browser))
    assert len(service.pushes) == 1


def test_the_proxy_of_the_environment_is_told_the_name_alone(
    build: Build, browser: Subscription, monkeypatch: pytest.MonkeyPatch
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
        there = replace(browser, endpoint=f"https://fcm.googleapis.com/fcm/send/{TOKEN}")
        with pytest.raises(
            Refused,
            match=r"^The push service at fcm\.googleapis\.com could not be reached .*; nothing was sent",
        ) as refused:
            hand_over(build(hosts=KNOWN_HOSTS), parcel(there))
        thread.join(5)
    assert refused.value.permanent is False
    assert heard[0].startswith(b"CONNECT fcm.googleapis.com:443 ")
    assert TOKEN.encode() not in heard[0]


# ---------------------------------------------------------------- it took it


@pytest.mark.parametrize(
    "answer",
    [
        Answer(201, b"", {"Location": f"https://fcm.googleapis.com/message/{TOKEN}"}),
        Answer(200, b"ok"),
        Answer(202, b'{"id": 1}'),
        Answer(201, b"x" * 200_000),
        Answer(201, b"\xff\0"),
    ],
)
def test_taken_is_taken_whatever_its_body(build: Build, answer: Answer) -> None:
    with Scripted(answer) as far:
        receipt = hand_over(build(), parcel(at(far)))
    assert (receipt.reference, receipt.answer["status"]) == ("", answer.status)
    assert len(receipt.answer["text"]) <= 500
    assert TOKEN not in repr(receipt)
    assert "\0" not in receipt.answer["text"]


def test_a_yes_that_broke_off_is_a_yes(build: Build) -> None:
    with Scripted(Answer(201, b"taken, thank you")) as far:
        far.script(faults.cut_body())
        assert hand_over(build(), parcel(at(far))).answer["status"] == 201


# ---------------------------------------------------------------- who knows


@pytest.mark.parametrize(
    ("fault", "why", "answer"),
    [
        (faults.silence(), r"did not answer within 0\.5 seconds", {"error": "ReadTimeout"}),
        (faults.dropped(), "The connection to the push service at 127.0.0.1 broke", {"error": "RemoteProtocolError"}),
        (faults.dropped(reset=True), "broke", {"error": "ReadError"}),
        (faults.server_error(500, handled=True), "answered 500", {"status": 500, "text": '{"message": "Internal Server Error"}'}),
        (faults.server_error(503, handled=True), "answered 503", {"status": 503, "text": '{"message": "Service Unavailable"}'}),
    ],
)  # fmt: skip
def test_an_answer_lost_after_taking_is_unknown(
    *,
    service: PushServiceStandIn,
    channel: PushChannel,
    browser: Subscription,
    fault: Fault,
    why: str,
    answer: dict[str, Any],
) -> None:
    service.script(fault)
    with pytest.raises(Unknown, match=why) as unknown:
        hand_over(channel, parcel(browser))
    assert "it may have taken the notice" in unknown.value.reason
    assert unknown.value.answer == answer
    assert service.notices(browser) == [NOTICE]


@pytest.mark.parametrize("fault", [says(500), faults.server_error(502), faults.silence(handled=False)])
def test_a_failure_before_taking_cannot_be_told_from_it(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription, fault: Fault
) -> None:
    service.script(fault)
    with pytest.raises(Unknown):
        hand_over(channel, parcel(browser))
    assert service.notices(browser) == []


@pytest.mark.parametrize("answer", [Answer(204), Answer(500, b"x" * 200_000), Answer(207, b"?")])
def test_what_is_neither_yes_nor_no_is_unknown(build: Build, answer: Answer) -> None:
    with Scripted(answer) as far, pytest.raises(Unknown) as unknown:
        hand_over(build(), parcel(at(far)))
    assert unknown.value.answer["status"] == answer.status
    assert len(unknown.value.answer["text"]) <= 500


def test_silence_is_waited_for_no_longer_than_the_time_limit(
    service: PushServiceStandIn, channel: PushChannel, browser: Subscription
) -> None:
    service.script(faults.silence())
    started = time.monotonic()
    with pytest.raises(Unknown):
        hand_over(channel, parcel(browser))
    assert 0.5 <= time.monotonic() - started < 3


# ---------------------------------------------------------------- the secrets


@pytest.mark.parametrize(
    ("status", "tail"),
    [
        *itertools.product([201, 302, 400, 403, 404, 429, 500], [f"/fcm/send/abc:{TOKEN}"]),
        *itertools.product([201, 400], [f"/w/?token={TOKEN}%3d", f"/%7E{TOKEN}/x"]),
    ],
)
def test_the_address_and_the_keys_show_nowhere(
    build: Build, caplog: pytest.LogCaptureFixture, status: int, tail: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with Scripted(Answer(status)) as far:
        browser = at(far, tail=tail)
        page = f"No route to {tail} or {tail.removeprefix('/')} or {TOKEN}, {browser.p256dh} {browser.auth}. "
        far.answer = replace(far.answer, body=(page + "x" * 200 + f" {TOKEN} {TOKEN}").encode())
        channel = build()
        outcome: Any
        with channel.prepare(parcel(browser)) as handover:
            try:
                outcome = handover.send()
            except (Refused, Unknown) as error:
                outcome = error
    assert TOKEN in f"{far.asked[0].path}{far.asked[0].query}"
    assert "[secret]" in outcome.answer["text"]
    shown = [
        caplog.text,
        *map(str, (record.args for record in caplog.records)),
        repr(channel),
        repr(vars(channel)),
        repr(handover),
        repr(vars(handover)),
        repr(outcome),
        repr(outcome.answer),
        *(traceback.format_exception(outcome) if isinstance(outcome, Exception) else ()),
    ]
    assert "HTTP Request: POST https://push.invalid/" in caplog.text
    secrets = (TOKEN, TOKEN[:12], browser.endpoint, browser.p256dh, browser.auth, NOTICE["text"], "PRIVATE")
    assert not [(secret, text) for text in shown for secret in secrets if secret in text]


@pytest.mark.parametrize("ending", [faults.silence(), faults.dropped(), faults.dropped(reset=True), None])
def test_the_address_is_in_no_failure_of_the_connection(
    *,
    channel: PushChannel,
    service: PushServiceStandIn,
    browser: Subscription,
    caplog: pytest.LogCaptureFixture,
    ending: Fault | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    token = browser.endpoint.rpartition("/")[2]
    if ending is None:
        service.stop()
    else:
        service.script(ending)
    with pytest.raises((Refused, Unknown)) as failed:
        hand_over(channel, parcel(browser))
    cause: Any = failed.value.__cause__
    assert str(cause.request.url) == "https://push.invalid/"
    shown = [caplog.text, "".join(traceback.format_exception(failed.value)), repr(failed.value), repr(cause)]
    assert not [text for text in shown if token in text or browser.auth in text or browser.p256dh in text]
