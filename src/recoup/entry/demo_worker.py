"""The demo's worker: a real one, in a process of its own, whose clock the demo moves."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

from recoup import app
from recoup.core.clock import parse_instant, to_text
from recoup.core.tasks import Worker

TICK_EVERY = timedelta(seconds=0.2)
"""The demo's hours pass in a second: a schedule that looked every five would lose most of its time waiting."""


class FileClock:
    """A clock that several processes share: it shows what one of them wrote, until that one writes another time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> datetime:
        """Return the instant in the file."""
        return parse_instant(self._path.read_text(encoding="ascii"))

    def set(self, now: datetime) -> None:
        """Let it be ``now`` for everybody, whole or not at all."""
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        part.write_text(to_text(now), encoding="ascii")
        part.replace(self._path)


def main() -> None:
    """Work by the clock in the file that the first argument names, until SIGTERM or until stdin ends."""
    clock = FileClock(Path(sys.argv[1]))
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for chatty in ("httpx2", "httpcore2", "procrastinate", "botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with app.running(app.read_settings(), clock=clock) as system:
        worker = Worker(system, threads=system.settings.process.worker_threads, tick_every=TICK_EVERY)
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        # The demo holds the other end: when it is gone, however it went, nobody needs this worker.
        threading.Thread(target=_stop_at_the_end_of_stdin, args=(worker,), daemon=True).start()
        worker.run()


def _stop_at_the_end_of_stdin(worker: Worker) -> None:
    sys.stdin.read()
    worker.stop()


if __name__ == "__main__":
    main()
