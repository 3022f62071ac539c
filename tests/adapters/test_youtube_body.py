"""A report's bytes from the stand-in, over real HTTP: every dress, and every way in which they may not arrive."""

from __future__ import annotations

import gzip
import random
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Self

import httpx2
import pytest

from recoup.adapters import youtube_body
from recoup.adapters.youtube import YouTubeReports
from recoup.adapters.youtube_wire import Limits
from recoup.core.errors import Misconfigured, NeedsReauthorisation, NotFound, RecoupError, Unavailable
from recoup.core.ports import ReportFile
from recoup.sandbox import faults
from recoup.sandbox.faults import Answer, Fault
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_answers import no_permission, quota, truncated, unauthorised
from recoup.sandbox.youtube_reports import OWNER, Dress
from support.house import MovableClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 17)
BODY = b"claim_id,views\n" + b"".join(
    f"C{n},{random.Random(n).randrange(10**6)}\n".encode() for n in range(20_000)
)
MEDIA = "/v1/media"


@pytest.fixture
def youtube() -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn(clock=MovableClock(NOW)) as stand_in:
        yield stand_in


@pytest.fixture
def slept() -> list[float]:
    return []


Build = Callable[..., YouTubeReports]


@pytest.fixture
def build(youtube: YouTubeStandIn, slept: list[float]) -> Iterator[Build]:
    made: list[YouTubeReports] = []

    def make(**changes: Any) -> YouTubeReports:
        given: dict[str, Any] = {
            "now": youtube.clock,
            "reporting_url": youtube.url,
            "limits": Limits(silence_seconds=0.5, attempts=3),
            "sleep": slept.append,
        }
        made.append(YouTubeReports(lambda *_: youtube.credentials(), **given | changes))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def source(build: Build) -> YouTubeReports:
    return build()


def published(
    youtube: YouTubeStandIn, source: YouTubeReports, dress: Dress = Dress.GZIP, body: bytes = BODY
) -> ReportFile:
    youtube.publish(DAY, body, dress=dress)
    return source.reports(OWNER, youtube.job().id, made_after=None)[-1]


def fetched(source: YouTubeReports, report: ReportFile) -> bytes:
    with source.body(OWNER, report) as pieces:
        return b"".join(pieces)


def failing(source: YouTubeReports, report: ReportFile, kind: type[RecoupError] = Unavailable) -> str:
    with pytest.raises(kind) as caught:
        fetched(source, report)
    assert type(caught.value) is kind
    found: BaseException | None = caught.value
    texts = []
    while found is not None:
        texts.append(f"{found!r} {found}")
        found = found.__cause__ or found.__context__
    assert not [
        word for word in ("opaque-", "stand-in-secret", "stand-in-refresh") if word in " ".join(texts)
    ]
    return caught.value.detail


def calls(youtube: YouTubeStandIn, path: str) -> int:
    return len([one for one in youtube.requests if one.path.startswith(path)])


# ---------------------------------------------------------------- the way it should go


@pytest.mark.parametrize("dress", Dress)
def test_any_dress_comes_off(youtube: YouTubeStandIn, source: YouTubeReports, dress: Dress) -> None:
    found = fetched(source, published(youtube, source, dress))
    is_file = found[:2] == b"\x1f\x8b"
    assert is_file == (dress in {Dress.GZIP, Dress.BOTH})
    assert (gzip.decompress(found) if is_file else found) == BODY
    assert calls(youtube, "/token") == 1


