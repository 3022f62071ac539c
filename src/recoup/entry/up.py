"""`recoup up`: everything in one tree of processes, kept running until told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType

from recoup import app
from recoup.core.errors import RecoupError
from recoup.core.postgres import EmbeddedPostgres
from recoup.entry.opening import ready_settings
from recoup.entry.server import address_of, listener
from recoup.settings import Settings
from recoup.web import keys, output

log = logging.getLogger("recoup.up")

LOOK_EVERY = 0.2
LONGEST_DRAIN = 60.0
"""Seconds that children get to finish what they do; what is cut off then is taken up by the next start."""
STEADY = 60.0
"""A child that ran for so many seconds had no trouble starting."""
LONGEST_PAUSE = 30.0


def up() -> int:
    """Start everything: the embedded database (unless DATABASE_URL names another), the server, and the workers.

    Whatever dies is started again. SIGTERM or Ctrl-C lets work under way finish, and stops all of it; a second one
    stops it at once.
    """
    settings = ready_settings()
    process = settings.process
    with ExitStack() as stack:
        listening = stack.enter_context(listener(process.host, process.port))
        postgres = stack.enter_context(_own_database(settings)) if process.database_url is None else None
        with app.running(settings):
            pass  # the schema is brought up to date once, before anybody needs it
        tree = Tree(
            [
                Child("server", ["server", "--fd", str(listening.fileno())], listening),
                *(Child(f"worker {number}", ["worker"]) for number in range(1, process.workers + 1)),
            ],
            postgres,
        )
        key = keys.ensure(settings.home)
        output.note(f"Recoup answers on {address_of(listening)}; the API key is in {key}.")
        tree.run()
    output.note("Everything has stopped.")
    return 0


class Child:
    """One process of ours, started again when it ends, with a pause that grows while it does not get anywhere."""

    def __init__(self, name: str, words: Sequence[str], *inherits: socket.socket) -> None:
        self.name = name
        self._words = list(words)
        self._inherits = [one.fileno() for one in inherits]
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._not_before = 0.0
        self._pause = 1.0

    def tend(self) -> None:
        """Start the process if it does not run and its pause is over."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            if now - self._started > STEADY:
                self._pause = 1.0
            log.warning(
                "The %s ended (%s) and is started again in %.0f s.", self.name, _told(code), self._pause
            )
            self._process, self._not_before = None, now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if now >= self._not_before:
            self._start(now)

    def send(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def runs(self) -> bool:
        """Say whether it runs."""
        return self._process is not None and self._process.poll() is None

    def _start(self, now: float) -> None:
        words = [sys.executable, "-m", "recoup.entry.cli", *self._words, "--supervised-by", str(os.getpid())]
        # A group of its own: Ctrl-C is for us, and we tell the children in good order.
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            words, stdin=subprocess.DEVNULL, pass_fds=self._inherits, process_group=0
        )
        self._started = now
        log.info("Started the %s as process %d.", self.name, self._process.pid)


class Tree:
    """The children and the database, looked after by one loop."""

    def __init__(self, children: Sequence[Child], postgres: EmbeddedPostgres | None) -> None:
        self._children = children
        self._postgres = postgres
        self._asked_to_stop = 0

    def run(self) -> None:
        """Keep everything running until a signal comes, then end it in good order."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._asked_to_stop:
                self._tend_database()
                for child in self._children:
                    child.tend()
                time.sleep(LOOK_EVERY)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tend_database(self) -> None:
        if self._postgres is None:
            return
        try:
            self._postgres.ensure_running()
        except RecoupError as error:
            log.error("%s", error.sentence())  # noqa: TRY400 - it is a sentence already
            time.sleep(1)

    def _end(self) -> None:
        for child in self._children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + LONGEST_DRAIN
        while any(child.runs() for child in self._children):
            if self._asked_to_stop > 1 or time.monotonic() > deadline:
                for child in self._children:
                    child.send(signal.SIGKILL)
            time.sleep(LOOK_EVERY / 2)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop += 1


def _own_database(settings: Settings) -> EmbeddedPostgres:
    settings.home.mkdir(parents=True, exist_ok=True)
    return EmbeddedPostgres(settings.home, bin_dir=settings.process.pg_bin)


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
