"""Whatever a document does to its reader, the server goes on: within limits, with a sentence, and with flat memory."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from recoup.areas.claims.documents.keeper import Examined, Keeper
from recoup.areas.claims.documents.limits import MEGABYTE, Limits
from recoup.core.errors import Invalid, NotFound, TooLarge, Unavailable
from support import troubled_reader
from support.documents import docx, jpeg, pdf, photo, png

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc, or needs a limit that only Linux keeps"
)
QUICK = Limits(processor=1, clock=1.0, memory=200 * MEGABYTE, written=4 * MEGABYTE)
PLENTY = Limits(clock=60.0)


@contextmanager
def troubled(limits: Limits = QUICK, **more: float) -> Iterator[Keeper]:
    """A keeper whose readers do what the document's name says."""
    with Keeper(limits=limits, command=troubled_reader.COMMAND, **more) as keeper:
        yield keeper


def ask(keeper: Keeper, folder: Path, name: str, body: bytes = b"%PDF-1.7") -> Examined:
    """Examine a document of that name, each in files of its own."""
    mark = f"{threading.get_ident()}-{time.monotonic_ns()}"
    source, into = folder / f"{mark}.in", folder / f"{mark}.out"
    source.write_bytes(body)
    try:
        found = keeper.examine(source, name=name, declared="", into=into)
    except BaseException:
        assert not into.exists()
        raise
    assert into.read_bytes()
    return found


def reader_of(keeper: Keeper) -> int:
    """Return the process number of a keeper's reader."""
    process = keeper._reader._process
    assert process is not None
    return process.pid


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def wait_for(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("sleeps", "took too long"),
        ("spins", "took too long"),
        pytest.param("takes_memory", "too much memory", marks=linux),
        ("crashes", "cannot be read"),
        ("aborts", "cannot be read"),
        ("is_killed", "too much memory"),
        ("leaves", "cannot be read"),
        ("breaks", "cannot be read"),
        ("writes_much", "cannot be read"),
        ("chatters", "cannot be read"),
        ("mutters", "cannot be read"),
    ],
)
def test_a_reader_that_fails_in_any_way_comes_to_a_sentence(tmp_path: Path, does: str, words: str) -> None:
    with troubled() as keeper:
        begun = time.monotonic()
        with pytest.raises(Invalid) as error:
            ask(keeper, tmp_path, f"{does}.pdf")
        assert time.monotonic() - begun < 8
        assert error.value.detail.startswith(f"{does}.pdf ")
        assert words in error.value.detail
        assert error.value.fix
        reader = reader_of(keeper)
        ask(keeper, tmp_path, "whole.pdf")
        assert reader_of(keeper) == reader  # it goes on, and nothing of the failure is left in it
        if sys.platform == "linux":
            assert children(reader) == []


def test_a_reader_opens_nothing_runs_nothing_and_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUP_SECRET", "x")
    with troubled(PLENTY) as keeper:
        assert ask_for(keeper, tmp_path, "reaches_out.pdf") == ()


def ask_for(keeper: Keeper, folder: Path, name: str) -> tuple[str, ...]:
    """Return what a reader answered that wrote nothing."""
    source = folder / "source"
    source.write_bytes(b"%PDF-1.7")
    return keeper.examine(source, name=name, declared="", into=folder / "into").removed


def test_a_reader_that_lies_is_not_believed(tmp_path: Path) -> None:
    with troubled() as keeper:
        found = ask(keeper, tmp_path, "lies.pdf")
    assert found.facts == {"width": 7, "camera": "x " * 50}
    assert (len(found.removed), set(map(len, found.removed))) == (17, {100})
    assert found.fingerprint is None
    assert (found.size, found.sha256) == (6, hashlib.sha256(b"stored").hexdigest())