def test_packing_in_several_members_comes_off(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    report = published(youtube, source, Dress.PLAIN)
    body = gzip.compress(BODY[:7_000]) + gzip.compress(b"") + gzip.compress(BODY[7_000:])
    answer = Answer(200, body, {"Content-Encoding": "x-gzip", "Content-Type": "text/csv"})
    youtube.script(Fault(name="members", handled=False, answer=answer), path=MEDIA)
    assert fetched(source, report) == BODY


def test_a_large_report_passes_through_little_memory(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    report = published(youtube, source, Dress.PLAIN)
    packer, size = zlib.compressobj(9, wbits=31), 200 * 2**20
    packed = b"".join([packer.compress(bytes(2**20)) for _ in range(200)]) + packer.flush()
    answer = Answer(200, packed, {"Content-Encoding": "gzip"})
    youtube.script(Fault(name="large", handled=False, answer=answer), path=MEDIA)
    tracemalloc.start()
    try:
        with source.body(OWNER, report) as pieces:
            assert sum(map(len, pieces)) == size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 2**20


def test_the_reader_may_leave_early(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    report = published(youtube, source)
    for _ in range(3):
        with source.body(OWNER, report) as pieces:
            assert next(pieces)[:2] == b"\x1f\x8b"
    with pytest.raises(ZeroDivisionError), source.body(OWNER, report):
        raise ZeroDivisionError
    assert gzip.decompress(fetched(source, report)) == BODY


# ---------------------------------------------------------------- before the first byte


def test_a_token_that_is_over_is_replaced(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]
) -> None:
    report = published(youtube, source)
    youtube.revoke_tokens()
    assert gzip.decompress(fetched(source, report)) == BODY
    assert (calls(youtube, "/token"), calls(youtube, MEDIA), slept) == (2, 2, [])
    youtube.script(unauthorised(), path=MEDIA, times=2)
    assert OWNER in failing(source, report, NeedsReauthorisation)


@pytest.mark.parametrize(
    "fault",
    [quota(), faults.too_many_requests("0"), faults.server_error(503), faults.dropped(), faults.silence()],
)
def test_busy_then_well(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float], fault: Fault
) -> None:
    report = published(youtube, source)
    youtube.script(fault, path=MEDIA, times=2)
    assert gzip.decompress(fetched(source, report)) == BODY
    assert len(slept) == 2
    youtube.script(fault, path=MEDIA, times=3)
    failing(source, report)


def test_a_refusal_may_come_packed(
    youtube: YouTubeStandIn, source: YouTubeReports, slept: list[float]
) -> None:
    report, plain = published(youtube, source), quota().answer
    assert plain is not None
    packed = Answer(plain.status, gzip.compress(plain.body), {**plain.headers, "Content-Encoding": "gzip"})
    youtube.script(Fault(name="packed", handled=False, answer=packed), path=MEDIA)
    assert gzip.decompress(fetched(source, report)) == BODY
    assert len(slept) == 1
    odd = Answer(403, b"??", {"Content-Encoding": "br"})
    youtube.script(Fault(name="odd", handled=False, answer=odd), path=MEDIA)
    failing(source, report, NeedsReauthorisation)


def test_refusals_are_told_apart(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    report = published(youtube, source)
    youtube.script(no_permission(), path=MEDIA)
    assert "permission" in failing(source, report, NeedsReauthorisation)
    moved = Answer(307, b"", {"Location": "http://127.0.0.1:9/"})
    youtube.script(Fault(name="moved", handled=False, answer=moved), path=MEDIA)
    assert "307" in failing(source, report)
    gone = replace(report, address=report.address.replace("/reports/", "/reports/9"))
    assert report.id in failing(source, gone, NotFound)


def test_a_page_is_no_report(youtube: YouTubeStandIn, source: YouTubeReports) -> None:
    report = published(youtube, source)
    youtube.script(faults.html_page(), path=MEDIA)
    assert "web page" in failing(source, report)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/v1/media/x?alt=media",
        "http://example.org/v1/media/x",
        "http://127.0.0.1:9/v1/media/x",
        "http://localhost:{port}/v1/media/x",
        "https://127.0.0.1:{port}/v1/media/x",
        "http://name:word@127.0.0.1:{port}/v1/media/x",
        "http://127.0.0.1:{port}@example.org/x",
        "ftp://127.0.0.1:{port}/x",
        "nowhere",
        "http://[",
    ],
)
def test_our_token_goes_home_only(youtube: YouTubeStandIn, source: YouTubeReports, address: str) -> None:
    report = published(youtube, source)
    before = len(youtube.requests)
    failing(source, replace(report, address=address.format(port=youtube.port)), Misconfigured)
    assert len(youtube.requests) == before


# ---------------------------------------------------------------- while it comes


@pytest.mark.parametrize("dress", Dress)
def test_a_connection_that_ends_early(youtube: YouTubeStandIn, source: YouTubeReports, dress: Dress) -> None:
    report = published(youtube, source, dress)
    youtube.script(faults.cut_body(), path=MEDIA)
    with source.body(OWNER, report) as pieces:
        assert next(pieces)
        with pytest.raises(Unavailable, match="did not arrive whole: it broke off after"):
            list(pieces)


