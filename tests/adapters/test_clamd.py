"""clamd's protocol: what it finds, what it takes, and that no answer is never taken for a good one."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from recoup.adapters.clamd import Clamd
from recoup.core.errors import Misconfigured, Unavailable
from recoup.sandbox.clamd import EICAR, SIGNATURE, ClamdStandIn


@pytest.fixture(params=["tcp", "unix"])
def stand_in(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClamdStandIn]:
    with ClamdStandIn(path=tmp_path / "clamd.sock" if request.param == "unix" else None) as running:
        yield running


@contextmanager
def answering(said: bytes, *, reads: int = 0) -> Iterator[str]:
    """A server that reads so many bytes of one connection, says something and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                left = reads
                while left > 0 and (portion := line.recv(left)):
                    left -= len(portion)
                line.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_what_is_harmful_is_named_and_the_rest_passes(stand_in: ClamdStandIn) -> None:
    scanner = Clamd(stand_in.address)
    scanner.ping()
    assert scanner.scan(io.BytesIO(b"%PDF-1.7 harmless")) is None
    assert scanner.scan(io.BytesIO(b"")) is None
    assert scanner.scan(io.BytesIO(b"x" * 100_000 + EICAR + b"x")) == SIGNATURE
    # The string may lie across two portions, and only what is left to read is scanned.
    assert scanner.scan(io.BytesIO(b"x" * (64 * 1024 - 10) + EICAR)) == SIGNATURE
    body = io.BytesIO(EICAR + b"harmless")
    body.seek(len(EICAR))
    assert scanner.scan(body) is None
    assert stand_in.scanned == [17, 0, 100_069, 64 * 1024 - 10 + 68, 8]


def test_many_threads_at_once(stand_in: ClamdStandIn) -> None:
    scanner = Clamd(stand_in.address)
    bodies = [b"x" * 200_000 + (EICAR if number % 3 == 0 else b"") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda body: scanner.scan(io.BytesIO(body)), bodies))
    assert found == [SIGNATURE if number % 3 == 0 else None for number in range(24)]


def test_a_file_larger_than_it_takes(stand_in: ClamdStandIn) -> None:
    stand_in.limit = 1_000_000
    with pytest.raises(Unavailable, match="takes no file of this size") as error:
        Clamd(stand_in.address).scan(io.BytesIO(b"x" * 20_000_000))
    assert error.value.fix is not None
    assert "StreamMaxLength" in error.value.fix


def test_one_that_is_down(stand_in: ClamdStandIn) -> None:
    scanner = Clamd(stand_in.address, connect_seconds=1)
    stand_in.stop()
    for ask in (scanner.ping, lambda: scanner.scan(io.BytesIO(b"x"))):
        with pytest.raises(Unavailable, match="gave no answer") as error:
            ask()
        assert stand_in.address in error.value.detail


def test_one_that_stalls(stand_in: ClamdStandIn) -> None:
    stand_in.stall()
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="it took too long"):
        Clamd(stand_in.address, step_seconds=0.3).scan(io.BytesIO(EICAR))
    assert time.monotonic() - begun < 5
    stand_in.go_on()
    assert Clamd(stand_in.address).scan(io.BytesIO(EICAR)) == SIGNATURE


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0",
        b"stream: OK",
        b"stream: Found",
        b"COMMAND READ TIMED OUT\0",
        b"UNKNOWN COMMAND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"stream: OK but\0",
        b"HTTP/1.1 200 OK\r\n\r\nstream: OK",
        b"\x1b[31mOK" * 2000,
    ],
)
def test_any_other_answer_is_none(said: bytes) -> None:
    reads = len(b"zINSTREAM\0") + 4 + 1 + 4
    with answering(said, reads=reads) as address:
        scanner = Clamd(address, step_seconds=5)
        if said == b"stream: OK":  # whole, though nobody said that it ends
            assert scanner.scan(io.BytesIO(b"x")) is None
            return
        with pytest.raises(Unavailable, match="gave no answer") as error:
            scanner.scan(io.BytesIO(b"x"))
        assert error.value.detail.isprintable()
        assert len(error.value.detail) < 5000


def test_one_that_hangs_up_in_the_middle() -> None:
    with answering(b"", reads=100) as address, pytest.raises(Unavailable, match="gave no answer"):
        Clamd(address, step_seconds=5).scan(io.BytesIO(b"x" * 30_000_000))


def test_a_body_that_cannot_be_read_is_not_the_scanners_fault(stand_in: ClamdStandIn) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise Misconfigured(f"The folder is gone ({size}).")

    with pytest.raises(Misconfigured):
        Clamd(stand_in.address).scan(Broken())


@pytest.mark.parametrize(
    "address", ["", "clamd", "clamd:", ":3310", "clamd:0", "clamd:65536", "clamd:x", "./clamd.sock"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(Misconfigured, match="is none"):
        Clamd(address)


@pytest.mark.parametrize(
    "address", ["[::1]:3310", "localhost:3310", "unix:/run/clamd.sock", "/run/clamd.sock"]
)
def test_addresses(address: str) -> None:
    assert Clamd(address).address == address


def test_a_real_clamd(tmp_path: Path) -> None:
    program = shutil.which("clamd")
    if program is None:
        pytest.skip("clamd is not installed here")
    signatures = tmp_path / "db"
    signatures.mkdir()
    (signatures / "own.ndb").write_text(f"Eicar-Own:0:*:{EICAR.hex()}\n")
    path, settings = tmp_path / "clamd.sock", tmp_path / "clamd.conf"
    settings.write_text(f"Foreground yes\nLocalSocket {path}\nDatabaseDirectory {signatures}\n")
    with subprocess.Popen([program, "--config-file", str(settings)]) as running:
        try:
            deadline = time.monotonic() + 60
            while not path.exists():
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            scanner = Clamd(str(path))
            scanner.ping()
            assert scanner.scan(io.BytesIO(b"harmless")) is None
            assert "Eicar" in (scanner.scan(io.BytesIO(EICAR)) or "")
        finally:
            running.terminate()
