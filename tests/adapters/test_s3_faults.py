"""What S3Store makes of a store that is busy, slow, cut off, mistaken or gone."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape

import pytest

from recoup.adapters.s3 import S3Store
from recoup.adapters.s3_client import Limits
from recoup.core.errors import Changed, Conflict, Invalid, Misconfigured, NotFound, RecoupError, Unavailable
from recoup.sandbox import s3 as sandbox
from support.certificates import make_certificate
from support.fault_proxy import FaultProxy, Faults
from support.scripted_http import HANG_UP, Answer, Request, ScriptedServer

QUICK = Limits(connect_seconds=10, silence_seconds=10, slow_seconds=10, slow_bytes=1000, attempts=2)
IMPATIENT = replace(QUICK, silence_seconds=1, slow_seconds=0.3)
STAMP = {"Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT", "ETag": '"e1"'}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)


def store_at(server: ScriptedServer | FaultProxy | str, *, limits: Limits = QUICK) -> S3Store:
    url = server if isinstance(server, str) else getattr(server, "url", None) or server.endpoint
    return S3Store("bucket", endpoint=url, region="us-east-1", limits=limits)


def refusal(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        status, f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode(), headers or {}
    )


def page(*keys: str, token: str = "", truncated: bool | None = None) -> Answer:
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-20T10:00:00Z</LastModified>"
        f"<ETag>&quot;{n}&quot;</ETag><Size>1</Size></Contents>"
        for n, key in enumerate(keys)
    )
    more = bool(token) if truncated is None else truncated
    following = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    body = (
        f"<ListBucketResult><Name>bucket</Name><KeyCount>{len(keys)}</KeyCount>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}{contents}</ListBucketResult>"
    )
    return Answer(200, body.encode())


def read(store: S3Store, key: str = "k", if_match: str | None = None) -> bytes:
    with store.open(key, if_match=if_match) as body:
        return body.read()


def read_on(body: BinaryIO) -> None:
    while body.read(1000):
        pass


def test_a_busy_store_is_asked_again() -> None:
    with ScriptedServer(refusal(503, "SlowDown"), refusal(500, "InternalError"), page("a", "b")) as server:
        store = store_at(server, limits=Limits(attempts=3))
        assert [info.key for info in store.list("")] == ["a", "b"]
        assert len(server.requests) == 3


def test_a_store_that_stays_busy_is_unavailable_after_the_last_attempt() -> None:
    with ScriptedServer(refusal(503, "SlowDown", {"Retry-After": "7"})) as server:
        store = store_at(server)
        for way in [lambda: list(store.list("")), lambda: read(store), lambda: store.head("k")]:
            server.requests.clear()
            with pytest.raises(Unavailable, match="busy") as failure:
                way()
            assert failure.value.retry_after == 7
            assert len(server.requests) == QUICK.attempts


def test_all_pages_are_asked_for_by_their_token() -> None:
    with ScriptedServer(page("a", "b", token="t1"), page("c", token="t2"), page("d & <e>")) as server:
        assert [info.key for info in store_at(server).list("")] == ["a", "b", "c", "d & <e>"]
        assert [request.query.get("continuation-token") for request in server.requests] == [
            None,
            ["t1"],
            ["t2"],
        ]


@pytest.mark.parametrize(
    ("second", "failure"),
    [
        (refusal(500, "InternalError"), Unavailable),
        (refusal(503, "SlowDown"), Unavailable),
        (HANG_UP, Unavailable),
        (refusal(403, "ExpiredToken"), Misconfigured),
        (Answer(200, b"<html><body>Please sign in</body></html>"), Unavailable),
        (Answer(200, b"Bad gateway, sorry"), Unavailable),
        (Answer(200, b""), Unavailable),
        (Answer(200, page("b").body[:-40]), Unavailable),
        (Answer(200, page("b", "c").body[:-40], length=len(page("b", "c").body)), Unavailable),
        (page("b", truncated=True), Unavailable),
        (page("b", token="t1"), Unavailable),
    ],
    ids=[
        "500",
        "503",
        "hang-up",
        "403",
        "html",
        "text",
        "empty",
        "cut",
        "cut-short",
        "no-token",
        "same-token",
    ],
)
def test_a_page_that_fails_is_never_a_short_list(second: Answer, failure: type[RecoupError]) -> None:
    with ScriptedServer(page("a", token="t1"), second) as server:
        listing = store_at(server).list("")
        assert next(listing).key == "a"
        with pytest.raises(failure):
            list(listing)


def test_a_page_that_fails_once_is_not_missed() -> None:
    answers = [page("a", token="t1"), HANG_UP, page("b")]
    with ScriptedServer(*answers) as server:
        assert [info.key for info in store_at(server).list("")] == ["a", "b"]


@pytest.mark.parametrize("size", [10, 1000, 300_000])
def test_a_body_that_ends_early_is_unavailable_on_the_read_that_notices(size: int) -> None:
    cut = Answer(200, b"x" * (size // 2), STAMP, length=size)
    with ScriptedServer(cut) as server, store_at(server).open("k") as body:
        assert body.read(5) == b"xxxxx"
        with pytest.raises(Unavailable, match="missing"):
            read_on(body)


@pytest.mark.parametrize("cut", range(20, 160, 7))
def test_an_answer_that_is_cut_among_its_headers_is_no_empty_object(cut: int) -> None:
    """Python's HTTP takes the end of a connection for the end of the headers."""
    with (
        ScriptedServer(Answer(200, b"content", STAMP)) as server,
        FaultProxy(("127.0.0.1", server.port)) as proxy,
    ):
        proxy.faults = Faults(cut_down=cut)
        store = store_at(proxy, limits=Limits(attempts=1))
        ways = [
            lambda: read(store),
            lambda: read(store, if_match="e1"),
            lambda: store.head("k"),
            lambda: store.put("k", io.BytesIO(b"x"), media_type="text/plain"),
        ]
        for way in ways:
            with pytest.raises(Unavailable):
                way()
        proxy.faults = Faults()
        assert read(store) == b"content"


