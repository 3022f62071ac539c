"""The demo's surroundings: a folder, its own database, stand-ins and a worker in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recoup.core.clock import to_text
from recoup.core.errors import Conflict, Unavailable
from recoup.sandbox import s3
from recoup.sandbox.http import CONTROL_PATH
from recoup.sandbox.usage import Service

KEPT = Path("var/demo")
STOP_SECONDS = 20.0
_OURS = "made-by-recoup-demo"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Nothing else of the user's environment: a demo must not find the way to somebody's real bucket or marketplace."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one demo lies."""

    folder: Path

    @property
    def home(self) -> Path:
        """RECOUP_HOME: where a process in ``folder`` has it by default."""
        return self.folder / "var"

    @property
    def usage(self) -> Path:
        """The hour files, where no S3 stands in."""
        return self.folder / "usage"

    @property
    def ledger(self) -> Path:
        """What the stand-in for Clazar accepted."""
        return self.folder / "clazar-ledger.jsonl"

    @property
    def clock(self) -> Path:
        """The time, as the demo has it."""
        return self.folder / "clock"

    @property
    def log(self) -> Path:
        """What the workers write to stderr."""
        return self.folder / "worker.log"

    @property
    def mails(self) -> Path:
        """Mails, as there is no mail server."""
        return self.home / "mail"

    @property
    def toml(self) -> Path:
        """The settings, but for secrets and for the addresses of stand-ins that end with the demo."""
        return self.folder / "recoup.toml"

    def remove(self) -> None:
        """Remove the folder; nothing runs in it any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_settings(self, source: str, services: Sequence[Service], *, start: datetime) -> None:
        """Write recoup.toml: whoever types ``recoup`` in the folder later has the demo's home and streams."""
        lines = [
            "# Written by recoup demo. Clazar and YouTube are not set up here, on purpose.",
            "[mail]",
            'alerts = ["you@company.test"]',
            "",
            "[metering]",
            f"source = {json.dumps(source)}",
            f"start = {to_text(start)}",
            "recheck_hours = 25",
        ]
        for service in services:
            lines += ["", "[[metering.streams]]", f"service = {json.dumps(service.name)}"]
            lines += [
                f"environment = {json.dumps(service.environment)}",
                f"plan = {json.dumps(service.plan_id)}",
            ]
            lines += [f"cloud = {json.dumps(service.cloud)}"]
        self.toml.write_text("\n".join([*lines, ""]), encoding="utf-8")


def make_folder(*, keep: bool) -> Places:
    """Make the demo's folder: ``var/demo`` here, or a temporary one.

    Raise Conflict when ``var/demo`` is there and not from an earlier demo.
    """
    if keep:
        folder = KEPT.absolute()
        if folder.exists():
            if not (folder / _OURS).exists():
                raise Conflict(
                    f"{folder} is there, and no demo made it.", fix="Move it away, or run without --keep."
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="recoup-demo-"))
    (folder / _OURS).touch()
    return Places(folder)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the demo's processes: little of the user's, and ``extra``."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(extra)


@contextmanager
def this_process_has(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for a while: boto3 looks for credentials nowhere else."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def usage_store(where: Places, *, keep: bool) -> Iterator[tuple[str, str]]:
    """Yield the address of the store for hour files, and what to call it.

    S3 on loopback where its stand-in is installed (it is in a checkout), else a folder. What is kept lies in a
    folder, too: the stand-in forgets everything when it ends.
    """
    if keep or not all(importlib.util.find_spec(name) for name in ("moto", "flask", "boto3")):
        why = "so that it stays" if keep else "as no stand-in for S3 is installed"
        where.usage.mkdir()
        yield str(where.usage), f"a folder, {why}"
        return
    with s3.moto_process(where.folder) as process, this_process_has(s3.environment()):
        yield process.server.address(), "S3 on loopback (moto)"


class StandInForClazar:
    """Clazar's stand-in in a process of its own."""

    def __init__(self, where: Places) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "recoup.sandbox.clazar", "--ledger", str(where.ledger)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment({}),
            start_new_session=True,
            text=True,
        )
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens; waits until it does."""
        if not self._url and self._process.stdout is not None:
            self._url = self._process.stdout.readline().strip()
        if not self._url:
            raise Unavailable("The stand-in for Clazar did not start.")
        return self._url

    def take_and_stay_silent(self, seconds: float) -> None:
        """Let the next request for metering take its effect, and its answer wait."""
        wanted = {"fault": "slow", "seconds": seconds, "times": 1, "path": "/metering"}
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            self.url + CONTROL_PATH, data=json.dumps(wanted).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - as above
            pass

    def end(self) -> None:
        """End it, at once: each line of its ledger is on its way to the disk when it is accepted."""
        _end(self._process, signal.SIGKILL)


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, where: Places, environ: Mapping[str, str]) -> None:
        self._where = where
        with where.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "recoup.entry.demo_worker", str(where.clock)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=where.folder,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C is for the demo, which ends its worker itself
            )

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def check(self) -> None:
        """Raise Unavailable when it has ended, which it should not."""
        if self._process.poll() is not None:
            raise Unavailable(f"The demo's worker ended by itself; {self._where.log} says why.")

    def pause(self) -> None:
        """Let it do nothing for now."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it as the kernel would: it cannot finish anything, nor say goodbye."""
        _end(self._process, signal.SIGKILL)

    def end(self) -> None:
        """Let it finish what it does, and end it."""
        _end(self._process, signal.SIGTERM)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes], how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


class Ended(Exception):
    """Somebody asked the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def orderly_end() -> Iterator[ExitStack]:
    """Yield a stack whose contexts are left in any case. Ctrl-C, SIGTERM and SIGHUP raise Ended, once.

    Ended is what leaves, too, where what it interrupted stumbled on the way out, or swallowed it.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.getsignal(each) for each in signals}
    before = {
        each: handler for each, handler in before.items() if handler is not signal.SIG_IGN
    }  # as under nohup

    asked: list[Ended] = []

    def ignore() -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)

    def end(number: int, _frame: object) -> None:
        ignore()
        asked.append(Ended(number))
        raise asked[0]

    for each in before:
        signal.signal(each, end)
    try:
        with ExitStack() as stack:
            try:
                yield stack
            finally:
                ignore()
    except Exception as error:
        if asked and error is not asked[0]:
            raise asked[0] from error
        raise
    else:
        if asked:
            raise asked[0]
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
