"""`recoup worker`: one process that takes work until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recoup import app
from recoup.core.tasks import Worker
from recoup.entry.opening import ready_settings
from recoup.entry.supervised import SupervisedBy, end_with

log = logging.getLogger("recoup.worker")

Threads = Annotated[int | None, Parameter(validator=Number(gte=1, lte=200), help="Tasks that run at once.")]


def worker(*, threads: Threads = None, supervised_by: SupervisedBy = None) -> int:
    """Start one worker process; any number may run, here or on other machines."""
    end_with(supervised_by)
    settings = ready_settings(threads=threads)
    with app.running(settings) as system:
        working = Worker(system, threads=settings.process.worker_threads)

        def stop(_number: int, _frame: FrameType | None) -> None:
            # In a thread of its own: the handler may have interrupted whoever holds the lock that stopping needs.
            threading.Thread(target=working.stop, name="stop").start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        log.info("Working as %s.", system.worker)
        working.run()
    return 0