def test_a_body_that_does_not_fit_its_checksum_is_unavailable() -> None:
    wrong = Answer(200, b"hello", {**STAMP, "x-amz-checksum-crc32": "AAAAAA=="})
    with ScriptedServer(wrong) as server, pytest.raises(Unavailable, match="checksum"):
        read(store_at(server))


def test_a_slow_body_does_not_hold_a_worker() -> None:
    trickle = Answer(200, b"x" * 10_000, STAMP, seconds_per_byte=0.02)
    with ScriptedServer(trickle) as server:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=r"only \d+ bytes came"):
            read(store_at(server, limits=IMPATIENT))
        assert time.monotonic() - begun < 15  # the whole body would take 200 seconds


def test_a_body_that_becomes_slow_is_noticed_however_fast_it_began() -> None:
    slow = Answer(200, b"x" * 510_000, STAMP, seconds_per_byte=0.02, slow_after=500_000)
    with ScriptedServer(slow) as server, store_at(server, limits=IMPATIENT).open("k") as body:
        assert len(body.read(500_000)) == 500_000
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=r"only \d+ bytes came"):
            read_on(body)
        assert time.monotonic() - begun < 15  # the rest would take 200 seconds


def test_a_slow_listing_does_not_hold_a_worker() -> None:
    slow = page(*(f"key-{n}" for n in range(200)))
    with ScriptedServer(Answer(200, slow.body, seconds_per_byte=0.02)) as server:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=r"only \d+ bytes came"):
            list(store_at(server, limits=IMPATIENT).list(""))
        assert time.monotonic() - begun < 15


def test_a_body_that_falls_silent_is_unavailable() -> None:
    silent = Answer(200, b"x" * 10_000, STAMP, stall_after=2000)
    with ScriptedServer(silent) as server:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            read(store_at(server, limits=IMPATIENT))
        assert time.monotonic() - begun < 15


def test_a_reader_that_takes_its_time_is_not_the_stores_fault() -> None:
    impatient = Limits(slow_seconds=0.3, slow_bytes=10_000_000)
    with (
        ScriptedServer(Answer(200, b"x" * 500_000, STAMP)) as server,
        store_at(server, limits=impatient).open("k") as body,
    ):
        size = 0
        while chunk := body.read(100_000):
            size += len(chunk)
            threading.Event().wait(0.15)
        assert size == 500_000


def test_a_small_body_may_come_late() -> None:
    late = Answer(200, b"0123456789", STAMP, seconds_before_body=0.5)
    with ScriptedServer(late) as server:
        assert read(store_at(server, limits=Limits(slow_seconds=0.3, slow_bytes=1000))) == b"0123456789"


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "ExpiredToken", "credentials"),
        (403, "InvalidAccessKeyId", "credentials"),
        (403, "SignatureDoesNotMatch", "credentials"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "AccessDenied", "does not let us in"),
        (404, "NoSuchBucket", "bucket"),
        (501, "NotImplemented", "conditional writes"),
    ],
)
def test_what_only_a_person_can_mend_is_said_once_and_not_retried(status: int, code: str, says: str) -> None:
    with ScriptedServer(refusal(status, code)) as server:
        store = store_at(server)
        ways = [
            lambda: list(store.list("")),
            lambda: read(store),
            lambda: store.put("k", io.BytesIO(b""), media_type="text/plain"),
            lambda: store.delete("k"),
        ]
        for number, way in enumerate(ways, 1):
            with pytest.raises(Misconfigured) as failure:
                way()
            assert says in failure.value.sentence()
            assert code in failure.value.detail
            assert len(server.requests) == number
        with pytest.raises(Misconfigured, match=code):  # HEAD has no body; the reason is asked for
            store.head("k")