@linux
def test_a_reader_that_is_killed_in_the_middle_is_started_again(tmp_path: Path) -> None:
    with troubled(PLENTY, at_once=2) as keeper, ThreadPoolExecutor(1) as other:
        ask(keeper, tmp_path, "whole.pdf")
        reader = reader_of(keeper)
        asked = other.submit(ask, keeper, tmp_path, "wakes.pdf")
        wait_for(lambda: children(reader))
        child = children(reader)[0]
        os.kill(reader, signal.SIGKILL)
        assert asked.result(20).size == 8
        wait_for(lambda: not is_there(child))
        assert reader_of(keeper) != reader
        os.kill(reader_of(keeper), signal.SIGKILL)
        assert ask(keeper, tmp_path, "whole.pdf").size == 8


@linux
def test_a_reader_that_is_killed_again_and_again_is_not_the_documents_fault(tmp_path: Path) -> None:
    is_over = threading.Event()
    with troubled(PLENTY) as keeper, ThreadPoolExecutor(1) as other:

        def kill() -> None:
            while not is_over.wait(0.05):
                process = keeper._reader._process
                if process is not None and children(process.pid):
                    os.kill(process.pid, signal.SIGKILL)

        killing = other.submit(kill)
        try:
            with pytest.raises(Unavailable) as error:
                ask(keeper, tmp_path, "sleeps.pdf")
            assert error.value.retry_after
        finally:
            is_over.set()
        killing.result()
        assert ask(keeper, tmp_path, "whole.pdf").size == 8


@linux
def test_a_reader_that_answers_nobody_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recoup.areas.claims.documents.reader.GRACE_SECONDS", 0.5)
    with troubled() as keeper:
        ask(keeper, tmp_path, "whole.pdf")
        os.kill(reader_of(keeper), signal.SIGSTOP)
        ask(keeper, tmp_path, "whole.pdf")  # the second try is made with another


def test_sixteen_threads_at_once(tmp_path: Path) -> None:
    bodies = {"a.pdf": pdf(), "b.jpg": jpeg(photo(900, 700)), "c.png": png(photo(300, 200)), "d.docx": docx()}
    with Keeper(limits=PLENTY) as keeper, ThreadPoolExecutor(16) as pool:
        names = list(bodies) * 16
        found = list(pool.map(lambda name: ask(keeper, tmp_path, name, bodies[name]), names))
    assert [one.name for one in found] == names
    for name in bodies:
        assert len({one.sha256 for one in found if one.name == name}) == 1


def test_no_more_are_read_at_once_than_may_be_and_waiting_has_an_end(tmp_path: Path) -> None:
    with troubled(PLENTY, at_once=2, longest_wait=0.2) as keeper, ThreadPoolExecutor(3) as pool:
        ask(keeper, tmp_path, "whole.pdf")
        begun = time.monotonic()
        asked = [pool.submit(ask, keeper, tmp_path, "wakes.pdf") for _ in range(3)]
        errors = [one.exception(20) for one in asked]
        assert [type(error) for error in errors if error] == [Unavailable]
        assert time.monotonic() - begun < 10
        assert [error.retry_after for error in errors if isinstance(error, Unavailable)] == [10]
    with troubled(PLENTY, at_once=1, longest_wait=20) as keeper, ThreadPoolExecutor(3) as pool:
        begun = time.monotonic()
        assert len(list(pool.map(lambda _: ask(keeper, tmp_path, "wakes.pdf"), range(3)))) == 3
        assert time.monotonic() - begun >= 1.5


@linux
def test_closing_ends_everything_and_nothing_can_be_asked_afterwards(tmp_path: Path) -> None:
    with troubled(PLENTY) as keeper, ThreadPoolExecutor(1) as other:
        asked = other.submit(ask, keeper, tmp_path, "sleeps.pdf")
        wait_for(lambda: keeper._reader._process and children(reader_of(keeper)))
        reader = reader_of(keeper)
        child = children(reader)[0]
        keeper.close()
        assert isinstance(asked.exception(20), Unavailable)
        assert not is_there(reader)
        wait_for(lambda: not is_there(child))
        with pytest.raises(Unavailable, match="is stopping"):
            ask(keeper, tmp_path, "whole.pdf")
        keeper.close()