@pytest.mark.parametrize("dress", [Dress.TRANSPORT, Dress.BOTH])
@pytest.mark.parametrize("keep", [0, 0.00001, 0.5, 0.99999])
def test_packing_that_ends_early(
    youtube: YouTubeStandIn, source: YouTubeReports, dress: Dress, keep: float
) -> None:
    report = published(youtube, source, dress)
    youtube.script(truncated(keep), path=MEDIA)
    assert "ends early" in failing(source, report)


@pytest.mark.parametrize("dress", [Dress.GZIP, Dress.PLAIN])
def test_a_file_that_was_cut_before_it_was_sent_is_the_readers_to_see(
    youtube: YouTubeStandIn, source: YouTubeReports, dress: Dress
) -> None:
    report = published(youtube, source, dress)
    whole = fetched(source, report)
    youtube.script(truncated(), path=MEDIA)
    assert fetched(source, report) == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("body", "packing", "words"),
    [
        (b"claim_id\n", "gzip", "damaged"),
        (gzip.compress(BODY)[:-8] + bytes(8), "gzip", "damaged"),
        (gzip.compress(BODY) + b"more", "gzip", "damaged"),
        (b"claim_id\n", "br", "nobody asked for"),
        (b"claim_id\n", "gzip, gzip", "nobody asked for"),
    ],
)
def test_packing_that_cannot_be_undone(
    youtube: YouTubeStandIn, source: YouTubeReports, body: bytes, packing: str, words: str
) -> None:
    report = published(youtube, source)
    answer = Answer(200, body, {"Content-Encoding": packing})
    youtube.script(Fault(name="odd", handled=False, answer=answer), path=MEDIA)
    assert words in failing(source, report)


class Dripping:
    """A server that answers every request with a beginning, and then with bytes as slowly as it is told."""

    def __init__(self, head: str, *, pause: float, piece: bytes) -> None:
        self.head, self.pause, self.piece = head, pause, piece
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with closing(self._socket), self._socket.accept()[0] as connection:
            connection.recv(65_536)
            try:
                connection.sendall(self.head.encode())
                while not self._stop.wait(self.pause):
                    connection.sendall(self.piece)
            except OSError:
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def dripped(youtube: YouTubeStandIn, build: Build, drip: Dripping, limits: Limits) -> str:
    token = {"token": "opaque-x", "expiry": "2026-11-20T14:00:00Z"}
    made = YouTubeReports(
        lambda *_: {**youtube.credentials(), **token},
        now=youtube.clock,
        reporting_url=drip.url,
        limits=limits,
    )
    report = replace(published(youtube, build()), address=f"{drip.url}/v1/media/x?alt=media")
    with closing(made):
        return failing(made, report)


HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nclaim_id\n"


def test_silence_in_the_middle_ends(youtube: YouTubeStandIn, build: Build) -> None:
    with Dripping(HEAD, pause=60, piece=b"") as drip:
        assert "broke off after 9 bytes (ReadTimeout)" in dripped(
            youtube, build, drip, Limits(silence_seconds=0.2)
        )


def test_a_trickle_ends(youtube: YouTubeStandIn, build: Build) -> None:
    with Dripping(HEAD, pause=0.02, piece=b"x") as drip:
        said = dripped(youtube, build, drip, Limits(silence_seconds=2, slow_seconds=0.3, slow_bytes=1_000))
    assert "bytes came in" in said


def test_all_of_it_takes_no_longer_than_it_may(youtube: YouTubeStandIn, build: Build) -> None:
    with Dripping(HEAD, pause=0.02, piece=b"x" * 1_000) as drip:
        said = dripped(youtube, build, drip, Limits(silence_seconds=2, body_seconds=0.3, slow_bytes=0))
    assert "took longer than 0.3 seconds" in said


def test_what_was_announced_is_counted_as_it_arrived() -> None:
    headers = {"Content-Length": "10", "Content-Encoding": "identity"}
    short = httpx2.Response(200, headers=headers, content=iter([b"12345", b"678"]))
    pieces = youtube_body.pieces(short, Limits())
    assert (next(pieces), next(pieces)) == (b"12345", b"678")
    with pytest.raises(Unavailable, match="10 bytes were announced and 8 came"):
        next(pieces)