def test_a_bucket_elsewhere_is_followed_once_and_then_a_mistake_in_the_settings() -> None:
    elsewhere = refusal(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-central-1"})
    with ScriptedServer(elsewhere) as server:
        with pytest.raises(Misconfigured, match="another region"):
            list(store_at(server).list(""))
        assert len(server.requests) == 2
        assert "eu-central-1" in server.requests[1].headers["authorization"]


def test_credentials_are_never_in_a_sentence() -> None:
    with (
        ScriptedServer(refusal(403, "SignatureDoesNotMatch")) as server,
        pytest.raises(Misconfigured) as failure,
    ):
        read(store_at(server))
    assert sandbox.SECRET_KEY not in failure.value.sentence()


def test_a_missing_key_is_told_from_a_missing_bucket_without_a_body() -> None:
    answers = [Answer(404), refusal(404, "NoSuchKey"), Answer(404), refusal(404, "NoSuchBucket")]
    with ScriptedServer(*answers) as server:
        store = store_at(server)
        with pytest.raises(NotFound):
            store.head("k")
        with pytest.raises(Misconfigured):
            store.head("k")


def test_a_version_that_is_gone_is_changed() -> None:
    with ScriptedServer(refusal(412, "PreconditionFailed")) as server:
        with pytest.raises(Changed):
            read(store_at(server), if_match="old")
        assert server.requests[0].headers["if-match"] == '"old"'


def test_a_store_that_ignores_conditions_is_seen_through() -> None:
    with ScriptedServer(Answer(200, b"other", STAMP)) as server:
        assert read(store_at(server), if_match="e1") == b"other"
        with pytest.raises(Changed):
            read(store_at(server), if_match="e0")


def test_our_own_write_is_recognised_when_the_answer_to_it_was_lost() -> None:
    def described(_: Request) -> Answer:
        mark = server.requests[0].headers["x-amz-meta-recoup-write"]
        return Answer(200, b"hello", {**STAMP, "x-amz-meta-recoup-write": mark})

    with ScriptedServer(HANG_UP, refusal(412, "PreconditionFailed"), described) as server:
        info = store_at(server).put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain")
        assert (info.key, info.size, info.etag) == ("k", 5, "e1")
        assert [request.method for request in server.requests] == ["PUT", "PUT", "HEAD"]
        assert [request.headers.get("if-none-match") for request in server.requests[:2]] == ["*", "*"]


def test_our_own_write_is_recognised_when_no_answer_to_it_comes_at_all() -> None:
    def described(_: Request) -> Answer:
        mark = server.requests[0].headers["x-amz-meta-recoup-write"]
        return Answer(200, b"hello", {**STAMP, "x-amz-meta-recoup-write": mark})

    with ScriptedServer(HANG_UP, HANG_UP, described) as server:
        info = store_at(server).put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain")
        assert (info.key, info.size, info.etag) == ("k", 5, "e1")


def test_a_write_that_is_not_there_after_a_lost_answer_is_unavailable() -> None:
    answers = [HANG_UP, HANG_UP, Answer(404), refusal(404, "NoSuchKey")]
    with ScriptedServer(*answers) as server, pytest.raises(Unavailable):
        store_at(server).put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain")


def test_anothers_write_is_a_conflict_even_after_a_lost_answer() -> None:
    other = Answer(200, b"hello", {**STAMP, "x-amz-meta-recoup-write": "another"})
    with (
        ScriptedServer(HANG_UP, refusal(412, "PreconditionFailed"), other) as server,
        pytest.raises(Conflict),
    ):
        store_at(server).put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain")


def test_a_race_that_is_undecided_is_asked_again() -> None:
    undecided = refusal(409, "ConditionalRequestConflict")
    with ScriptedServer(undecided, undecided, Answer(200, b"", STAMP)) as server:
        store = store_at(server, limits=Limits(attempts=3))
        assert store.put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain").etag == "e1"
        assert [request.headers["content-length"] for request in server.requests] == ["5"] * 3
    with ScriptedServer(undecided) as server:
        with pytest.raises(Conflict):
            store_at(server).put_if_absent("k", io.BytesIO(b"hello"), media_type="text/plain")
        assert len(server.requests) == QUICK.attempts


def test_a_retried_put_sends_the_whole_body_again() -> None:
    with ScriptedServer(HANG_UP, refusal(503, "SlowDown"), Answer(200, b"", STAMP)) as server:
        store_at(server, limits=Limits(attempts=3)).put("k", io.BytesIO(b"hello"), media_type="text/plain")
        assert [request.headers["content-length"] for request in server.requests] == ["5"] * 3
        assert [request.body for request in server.requests] == [b"hello"] * 3


def test_start_after_is_left_to_aws_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(page("a", "b", "c")) as server:
        assert [info.key for info in store_at(server).list("", start_after="b")] == ["c"]
        assert "start-after" not in server.requests[0].query
        monkeypatch.setenv("HTTP_PROXY", server.url)  # plays AWS: the request for its address ends here
        monkeypatch.setenv("NO_PROXY", "")
        aws = store_at("http://s3.us-east-1.amazonaws.com")
        assert [info.key for info in aws.list("", start_after="b")] == ["c"]
        assert server.requests[1].query["start-after"] == ["b"]


def test_connections_are_kept_and_used_again() -> None:
    with ScriptedServer(Answer(200, b"x" * 100_000, STAMP)) as server:
        store = store_at(server)
        for _ in range(10):
            assert len(read(store)) == 100_000
        assert server.connections == 1


def test_many_threads_share_one_store_under_faults() -> None:
    def sometimes(request: Request) -> Answer:
        return (
            HANG_UP if hash(request.headers["amz-sdk-invocation-id"]) % 3 == 0 and first(request) else found
        )

    def first(request: Request) -> bool:
        return "attempt=1" in request.headers["amz-sdk-request"]

    found = Answer(200, b"content", STAMP)
    with ScriptedServer(sometimes) as server, ThreadPoolExecutor(8) as pool:
        store = store_at(server)
        assert set(pool.map(lambda _: read(store), range(40))) == {b"content"}


@pytest.fixture
def proxied() -> Iterator[tuple[FaultProxy, S3Store]]:
    with (
        sandbox.moto_in_process() as moto,
        FaultProxy(("127.0.0.1", int(moto.endpoint.rpartition(":")[2]))) as proxy,
    ):
        yield proxy, S3Store(moto.bucket, "faults", endpoint=proxy.endpoint, limits=IMPATIENT)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse=True),
        Faults(black_hole=True),
        Faults(cut_down=20),
        Faults(cut_down=20, reset=True),
        Faults(cut_up=20, reset=True),
        Faults(latency=3),
    ],
    ids=["refuse", "black-hole", "cut-down", "reset-down", "reset-up", "latency"],
)
def test_a_broken_line_is_unavailable_in_bounded_time_and_heals(
    proxied: tuple[FaultProxy, S3Store], faults: Faults
) -> None:
    proxy, store = proxied
    store.put("k", io.BytesIO(b"text"), media_type="text/plain")
    ways = [lambda: list(store.list("")), lambda: read(store)]
    proxy.faults = faults
    for way in ways:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer"):
            way()
        assert time.monotonic() - begun < 15
    proxy.faults = Faults()
    proxy.cut_all()
    assert read(store) == b"text"


