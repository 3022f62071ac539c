"""The embedded Postgres: made on first use, started by whoever comes first, stopped by whoever leaves last."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from types import MappingProxyType
from typing import Self

import psycopg

from recoup.core.errors import Conflict, Misconfigured, RecoupError, Unavailable
from recoup.core.postgres_access import SUPERUSER, Address, Roles, provision, roles_of
from recoup.core.postgres_files import POLL_SECONDS, PostgresFiles, until
from recoup.core.postgres_programs import (
    DISK_FULL,
    LOOPBACK,
    PostgresPrograms,
    Process,
    disk_full,
    processes_of,
)

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "128MB",
        "max_connections": "100",
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_level": "minimal",  # nobody replicates from here; minimal writes less
        "max_wal_senders": "0",
        "autovacuum_naptime": "15s",  # queues live here: their dead rows must not wait a minute
        "idle_in_transaction_session_timeout": "10min",
        "client_connection_check_interval": "10s",  # a killed client's query ends, too
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
        # No customer's data in the log: neither statements nor the key values in an error's details.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "cluster_name": "recoup",
    }
)

START_SECONDS = 300.0
"""How long a server may take to start: a crash recovery replays at most ``max_wal_size``, 1 GB."""

STOP_SECONDS = 45.0
QUIT_SECONDS = 10.0
ORPHANS_QUIT_AFTER = 1.0
ORPHANS_KILL_AFTER = 3.0
PORT_TRIES = 5


class EmbeddedPostgres:
    """A Postgres under ``home/postgres``, shared by every process that starts it on the same home.

    As a context manager it starts on entry and stops on exit. ``settings`` override SETTINGS when this process is the
    one that starts the server. Failures are Misconfigured (a person must mend it) or Unavailable (later may work).
    """

    def __init__(
        self, home: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._files = PostgresFiles(home)
        self._programs = PostgresPrograms(self._files, bin_dir)
        self._settings = {**SETTINGS, **settings}
        self._users: int | None = None
        self._used_by = 0
        self._address: Address | None = None
        self._process: Process | None = None
        self._refusal = "it has not said that it is ready"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Address:
        """Start the server, or join the one that runs; make the cluster on first use. Twice is the same as once."""
        with _as_sentences(self._files):
            self._files.prepare()
            with self._files.turn():
                if self._users is None or self._used_by != os.getpid():
                    self._users, self._used_by = self._files.join(), os.getpid()
                try:
                    return self._bring_up()
                except BaseException as failure:
                    # A server that is slow to recover goes on: whoever tries again finds it further on.
                    self._leave(stop_last=not isinstance(failure, RecoupError))
                    raise

    def stop(self) -> None:
        """Stop using the server, and stop it when nobody else uses it. Twice is the same as once."""
        if self._users is None or self._used_by != os.getpid():  # a forked child is no user of its own
            return
        with _as_sentences(self._files), self._files.turn():
            self._leave(stop_last=True)

    def ensure_running(self) -> Address:
        """Return where the server listens, after starting it again if it has died; cheap while it lives.

        The address is the same as before unless another program has taken the port. Raise Conflict before ``start``
        and after ``stop``.
        """
        process, address = self._process, self._address
        if process and address and process.runs():
            return address
        with _as_sentences(self._files), self._files.turn():
            if self._users is None:
                raise Conflict(
                    "This process does not use the database: it has stopped it, or not started it."
                )
            return self._bring_up()

    def provision(self, *, database: str) -> Roles:
        """Create the database, its owner and the application's role, or set right what is there already.

        The owner may create schemas and trusted extensions in it; the application may connect, make temporary
        tables, and use what the owner grants it; nobody else may connect.
        """
        address, passwords = self.ensure_running(), self._files.passwords()
        try:
            provision(address, passwords, database)
        except psycopg.Error as error:
            raise Unavailable(
                f"The database {database!r} could not be prepared ({_first_line(error)}).",
                fix=f"Read {self._files.log} and start again.",
            ) from error
        return roles_of(address, passwords, database)

    def roles(self, database: str) -> Roles:
        """Return the URLs of a database that was provisioned, or made like one."""
        return roles_of(self.ensure_running(), self._files.passwords(), database)

    # ------------------------------------------------------------ coming up, going down

    def _bring_up(self) -> Address:
        """Find the server that runs, or start one; only within ``turn``."""
        begun = time.monotonic()
        self._files.bound_log()
        while (claim := self._claim()) is None:
            if address := self._reach():
                return address
            self._wait(begun)
        try:
            self._programs.check_version()
            password = self._files.passwords()[SUPERUSER]
            self._files.remove_half_made()
            if not self._files.data.exists():
                self._programs.make_cluster(password, claim=claim, sync=self._settings["fsync"] == "on")
            return self._launch(claim, begun)
        finally:
            os.close(claim)  # the server holds a copy of its own

    def _claim(self) -> int | None:
        """Take the right to start a server: only while none lives here, not even one that somebody ran by hand."""
        claim = self._files.claim_server()
        if claim is not None and processes_of(self._files.data):
            self._files.release(claim)
            return None
        return claim

    def _launch(self, claim: int, begun: float) -> Address:
        socket_dir = self._files.socket_dir()
        said = ""
        for attempt in range(PORT_TRIES):
            port = (self._files.last_port() if attempt == 0 else None) or _free_port()
            self._files.remember(port=port, socket_dir=socket_dir)
            # Nobody lives here, as the claim shows. Postgres itself would believe any process of that number.
            (self._files.data / "postmaster.pid").unlink(missing_ok=True)
            log_end = self._files.log_size()
            child = self._programs.serve(self._settings, port=port, socket_dir=socket_dir, claim=claim)
            while child.poll() is None:
                if address := self._reach():
                    return address
                self._wait(begun)
            said = self._files.log_since(log_end)
            if "could not create any TCP/IP sockets" not in said:
                break
        if DISK_FULL in said:
            raise disk_full(self._files.folder)
        reasons = re.findall(r"(?:FATAL|PANIC): +(.*)", said) or ["it gave no reason"]
        raise Unavailable(
            f"The database in {self._files.data} did not start ({reasons[-1]}).",
            fix=f"Read {self._files.log}, mend what it names and start again.",
        )

    def _reach(self) -> Address | None:
        """Return the address of the server that serves our data and knows our password; all else may be leftovers."""
        said = self._files.pid_file()
        if said is None or not said.ready:
            return None
        address = Address(LOOPBACK, said.port, Path(said.socket_dir), self._files.passwords()[SUPERUSER])
        process = Process.find(said.pid, works_in=self._files.data)
        try:
            with address.connect() as server:
                row = server.execute("SELECT current_setting('data_directory')").fetchone()
        except psycopg.OperationalError as error:
            if process and "password authentication failed" in str(error):
                raise Misconfigured(
                    f"The database in {self._files.data} does not accept the password in secrets.json.",
                    fix="Put back the secrets.json that belongs to it.",
                ) from None
            self._refusal = _first_line(error)
            return None
        with suppress(FileNotFoundError):  # a copy of us elsewhere answered, and its folder is not here
            if row and self._files.data.samefile(row[0]):
                self._address, self._process = address, process
                return address
        return None

    def _wait(self, begun: float) -> None:
        """Wait a moment for a server that starts, recovers or ends; never longer than START_SECONDS in all."""
        waited = time.monotonic() - begun
        if waited > START_SECONDS:
            raise Unavailable(
                f"The database in {self._files.data} does not answer after {START_SECONDS:.0f} s ({self._refusal}).",
                fix=f"Read {self._files.log}: it may be recovering; starting again waits on, and loses nothing.",
            )
        if waited > ORPHANS_QUIT_AFTER:
            self._end_orphans(signal.SIGQUIT if waited < ORPHANS_KILL_AFTER else signal.SIGKILL)
        time.sleep(POLL_SECONDS)

    def _end_orphans(self, how: signal.Signals) -> None:
        """End what is left of a killed server: a backend that computes on notices nothing and blocks the next one."""
        said, left = self._files.pid_file(), processes_of(self._files.data)
        if said is not None and said.pid not in left:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, how)

    def _leave(self, *, stop_last: bool) -> None:
        users, self._users = self._users, None
        self._address = self._process = None
        if users is not None and self._files.leave(users) and stop_last:
            self._shut_down()

    def _shut_down(self) -> None:
        """Stop the server: fast, which writes a checkpoint, and at once when that takes too long."""
        said = self._files.pid_file()
        process = Process.find(said.pid, works_in=self._files.data) if said else None
        if process is None or not self._files.server_lives():  # gone, or started by somebody else's hand
            return
        for how, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, QUIT_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(process.pid, how)
            if until(lambda: not self._files.server_lives() and not process.runs(), seconds):
                self._files.remove_far_socket_dir()
                return
        raise Unavailable(
            f"The database in {self._files.data} (process {process.pid}) does not stop.",
            fix=f"Read {self._files.log}; its data are safe, and the next start waits for it.",
        )


@contextmanager
def _as_sentences(files: PostgresFiles) -> Iterator[None]:
    """Say what the operating system refused, and where, in a sentence."""
    try:
        yield
    except TimeoutExpired as error:
        raise Unavailable(
            f"{error.cmd[0]} did not end within {error.timeout:.0f} s.",
            fix=f"See whether the disk that holds {files.folder} is slow or stuck, and start again.",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(files.folder) from error
        what = f"{error.filename or files.folder}: {error.strerror}"
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise Misconfigured(
                f"The database's folder {files.folder} cannot be used ({what}).",
                fix="Run Recoup as the account that the folder belongs to, or set RECOUP_HOME to another.",
            ) from error
        raise Unavailable(f"The database in {files.folder} cannot be started or stopped ({what}).") from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port: int = free.getsockname()[1]
        return port
