"""The stand-in for push services: what it turns away, so that a test that passes against it says something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from recoup.adapters import web_push_sealing
from recoup.core.push import VapidKeys, from_base64url
from recoup.sandbox.push_service import PushServiceStandIn, Subscription

NOW = datetime(2025, 7, 24, tzinfo=UTC)
KEYS = VapidKeys.make()
FINE = {"Content-Encoding": "aes128gcm", "TTL": "60", "Urgency": "low", "Topic": "a-b_9"}


@pytest.fixture
def service() -> Iterator[PushServiceStandIn]:
    with PushServiceStandIn(now=lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def browser(service: PushServiceStandIn) -> Subscription:
    return service.subscribe(KEYS.public)


def signed(service: PushServiceStandIn, *, keys: VapidKeys = KEYS, shown: str = "", **claims: Any) -> str:
    told = {"aud": service.url, "exp": int((NOW + timedelta(hours=1)).timestamp()), "sub": "mailto:a@b.test"}
    known = {name: value for name, value in {**told, **claims}.items() if value is not None}
    private: Any = load_pem_private_key(keys.private_pem.encode(), password=None)
    return f"vapid t={jwt.encode(known, private, algorithm='ES256')}, k={shown or keys.public}"


def sealed(to: Subscription, text: bytes = b'{"title": "x"}', *, padding: int = 0) -> bytes:
    return web_push_sealing.encrypted(
        text,
        p256dh=from_base64url(to.p256dh),
        auth=from_base64url(to.auth),
        sender=ec.generate_private_key(ec.SECP256R1()),
        salt=os.urandom(16),
        padding=padding,
    )


def post(to: Subscription, authorization: str, body: bytes | None = None, **changes: str) -> httpx2.Response:
    headers = {"Authorization": authorization, **FINE, **{n.replace("_", "-"): v for n, v in changes.items()}}
    return httpx2.post(to.endpoint, content=sealed(to) if body is None else body, headers=headers)


def test_takes_what_is_right(service: PushServiceStandIn, browser: Subscription) -> None:
    answer = post(browser, signed(service), sealed(browser, b'{"title": "yes"}', padding=700))
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{service.url}/message/")
    assert service.notices(browser) == [{"title": "yes"}]
    (push,) = service.pushes
    assert browser.endpoint.endswith(push.token)
    assert (push.headers["topic"], push.status, push.fault) == ("a-b_9", 201, None)


def test_anybody_may_write_to_a_browser_that_named_nobody(service: PushServiceStandIn) -> None:
    open_to_all = service.subscribe()
    assert post(open_to_all, signed(service, keys=VapidKeys.make())).status_code == 201


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 201),
        ({"sub": "https://b.test"}, 201),
        ({"sub": "a@b.test"}, 403),
        ({"sub": None}, 403),
        ({"aud": "https://fcm.googleapis.com"}, 403),
        ({"aud": None}, 403),
        ({"exp": None}, 403),
        ({"exp": int(NOW.timestamp())}, 403),
        ({"exp": int((NOW + timedelta(hours=24)).timestamp())}, 201),
        ({"exp": int((NOW + timedelta(hours=24, seconds=1)).timestamp())}, 403),
    ],
)
def test_looks_at_what_is_signed(
    service: PushServiceStandIn, browser: Subscription, claims: dict[str, Any], status: int
) -> None:
    answer = post(browser, signed(service, **claims))
    assert answer.status_code == status
    assert len(service.notices(browser)) == (status == 201)


def test_looks_at_who_signed(service: PushServiceStandIn, browser: Subscription) -> None:
    other = VapidKeys.make()
    for authorization, status, reason in (
        ("", 401, "MissingAuthorization"),
        ("Bearer x", 401, "MissingAuthorization"),
        (signed(service, keys=other), 403, "VapidPkHashMismatch"),
        (signed(service, keys=other, shown=KEYS.public), 403, "BadJwtToken"),
        (f"vapid t=a.b.c, k={KEYS.public}", 403, "BadJwtToken"),
    ):
        answer = post(browser, authorization)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert service.notices(browser) == []


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"TTL": "soon"}, 400, "BadTtl"),
        ({"Urgency": "now"}, 400, "BadUrgency"),
        ({"Topic": "a b"}, 400, "BadWebPushTopic"),
        ({"Topic": "x" * 33}, 400, "BadWebPushTopic"),
        ({"Content_Encoding": "aesgcm"}, 400, "BadContentEncoding"),
    ],
)
def test_looks_at_the_headers(
    service: PushServiceStandIn, browser: Subscription, changes: dict[str, str], status: int, reason: str
) -> None:
    answer = post(browser, signed(service), **changes)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert service.notices(browser) == []


def test_takes_no_more_than_it_has_to(service: PushServiceStandIn, browser: Subscription) -> None:
    room = web_push_sealing.LONGEST_TEXT - len(b'{"title": "x"}')
    assert post(browser, signed(service), sealed(browser, padding=room)).status_code == 201
    answer = post(browser, signed(service), sealed(browser, padding=room + 1))
    assert (answer.status_code, answer.json()["reason"]) == (413, "PayloadTooLarge")


def test_takes_nothing_that_its_browser_cannot_read(
    service: PushServiceStandIn, browser: Subscription
) -> None:
    for body in (b"", b"x" * 200, sealed(service.subscribe()), sealed(browser, b"no json")):
        answer = post(browser, signed(service), body)
        assert (answer.status_code, answer.json()["reason"]) == (400, "NotForThisBrowser")
    assert service.notices(browser) == []


def test_knows_who_left_and_who_never_was(service: PushServiceStandIn, browser: Subscription) -> None:
    service.unsubscribe(browser)
    assert post(browser, signed(service)).status_code == 410
    assert httpx2.post(f"{service.url}/send/nobody").status_code == 404
    assert httpx2.get(browser.endpoint).status_code == 404


def test_the_newest_of_a_topic_waits(service: PushServiceStandIn, browser: Subscription) -> None:
    for number, topic in enumerate(("a", "b", "a")):
        post(browser, signed(service), sealed(browser, str(number).encode()), Topic=topic)
    assert service.notices(browser) == [0, 1, 2]
    assert service.waiting(browser) == [2, 1]