def test_an_upload_that_is_cut_leaves_no_object(proxied: tuple[FaultProxy, S3Store]) -> None:
    proxy, store = proxied
    proxy.faults = Faults(cut_up=200_000, reset=True)
    for write in (store.put, store.put_if_absent):
        with pytest.raises(Unavailable):
            write("cut", io.BytesIO(b"x" * 1_000_000), media_type="text/plain")
    proxy.faults = Faults()
    assert list(store.list("cut")) == []
    store.put_if_absent("cut", io.BytesIO(b"whole"), media_type="text/plain")


def test_a_store_that_was_killed_comes_back_to_the_same_client(tmp_path: Path) -> None:
    with sandbox.moto_process(tmp_path) as process:
        store = S3Store(process.server.bucket, endpoint=process.server.endpoint, limits=QUICK)
        store.put("k", io.BytesIO(b"text"), media_type="text/plain")
        process.kill()
        with pytest.raises(Unavailable):
            store.head("k")
        process.start()
        with pytest.raises(NotFound):  # moto forgets; what counts is that it answers
            store.head("k")


def test_a_certificate_that_nobody_vouches_for_is_a_mistake_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with ScriptedServer(page("a"), tls=certificate.server_context()) as server:
        with pytest.raises(Misconfigured, match="certificate"):
            list(store_at(server).list(""))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.certificate))
        assert [info.key for info in store_at(server).list("")] == ["a"]


@pytest.mark.parametrize("key", ["", "/absolute", "nul\0"])
def test_keys_that_cannot_be_are_refused_without_asking(key: str) -> None:
    with ScriptedServer(Answer(500)) as server:
        store = store_at(server)
        for way in [
            lambda: store.head(key),
            lambda: read(store, key),
            lambda: store.delete(key),
            lambda: store.link(key, name="x", expires=timedelta(minutes=1)),
        ]:
            with pytest.raises(Invalid):
                way()
        assert server.requests == []
