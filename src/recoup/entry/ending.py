"""How commands end: an exit code, and one sentence for whatever went wrong; never a trace."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cyclopts import CycloptsError

from recoup.core.errors import RecoupError, Unavailable
from recoup.web import logs
from recoup.web.terminal import clean, note

log = logging.getLogger("recoup.command")

USAGE, UNFORESEEN, SIGNALLED = 64, 70, 128
"""What a shell and sysexits.h call them; a process ended by a signal adds its number."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the process to stop, in the way that Ctrl-C does or with SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def ended(work: Callable[[], object]) -> int:
    """Do a command's work and return what the process ends with; say on stderr what went wrong."""
    try:
        result = work()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - the last place where it can become a sentence
        return _code_of(failure)
    return result if isinstance(result, int) else 0


def stop_in_good_order() -> None:
    """Let SIGTERM end a command as Ctrl-C does: what it opened is closed."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def leave_at_once(code: int) -> NoReturn:
    """End the process without waiting for threads: whoever stopped it twice will not, and what they do is fenced."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def _code_of(failure: Exception | KeyboardInterrupt) -> int:
    match failure:
        case RecoupError():
            note(failure.sentence())
            code = failure.exit_code
        case CycloptsError():
            note(f"{clean(str(failure))} See `recoup --help`.")
            code = USAGE
        case Stopped():
            code = SIGNALLED + failure.number
        case KeyboardInterrupt():
            code = SIGNALLED + signal.SIGINT
        case BrokenPipeError():  # whoever reads has enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = SIGNALLED + signal.SIGPIPE
        case _ if _database_went_away(failure):
            log.warning("The database went away: %s", failure)
            note("The database went away. Nothing is half done; try again.")
            code = Unavailable.exit_code
        case _:
            note(f"Something unforeseen happened ({type(failure).__name__}){_written_down(failure)}.")
            code = UNFORESEEN
    return code


def _database_went_away(failure: Exception) -> bool:
    """Ask whoever knows, if anybody has loaded it: `recoup --help` must not wait for a database library."""
    db = sys.modules.get("recoup.core.db")
    return db is not None and bool(db.is_connection_lost(failure))


def _written_down(failure: Exception) -> str:
    """Write the trace into the log, and say where that is."""
    handlers = logging.getLogger().handlers
    files = [one.path for one in handlers if isinstance(one, logs.SharedFile)]
    try:
        # It may have happened before the settings said where the log is.
        path = files[0] if files else logs.set_up(_likely_home(), level="info", console="critical")
    except OSError:
        return ", and the log cannot be written"
    with logs.console_silent():
        log.error("Unforeseen", exc_info=failure)
    return f"; {path} has the details"


def _likely_home() -> Path:
    return Path(os.environ.get("RECOUP_HOME") or "var").absolute()
