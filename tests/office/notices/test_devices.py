"""Browsers that want to be told: only real ones of known push services, ten at most, each somebody's."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.push import KNOWN_HOSTS, VapidKeys, to_base64url
from recoup.office.notices import own
from recoup.office.notices.rules import devices as rules
from recoup.office.notices.service import devices, push_keys
from recoup.office.notices.service.devices import Given
from support.notices import Notices

KEYS = VapidKeys.make()
AUTH = to_base64url(bytes(range(16)))
TOKEN = "c2VjcmV0LXRva2VuLW9mLWEtYnJvd3Nlcg"


def subscribe(notices: Notices, person: UUID, given: Given) -> UUID:
    with notices.system.sessions.begin() as db:
        return devices.subscribe(
            db,
            person_id=person,
            given=given,
            agent="Firefox on Linux",
            ways=notices.ways,
            actor="test",
            now=notices.system.clock(),
        ).id


@pytest.mark.parametrize(
    "endpoint",
    [
        f"https://fcm.googleapis.com/fcm/send/{TOKEN}",
        f"https://updates.push.services.mozilla.com/wpush/v2/{TOKEN}",
        f"https://web.push.apple.com/{TOKEN}",
        f"https://wns2-par02p.notify.windows.com/w/?token={TOKEN}",
    ],
)
def test_the_push_services_of_browsers_are_taken(endpoint: str) -> None:
    assert rules.checked(endpoint, KEYS.public, AUTH, hosts=KNOWN_HOSTS) in endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        f"http://fcm.googleapis.com/{TOKEN}",
        f"ftp://fcm.googleapis.com/{TOKEN}",
        f"https://127.0.0.1/{TOKEN}",
        f"http://127.0.0.1:8080/{TOKEN}",
        f"https://[::1]/{TOKEN}",
        f"https://2130706433/{TOKEN}",
        f"https://0x7f.1/{TOKEN}",
        f"https://169.254.169.254/latest/{TOKEN}",
        f"https://localhost/{TOKEN}",
        f"https://metadata.internal/{TOKEN}",
        f"https://example.com/{TOKEN}",
        f"https://fcm.googleapis.com.example.com/{TOKEN}",
        f"https://evilfcm.googleapis.com/{TOKEN}",
        f"https://fcm.googleapis.com@example.com/{TOKEN}",
        f"https://me:secret@fcm.googleapis.com/{TOKEN}",
        f"https://fcm.googleapis.com:8443/{TOKEN}",
        f"https://fcm.googleapis.com:443/{TOKEN}",
        f"https://fcm.googleapis.com\\@example.com/{TOKEN}",
        f"https://fcm.googleapis.com#@example.com/{TOKEN}",
        f"https://example.com/?https://fcm.googleapis.com/{TOKEN}",
        f"//fcm.googleapis.com/{TOKEN}",
        f"https://fcm.googleapis.com/{TOKEN}\r\nX: 1",
        f"https://fcm.googleapis.com/{'x' * 2_000}{TOKEN}",
        f"https://\N{FULLWIDTH LATIN SMALL LETTER F}cm.googleapis.com/{TOKEN}",
    ],
)
def test_no_other_address_is_ever_asked_or_shown(endpoint: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.checked(endpoint, KEYS.public, AUTH, hosts=KNOWN_HOSTS)
    assert TOKEN not in refused.value.sentence()


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", AUTH),
        (KEYS.public[:-4], AUTH),
        (to_base64url(bytes(65)), AUTH),
        (to_base64url(b"\x04" + bytes(64)), AUTH),
        ("!" * 87, AUTH),
        (KEYS.public, ""),
        (KEYS.public, to_base64url(bytes(15))),
        (KEYS.public, to_base64url(bytes(17))),
    ],
    ids=["none", "short", "no point", "off the curve", "no base64", "no auth", "short auth", "long auth"],
)
def test_keys_that_are_no_browsers_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(Invalid, match="keys"):
        rules.checked(f"https://web.push.apple.com/{TOKEN}", p256dh, auth, hosts=KNOWN_HOSTS)


def test_an_address_elsewhere_is_kept_nowhere(notices: Notices, carl: UUID) -> None:
    with pytest.raises(Invalid):
        subscribe(notices, carl, Given(f"https://fcm.googleapis.com/{TOKEN}", KEYS.public, AUTH))
    assert notices.rows("select count(*) from notices_subscriptions") == [
        (0,)
    ]  # only 127.0.0.1 is known here


def test_a_browser_that_is_known_gets_its_new_keys_and_is_not_a_second_one(
    notices: Notices, carl: UUID
) -> None:
    browser, first = notices.subscribe(carl)
    fresh = notices.push.subscribe()
    again = subscribe(notices, carl, Given(browser.endpoint, fresh.p256dh, fresh.auth, "Chrome on Windows"))
    assert again == first
    assert notices.rows("select label from notices_subscriptions") == [("Chrome on Windows",)]


def test_a_browser_belongs_to_who_is_signed_in_there_now(notices: Notices, carl: UUID, dora: UUID) -> None:
    browser, _ = notices.subscribe(carl)
    hers = subscribe(notices, dora, Given(browser.endpoint, browser.p256dh, browser.auth))
    assert notices.rows("select id, person_id from notices_subscriptions") == [(hers, dora)]
    assert notices.tell(carl) == []


def test_ten_devices_and_no_more(notices: Notices, carl: UUID, dora: UUID) -> None:
    for number in range(10):
        notices.subscribe(carl, label=f"Browser {number}")
    with pytest.raises(Conflict, match="10 devices"):
        notices.subscribe(carl)
    notices.subscribe(dora)
    assert notices.rows("select count(*) from notices_subscriptions where person_id = :p", p=carl) == [(10,)]


def test_one_removes_ones_own_devices_only(notices: Notices, carl: UUID, dora: UUID) -> None:
    browser, device = notices.subscribe(carl)
    with notices.system.sessions.begin() as db:
        with pytest.raises(NotFound):
            devices.remove(db, device, person_id=dora, actor="test", now=notices.system.clock())
        assert not devices.forget(
            db, browser.endpoint, person_id=dora, actor="test", now=notices.system.clock()
        )
        assert devices.forget(db, browser.endpoint, person_id=carl, actor="test", now=notices.system.clock())
    assert notices.rows("select count(*) from notices_subscriptions") == [(0,)]


def test_the_keys_are_made_once_and_kept_sealed(notices: Notices, carl: UUID) -> None:
    sealer, now = notices.ways.sealer, notices.system.clock()
    with notices.system.sessions.begin() as db:
        first = push_keys.holding(db, sealer=sealer)
        push_keys.set_up(db, sealer=sealer, now=now)
        assert push_keys.holding(db, sealer=sealer) == first
        shown = own.of(db, carl, ways=notices.ways, now=now)
    assert shown.public_key == first.public
    assert "PRIVATE KEY" in first.private_pem
    assert "PRIVATE" not in repr(first)
    ((sealed,),) = notices.rows("select sealed from notices_push_keys")
    assert isinstance(sealed, bytes)
    assert b"PRIVATE" not in sealed


def test_a_browser_that_cannot_be_unsealed_is_left_out_and_undoes_nothing(
    notices: Notices, carl: UUID
) -> None:
    notices.subscribe(carl, label="Chrome on Android")
    there, kept = notices.subscribe(carl, label="Firefox on Linux")
    with notices.system.sessions.begin() as db:
        db.execute(text("update notices_subscriptions set sealed = 'x' where id <> :id"), {"id": kept})
    assert len(notices.tell(carl)) == 1
    notices.drain()
    assert len(notices.push.notices(there)) == 1


def test_keys_that_cannot_be_unsealed_stop_the_channel_with_what_to_do(notices: Notices, carl: UUID) -> None:
    notices.subscribe(carl)
    notices.tell(carl)
    with notices.system.sessions.begin() as db:
        db.execute(text("update notices_push_keys set sealed = 'x'"))
    notices.drain()
    ((reason,),) = notices.rows("select reason from stopped_channels where channel = 'push'")
    assert "SECRET_KEY" in str(reason)
    assert notices.push.pushes == []
