"""The Clazar channel against the stand-in, over real HTTP: what each thing that can happen is taken for."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recoup.adapters.clazar import ClazarChannel
from recoup.adapters.clazar_token import ClazarSettings
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import Channel, ChannelDown, Parcel, Receipt, Refused, Unknown
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn, fewer_results, unauthorised
from recoup.sandbox.faults import Answer, Asked, json_answer
from recoup.sandbox.http import StandIn

CONTRACT = "0f0e6c1e-2222-4c0f-9b3a-000000000001"
SECRET = "stand-in-secret"


class MovableClock:
    def __init__(self) -> None:
        self.now = datetime(2025, 7, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moment() -> MovableClock:
    return MovableClock()


@pytest.fixture
def clazar(moment: MovableClock) -> Iterator[ClazarStandIn]:
    with ClazarStandIn(clock=moment) as stand_in:
        yield stand_in


Build = Callable[..., ClazarChannel]


@pytest.fixture
def build(clazar: ClazarStandIn, moment: MovableClock) -> Iterator[Build]:
    made: list[ClazarChannel] = []

    def make(**changes: Any) -> ClazarChannel:
        given: dict[str, Any] = {
            "client_id": "stand-in-client",
            "client_secret": SECRET,
            "metering_url": clazar.metering_url,
            "read_timeout": timedelta(seconds=0.5),
        }
        made.append(ClazarChannel(ClazarSettings(**given | changes), now=moment))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(build: Build) -> ClazarChannel:
    return build()


def record(**changes: Any) -> dict[str, Any]:
    return {
        "cloud": "aws",
        "contract_id": CONTRACT,
        "dimension": "cpu_core_hours",
        "start_time": "2025-07-23T21:00:00Z",
        "end_time": "2025-07-23T22:00:00Z",
        "quantity": "2",
    } | changes


def parcel(*records: dict[str, Any]) -> Parcel:
    body = json.dumps({"request": list(records or [record()])}).encode()
    return Parcel(key="metering/1", payload=body, headers={}, handings=0)


def hand_over(channel: Channel, what: Parcel | None = None) -> Receipt:
    with channel.prepare(what or parcel()) as handover:
        return handover.send()


class Scripted(StandIn):
    """Answers every metering request with the same bytes; signs everyone in."""

    def __init__(self, answer: Answer, signed_in: Answer | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.signed_in = signed_in or json_answer(200, {"access_token": "good-token", "expires_in": 600})
        self.asked: list[Asked] = []

    def handle(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.signed_in if "authenticate" in asked.path else self.answer


# ---------------------------------------------------------------- the way it should go


def test_posts_exactly_the_frozen_bytes(clazar: ClazarStandIn, channel: ClazarChannel) -> None:
    body = b'{ "request":[' + json.dumps(record(quantity="2")).encode() + b"\n] }"
    receipt = hand_over(channel, Parcel(key="k", payload=body, headers={"X-Other": "1"}, handings=0))
    (asked,) = clazar.asked("/metering/")
    assert (asked.body, asked.media_type) == (body, "application/json")
    (row,) = clazar.ledger
    assert receipt.reference == row.id
    assert receipt.answer == {
        "status": 200,
        "results": [record() | {"id": row.id, "status": "success", "custom_properties": {}}],
    }


def test_is_a_channel_that_dedupes(channel: ClazarChannel) -> None:
    typed: Channel = channel
    assert (typed.name, typed.dedupes) == ("clazar", True)


def test_nothing_is_sent_before_send(clazar: ClazarStandIn, channel: ClazarChannel) -> None:
    with channel.prepare(parcel()):
        assert [request.path for request in clazar.requests] == ["/authenticate/"]
    assert clazar.asked("/metering/") == []


def test_mixed_results_are_a_receipt_and_stay_as_they_are(
    clazar: ClazarStandIn, channel: ClazarChannel
) -> None:
    clazar.dimensions = {"a", "b", "c", "d"}
    hand_over(channel, parcel(*(record(dimension=name) for name in "abc")))
    receipt = hand_over(channel, parcel(*(record(dimension=name) for name in ("a", "b", "c", "d", "nope"))))
    results = {result["dimension"]: result for result in receipt.answer["results"]}
    duplicates = [results[name]["errors"] for name in "abc"]
    assert sorted(type(errors).__name__ for errors in duplicates) == ["list", "list", "str"]
    assert results["d"]["status"] == "success"
    assert results["nope"]["status"] == "fail"
    assert "errors" not in results["nope"]
    assert receipt.reference.split(",") == [one["id"] for one in receipt.answer["results"] if "id" in one]


def test_fewer_results_than_sent_are_a_receipt(clazar: ClazarStandIn, channel: ClazarChannel) -> None:
    clazar.script(fewer_results(1), path="/metering")
    receipt = hand_over(channel, parcel(record(), record(dimension="b")))
    assert len(receipt.answer["results"]) == 1
    assert len(clazar.ledger) == 2


def test_a_slow_answer_within_the_time_limit_is_waited_for(
    clazar: ClazarStandIn, channel: ClazarChannel
) -> None:
    clazar.script(faults.slow(0.2), path="/metering")
    assert hand_over(channel).answer["results"][0]["status"] == "success"


def test_answers_are_kept_exactly_and_storably(build: Build) -> None:
    body = (
        b'{"results":[{"id":7,"quantity":0.1000000000000000000001,"n":12345678901234567890,'
        b'"message":"a\\u0000b\\ud800c\\ud83d\\ude00"},"odd",{"id":"r-1"}]}'
    )
    with Scripted(Answer(200, body)) as far:
        receipt = hand_over(build(metering_url=f"{far.url}/metering/"))
    first, odd, last = receipt.answer["results"]
    assert first == {
        "id": 7,
        "quantity": "0.1000000000000000000001",
        "n": 12345678901234567890,
        "message": "a\ufffdb\ufffdc\U0001f600",
    }
    assert (odd, last, receipt.reference) == ("odd", {"id": "r-1"}, "r-1")


# ---------------------------------------------------------------- the token


@pytest.mark.parametrize(
    ("jwt_life", "lasts"), [(None, timedelta(hours=24)), (timedelta(hours=6), timedelta(hours=6))]
)
def test_a_token_is_kept_until_shortly_before_it_ends(
    build: Build,
    clazar: ClazarStandIn,
    moment: MovableClock,
    jwt_life: timedelta | None,
    lasts: timedelta,
) -> None:
    clazar.jwt_life = jwt_life
    channel = build()
    start = moment.now
    for offset in (timedelta(0), lasts / 2, lasts - timedelta(minutes=5, seconds=1)):
        moment.now = start + offset
        hand_over(channel, parcel(record(dimension=f"at {offset}")))
    assert [request.token for request in clazar.asked("/metering/")] == [1, 1, 1]
    moment.now = start + lasts - timedelta(minutes=5)
    hand_over(channel, parcel(record(dimension="renewed early")))
    assert [(r.token, r.status) for r in clazar.asked("/metering/")] == [(1, 200)] * 3 + [(2, 200)]
    assert len(clazar.asked("/authenticate/")) == 2


def test_a_short_lived_token_is_used_for_half_of_its_life(
    channel: ClazarChannel, clazar: ClazarStandIn, moment: MovableClock
) -> None:
    clazar.token_life = timedelta(minutes=4)
    hand_over(channel)
    moment.now += timedelta(minutes=1, seconds=59)
    hand_over(channel)
    moment.now += timedelta(seconds=1)
    hand_over(channel)
    assert [request.token for request in clazar.asked("/metering/")] == [1, 1, 2]


def test_a_revoked_token_is_renewed_once_and_the_same_bytes_go_again(
    channel: ClazarChannel, clazar: ClazarStandIn
) -> None:
    what = parcel()
    with channel.prepare(what) as handover:
        clazar.revoke_tokens()
        receipt = handover.send()
    assert receipt.answer["results"][0]["status"] == "success"
    assert [(r.status, r.body == what.payload) for r in clazar.asked("/metering/")] == [
        (401, True),
        (200, True),
    ]
    assert (len(clazar.asked("/authenticate/")), len(clazar.ledger)) == (2, 1)


def test_a_second_401_stops_the_channel(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    clazar.script(unauthorised(), path="/metering", times=2)
    with pytest.raises(ChannelDown, match="CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET may send metering"):
        hand_over(channel)
    assert [request.status for request in clazar.asked("/metering/")] == [401, 401]
    assert clazar.ledger == []


def test_renewal_that_gets_no_answer_is_tried_later(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    with channel.prepare(parcel()) as handover:
        clazar.revoke_tokens()
        clazar.script(faults.server_error(503), path="/authenticate")
        with pytest.raises(Refused) as refused:
            handover.send()
    assert refused.value.permanent is False
    assert clazar.ledger == []
    hand_over(channel)
    assert [(request.path, request.status) for request in clazar.requests[1:]] == [
        ("/metering/", 401),
        ("/authenticate/", 503),
        ("/authenticate/", 200),
        ("/metering/", 200),
    ]


def test_when_renewing_early_fails_the_token_is_used_to_its_end(
    channel: ClazarChannel, clazar: ClazarStandIn, moment: MovableClock
) -> None:
    hand_over(channel, parcel(record(dimension="first")))
    clazar.script(faults.server_error(503), path="/authenticate", times=None)
    moment.now += timedelta(hours=23, minutes=59, seconds=59)
    hand_over(channel, parcel(record(dimension="second")))
    assert [request.token for request in clazar.asked("/metering/")] == [1, 1]
    moment.now += timedelta(seconds=1)
    with pytest.raises(Refused):
        hand_over(channel)
    assert len(clazar.asked("/metering/")) == 2


def test_when_renewing_early_is_refused_the_channel_stops(
    channel: ClazarChannel, clazar: ClazarStandIn, moment: MovableClock
) -> None:
    hand_over(channel)
    clazar.client_secret = "rotated"
    moment.now += timedelta(hours=23, minutes=56)
    with pytest.raises(ChannelDown):
        hand_over(channel)
    assert len(clazar.asked("/metering/")) == 1


def test_threads_share_one_sign_in(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    clazar.script(faults.slow(0.15), path="/authenticate")
    hand_over_in_threads(channel, 4)
    assert len(clazar.asked("/authenticate/")) == 1
    assert len(clazar.ledger) == 4


def test_threads_share_one_renewal_after_401(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    hand_over(channel, parcel(record(dimension="first")))
    clazar.revoke_tokens()
    clazar.script(faults.slow(0.15), path="/authenticate")
    hand_over_in_threads(channel, 4)
    assert len(clazar.asked("/authenticate/")) == 2
    assert len(clazar.ledger) == 5


def test_threads_share_one_refusal(build: Build, clazar: ClazarStandIn) -> None:
    channel = build(client_secret="wrong-secret", read_timeout=timedelta(seconds=5))
    clazar.script(faults.slow(0.5), path="/authenticate")
    failures = hand_over_in_threads(channel, 4)
    assert [type(failure) for failure in failures] == [ChannelDown] * 4
    assert len(clazar.asked("/authenticate/")) == 1


def hand_over_in_threads(channel: ClazarChannel, count: int) -> list[Exception]:
    together = threading.Barrier(count)
    failures: list[Exception] = []

    def one(number: int) -> None:
        together.wait()
        try:
            hand_over(channel, parcel(record(dimension=f"thread {number}")))
        except (ChannelDown, Refused, Unknown) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


# ---------------------------------------------------------------- settings and credentials


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_refused_credentials_stop_the_channel(
    channel: ClazarChannel, clazar: ClazarStandIn, status: int
) -> None:
    echo = json_answer(status, {"message": f"{SECRET} is no secret of ours"})
    clazar.script(faults.Fault(name="echo", handled=False, answer=echo), path="/authenticate")
    with pytest.raises(ChannelDown, match="check CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET") as down:
        hand_over(channel)
    assert SECRET not in str(down.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_id": ""}, "set CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET"),
        ({"client_secret": ""}, "set CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET"),
        ({"metering_url": "http://api.clazar.io/metering/"}, "is not https.* set CLAZAR_API_URL"),
        ({"metering_url": "api.clazar.io/metering/"}, "is not a web address.* set CLAZAR_API_URL"),
        ({"metering_url": "https://"}, "is not a web address"),
        ({"metering_url": "https://api.clazar.io:https/"}, "cannot be read"),
        ({"metering_url": "https://me:hunter22@api.clazar.io/metering/"}, "holds a user name or a password"),
        ({"authenticate_url": "http://api.clazar.io/authenticate/"}, "is not https"),
    ],
)
def test_settings_that_cannot_work_stop_the_channel_before_anything_is_sent(
    build: Build, clazar: ClazarStandIn, changes: dict[str, str], says: str
) -> None:
    channel = build(**changes)
    with pytest.raises(ChannelDown, match=says) as down:
        hand_over(channel)
    assert "hunter22" not in str(down.value)
    with pytest.raises(Misconfigured, match=says):
        channel.check()
    assert clazar.requests == []


@pytest.mark.parametrize(
    ("metering_url", "authenticate_url", "expected"),
    [
        ("https://api.clazar.io/metering/", "", "https://api.clazar.io/authenticate/"),
        ("https://api.clazar.io/metering", "", "https://api.clazar.io/authenticate/"),
        ("https://api.clazar.io", "", "https://api.clazar.io/authenticate/"),
        ("https://gw.test:8443/clazar/metering/?a=b", "", "https://gw.test:8443/clazar/authenticate/"),
        ("https://api.clazar.io/metering/", "https://id.test/token", "https://id.test/token"),
    ],
)
def test_signs_in_beside_the_metering_address(
    metering_url: str, authenticate_url: str, expected: str
) -> None:
    settings = ClazarSettings("id", "secret", metering_url, authenticate_url)
    assert (settings.sign_in_url, settings.problem()) == (expected, None)


def test_a_moved_sign_in_names_the_address(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    moved = faults.Fault(
        name="moved", handled=False, answer=Answer(302, b"", {"Location": f"{clazar.url}/x"})
    )
    clazar.script(moved, path="/authenticate")
    with pytest.raises(
        ChannelDown, match=r"no sign-in at http.*/authenticate/ \(it answered 302\): check CLAZAR"
    ):
        hand_over(channel)
    assert len(clazar.requests) == 1


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (faults.server_error(500), None),
        (faults.html_page(), None),
        (faults.cut_body(), None),
        (faults.dropped(), None),
        (faults.silence(), None),
        (faults.too_many_requests("30"), timedelta(seconds=30)),
    ],
)
def test_a_sign_in_without_an_answer_is_tried_later(
    channel: ClazarChannel, clazar: ClazarStandIn, fault: faults.Fault, wait: timedelta | None
) -> None:
    clazar.script(fault, path="/authenticate")
    with pytest.raises(Refused) as refused:
        hand_over(channel)
    assert (refused.value.permanent, refused.value.retry_after) == (False, wait)
    assert clazar.asked("/metering/") == []
    assert hand_over(channel).answer["status"] == 200


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünïcode", 7, None, "x" * 20_000])
def test_a_token_that_fits_no_header_is_none(build: Build, token: Any) -> None:
    signed_in = json_answer(200, {"access_token": token, "expires_in": 600})
    with Scripted(json_answer(200, {"results": []}), signed_in) as far:
        with pytest.raises(Refused, match="holds no token"):
            hand_over(build(metering_url=f"{far.url}/metering/"))
        assert [asked.path for asked in far.asked] == ["/authenticate/"]


@pytest.mark.parametrize("expires_in", [None, "600", True, -5, 10**30])
def test_an_odd_life_is_taken_with_care(build: Build, moment: MovableClock, expires_in: Any) -> None:
    signed_in = json_answer(200, {"access_token": "a.b.c", "expires_in": expires_in})
    with Scripted(json_answer(200, {"results": []}), signed_in) as far:
        channel = build(metering_url=f"{far.url}/metering/")
        hand_over(channel)
        moment.now += timedelta(minutes=54)
        hand_over(channel)
        assert len(far.asked) == 3
        moment.now += timedelta(days=1)
        hand_over(channel)
        assert len(far.asked) == 5


def test_check_signs_in_and_sends_nothing(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    assert channel.check() == "Clazar accepts our credentials; the token is good until 2025-07-25T00:00:00Z."
    assert [request.path for request in clazar.requests] == ["/authenticate/"]


def test_check_says_what_to_mend_or_that_it_may_pass(build: Build, clazar: ClazarStandIn) -> None:
    with pytest.raises(Misconfigured, match="check CLAZAR_CLIENT_ID"):
        build(client_secret="wrong-secret").check()
    clazar.script(faults.too_many_requests("90"))
    with pytest.raises(Unavailable) as busy:
        build().check()
    assert busy.value.retry_after == 90


# ---------------------------------------------------------------- nothing happened over there


def test_no_connection_is_no_hand_over(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    with channel.prepare(parcel()) as handover:
        clazar.stop()
        with pytest.raises(Refused, match="nothing was sent") as refused:
            handover.send()
    assert refused.value.permanent is False
    clazar.start()
    assert clazar.ledger == []


def test_a_connection_that_is_never_taken_is_no_hand_over(build: Build, clazar: ClazarStandIn) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # more than its queue holds, so that the next one gets no answer at all
            caller = waiting.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(full.getsockname())
        channel = build(
            metering_url=f"http://127.0.0.1:{full.getsockname()[1]}/metering/",
            authenticate_url=f"{clazar.url}/authenticate/",
            connect_timeout=timedelta(seconds=0.2),
        )
        with pytest.raises(Refused, match=r"could not be reached \(ConnectTimeout\)") as refused:
            hand_over(channel)
    assert refused.value.permanent is False


def test_sign_in_without_a_connection_is_tried_later(build: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Refused) as refused:
        hand_over(build(metering_url=f"http://127.0.0.1:{port}/metering/"))
    assert refused.value.permanent is False


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        ("86400", timedelta(hours=1)),
        ("9" * 5000, timedelta(hours=1)),
        ("Thu, 24 Jul 2025 00:05:00 GMT", timedelta(minutes=5)),
        ("Thu, 24 Jul 2025 00:05:00", timedelta(minutes=5)),
        ("Wed, 23 Jul 2025 00:05:00 GMT", timedelta(0)),
        ("Fri, 25 Jul 2025 00:05:00 GMT", timedelta(hours=1)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_429_names_the_time_to_wait(
    channel: ClazarChannel, clazar: ClazarStandIn, header: str | None, wait: timedelta | None
) -> None:
    clazar.script(faults.too_many_requests(header), path="/metering")
    with pytest.raises(Refused) as refused:
        hand_over(channel)
    assert (refused.value.permanent, refused.value.retry_after) == (False, wait)
    assert refused.value.answer == {"status": 429, "text": '{"message": "Too many requests."}'}
    assert clazar.ledger == []


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 413, 415, 422])
def test_other_4xx_are_refused_for_good(channel: ClazarChannel, clazar: ClazarStandIn, status: int) -> None:
    says = faults.Fault(name="no", handled=False, answer=json_answer(status, {"message": "No."}))
    clazar.script(says, path="/metering")
    with pytest.raises(Refused, match=rf"as a whole \({status}\)") as refused:
        hand_over(channel)
    assert (refused.value.permanent, refused.value.answer) == (
        True,
        {"status": status, "text": '{"message": "No."}'},
    )


def test_a_malformed_request_is_refused_for_good(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    with pytest.raises(Refused) as refused:
        hand_over(channel, parcel(record(quantity=2)))
    assert refused.value.permanent is True
    assert "quantity is a string" in refused.value.answer["text"]
    assert clazar.ledger == []


@pytest.mark.parametrize("status", [301, 307, 308])
def test_redirects_are_not_followed(channel: ClazarChannel, clazar: ClazarStandIn, status: int) -> None:
    with Scripted(json_answer(200, {"results": []})) as elsewhere:
        moved = Answer(status, b"", {"Location": f"{elsewhere.url}/metering/"})
        clazar.script(faults.Fault(name="moved", handled=False, answer=moved), path="/metering")
        with pytest.raises(ChannelDown, match="check CLAZAR_API_URL"):
            hand_over(channel)
        assert elsewhere.asked == []


# ---------------------------------------------------------------- who knows


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (faults.silence(), {"error": "ReadTimeout"}),
        (faults.dropped(), {"error": "RemoteProtocolError"}),
        (faults.dropped(reset=True), {"error": "ReadError"}),
        (
            faults.server_error(500, handled=True),
            {"status": 500, "text": '{"message": "Internal Server Error"}'},
        ),
        (
            faults.server_error(503, handled=True),
            {"status": 503, "text": '{"message": "Service Unavailable"}'},
        ),
    ],
)
def test_an_answer_lost_after_accepting_is_unknown_and_the_same_bytes_then_already_exist(
    channel: ClazarChannel, clazar: ClazarStandIn, fault: faults.Fault, answer: dict[str, Any]
) -> None:
    clazar.script(fault, path="/metering")
    what = parcel()
    with pytest.raises(Unknown, match="it may have taken the records") as unknown:
        hand_over(channel, what)
    assert unknown.value.answer == answer
    assert len(clazar.ledger) == 1
    again = hand_over(channel, what)
    (result,) = again.answer["results"]
    assert result["errors"] == ["A metering record for this contract and dimension already exists."]
    assert [row.quantity for row in clazar.ledger] == ["2"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.server_error(500),
        faults.server_error(502),
        faults.dropped(handled=False),
        faults.silence(handled=False),
    ],
)
def test_a_failure_before_accepting_is_unknown_too_and_then_goes_through(
    channel: ClazarChannel, clazar: ClazarStandIn, fault: faults.Fault
) -> None:
    clazar.script(fault, path="/metering")
    with pytest.raises(Unknown):
        hand_over(channel)
    assert clazar.ledger == []
    assert hand_over(channel).answer["results"][0]["status"] == "success"


def test_a_cut_answer_is_unknown_with_what_came_of_it(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    clazar.script(faults.cut_body(), path="/metering")
    with pytest.raises(Unknown, match=r"it broke off \(RemoteProtocolError\)") as unknown:
        hand_over(channel)
    assert unknown.value.answer["status"] == 200
    assert unknown.value.answer["text"].startswith('{"results"')
    assert len(clazar.ledger) == 1


def test_the_page_of_a_proxy_is_unknown(channel: ClazarChannel, clazar: ClazarStandIn) -> None:
    clazar.script(faults.html_page(), path="/metering")
    with pytest.raises(Unknown, match="is not JSON") as unknown:
        hand_over(channel)
    assert unknown.value.answer["status"] == 200
    assert unknown.value.answer["text"].startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, b""), "is not JSON"),
        (Answer(200, b"[]"), "no list of results"),
        (Answer(200, b"{}"), "no list of results"),
        (Answer(200, b'{"results":{}}'), "no list of results"),
        (Answer(200, b'{"results":[{"quantity":NaN}]}'), "is not JSON"),
        (Answer(200, b'{"results":[' + b"[" * 5000 + b"]" * 5000 + b"]}"), "is not JSON"),
        (Answer(200, b'{"results":[' + b"1" * 5000 + b"]}"), "is not JSON"),
        (Answer(200, b"\xff\xfe\x00"), "is not JSON"),
        (Answer(200, b"not gzip at all", {"Content-Encoding": "gzip"}), r"broke off \(DecodingError\)"),
        (Answer(200, b" " * 5_000_001), "larger than 5000000 bytes"),
        (Answer(201, b'{"results":[]}'), "answered 201"),
        (Answer(204), "answered 204"),
        (Answer(303, b"", {"Location": "/elsewhere"}), "answered 303"),
    ],
)
def test_what_cannot_be_read_is_unknown(build: Build, answer: Answer, says: str) -> None:
    with Scripted(answer) as far, pytest.raises(Unknown, match=says) as unknown:
        hand_over(build(metering_url=f"{far.url}/metering/"))
    assert unknown.value.answer["status"] == answer.status
    assert len(unknown.value.answer["text"]) <= 500


def test_the_answer_limit_is_no_smaller_than_it_says(build: Build) -> None:
    body = b'{"results":[]}' + b" " * (5_000_000 - 14)
    with Scripted(Answer(200, body)) as far:
        assert hand_over(build(metering_url=f"{far.url}/metering/")).answer["results"] == []


def test_silence_is_waited_for_no_longer_than_the_time_limit(
    channel: ClazarChannel, clazar: ClazarStandIn
) -> None:
    clazar.script(faults.silence(), path="/metering")
    started = time.monotonic()
    with pytest.raises(Unknown, match=r"within 0\.5 seconds"):
        hand_over(channel)
    assert 0.5 <= time.monotonic() - started < 3


# ---------------------------------------------------------------- secrets


def test_no_secret_shows_in_evidence_logs_or_reprs(
    caplog: pytest.LogCaptureFixture, moment: MovableClock
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = Answer(502, f"upstream: Bearer token-0123456789 {SECRET}".encode())
    signed_in = json_answer(200, {"access_token": "token-0123456789", "expires_in": 600})
    with Scripted(echo, signed_in) as far:
        settings = ClazarSettings("stand-in-client", SECRET, f"{far.url}/metering/")
        channel = ClazarChannel(settings, now=moment)
        with channel.prepare(parcel()) as handover, pytest.raises(Unknown) as unknown:
            handover.send()
        assert far.asked[-1].headers["authorization"] == "Bearer token-0123456789"
        channel.close()
    assert unknown.value.answer["text"] == "upstream: Bearer [secret] [secret]"
    shown = [
        caplog.text,
        repr(settings),
        repr(channel),
        repr(handover),
        repr(vars(handover)),
        repr(unknown.value),
        repr(unknown.value.__cause__),
    ]
    assert "HTTP Request: POST" in caplog.text
    assert not [text for text in shown if SECRET in text or "token-0123456789" in text]