SERVER = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from recoup.areas.claims.documents.keeper import Keeper
from recoup.areas.claims.documents.limits import Limits
from support import troubled_reader
keeper = Keeper(limits=Limits(clock=600.0), command=troubled_reader.COMMAND)
folder = Path(sys.argv[2])
(folder / "in").write_bytes(b"%PDF-1.7")
ask = lambda: keeper.examine(folder / "in", name="sleeps.pdf", declared="", into=folder / "out")
threading.Thread(target=ask, daemon=True).start()
while keeper._reader._process is None:
    pass
print(keeper._reader._process.pid, flush=True)
sys.stdin.read()
"""


@linux
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_server(tmp_path: Path, how: signal.Signals) -> None:
    tests = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", SERVER, str(tests), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        reader = int(server.stdout.readline())
        wait_for(lambda: children(reader))
        child = children(reader)[0]
        server.send_signal(how)
        server.wait(20)
        wait_for(lambda: not is_there(reader))
        wait_for(lambda: not is_there(child))


@linux
def test_the_server_stays_as_small_as_it_was(tmp_path: Path) -> None:
    noise = photo(1, 1).resize((2300, 1500)).point(lambda value: value)
    noise.frombytes(os.urandom(2300 * 1500 * 3))
    large = png(noise, compress_level=0)
    assert 9 * MEGABYTE < len(large) < 10 * MEGABYTE + 400_000
    source = tmp_path / "source.png"
    source.write_bytes(large[: 10 * MEGABYTE])
    del noise, large
    with Keeper(limits=PLENTY) as keeper:
        keeper.examine(small(tmp_path), name="x.pdf", declared="", into=tmp_path / "first")
        before = peak()
        for number in range(4):
            keeper.examine(source, name="x.png", declared="image/png", into=tmp_path / f"{number}")
        assert peak() - before < 4 * MEGABYTE


def small(folder: Path) -> Path:
    path = folder / "small.pdf"
    path.write_bytes(pdf())
    return path


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def test_what_is_too_large_or_empty_is_not_read_at_all(tmp_path: Path) -> None:
    with Keeper() as keeper:
        with pytest.raises(TooLarge, match=r"x\.pdf is larger than 10 MB"):
            ask(keeper, tmp_path, "x.pdf", b"%PDF-1.7" + b"x" * (10 * MEGABYTE))
        with pytest.raises(Invalid, match=r"x\.pdf is empty"):
            ask(keeper, tmp_path, "x.pdf", b"")
        assert keeper._reader._process is None


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    source, into = small(tmp_path), tmp_path / "into"
    with Keeper() as keeper:
        found = keeper.examine(source, name="x.pdf", declared="", into=into)
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
    written, sent = into.read_bytes(), source.read_bytes()
    assert (found.size, found.sha256) == (len(written), hashlib.sha256(written).hexdigest())
    assert (found.original_size, found.original_sha256) == (len(sent), hashlib.sha256(sent).hexdigest())


def test_names_of_files_are_cleaned(tmp_path: Path) -> None:
    with Keeper() as keeper:
        found = ask(keeper, tmp_path, "../..\\a\u202eb\0\n" + "x" * 300 + ".PDF", pdf())
    assert found.name == "ab " + "x" * 193 + ".PDF"


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (("doc", 1, 100), Invalid, "only be downloaded"),
        (("docx", 1, 100), Invalid, "only be downloaded"),
        (("pdf", 1, 15), Invalid, "16 to 4,000"),
        (("pdf", 1, 4001), Invalid, "16 to 4,000"),
        (("pdf", 0, 100), NotFound, "no page 0"),
        (("pdf", 4, 100), NotFound, "no page 4: the document has 3"),
        (("jpeg", 2, 100), NotFound, "no page 2"),
        (("pdf", 1, 100), Invalid, "cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn(
    tmp_path: Path, asked: tuple[str, int, int], error: type[Exception], words: str
) -> None:
    (kind, page, width), source, into = asked, tmp_path / "source", tmp_path / "into"
    bodies = {"pdf": pdf(pages=3), "jpeg": jpeg()}
    source.write_bytes(b"%PDF-1.7 broken" if words == "cannot be drawn" else bodies.get(kind, b"x"))
    with Keeper() as keeper, pytest.raises(error, match=words):
        keeper.picture(source, kind=kind, page=page, width=width, into=into)
    assert not into.exists()
