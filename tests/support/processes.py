"""Recoup as processes, for tests: started as a person does, in a folder and an environment of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

RECOUP = (sys.executable, "-m", "recoup.entry.cli")
LONG = 60.0


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a person who set nothing but this."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if name in os.environ
    }
    return {**kept, "HOME": str(home), "RECOUP_HOME": str(home / "var"), "RECOUP_PORT": "0", **more}


def recoup(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*RECOUP, *words],
        cwd=home,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=LONG * 2,
        check=False,
    )


class Running:
    """A command that goes on until it is told to stop."""

    def __init__(self, home: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._err = home / f"{words[0]}.err"
        with self._err.open("w") as err:
            self.process = subprocess.Popen(
                [*RECOUP, *words],
                cwd=home,
                env=environment(home, **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                process_group=0,
            )

    def said(self) -> str:
        """Return what it printed so far."""
        return self._err.read_text(encoding="utf-8")

    def client(self) -> httpx2.Client:
        """Wait until the server is ready, and return a client that holds its key."""
        self.wait(lambda: "Recoup answers on" in self.said())
        address = re.search(r"http://[0-9.:]+", self.said())
        assert address
        key = (self.home / "var/secrets/api.key").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx2.Client(base_url=address[0], headers=headers, timeout=LONG)
        self.wait(lambda: client.get("/readyz").status_code == 200)
        return client

    def children(self, word: str) -> list[int]:
        """Return the process numbers of its children that run ``recoup <word>``."""
        mark = f"recoup.entry.cli {word}"
        return [
            pid for pid, line in commands() if f"--supervised-by {self.process.pid}" in line and mark in line
        ]

    def wait(self, until: Callable[[], object]) -> None:
        """Wait until something is so; fail when the command ends, or it takes a minute."""
        deadline = time.monotonic() + LONG
        while not until():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop, and return what it ended with."""
        self.process.send_signal(how)
        return self.process.wait(LONG)


@contextmanager
def running(home: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a command for the time of a test; whatever is left afterwards is killed."""
    one = Running(home, *words, env=env)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(LONG)
        for pid in left_of(one):
            os.kill(pid, signal.SIGKILL)


def left_of(one: Running) -> list[int]:
    """Return the processes that still run for a command: its children, and its database."""
    marks = (f"--supervised-by {one.process.pid}", f"-D {one.home}/var/postgres/data")
    return [pid for pid, line in commands() if any(mark in line for mark in marks)]


def commands() -> Iterator[tuple[int, str]]:
    """Yield number and command line of every process that runs."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            yield int(folder.name), line
