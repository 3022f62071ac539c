"""A Postgres for the tests: one server per test process, one database per test, copied from a template."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_access import create_database
from recoup.core.postgres_files import until
from recoup.core.postgres_programs import Process, processes_of

FAST: Mapping[str, str] = {
    # A test's rows need not survive a power cut, only our own kills, and those lose nothing that was written.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
}
EMPTY = "empty"


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    name: str
    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)


class Cluster:
    """A running server that makes databases; not shared between processes."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self._numbers = count(1)
        self._server: psycopg.Connection = postgres.start().connect()
        postgres.provision(database=EMPTY)

    def create_database(self, template: str | None = None, *, name: str | None = None) -> Database:
        """Make a database like ``template`` (to which nobody may be connected), or an empty one."""
        made = name or f"test_{next(self._numbers)}"
        create_database(self._server, made, template=template or EMPTY, strategy="file_copy")
        roles = self.postgres.roles(made)
        return Database(made, roles.owner_url, roles.app_url)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """Make a database for the time of one test."""
        made = self.create_database(template)
        try:
            yield made
        finally:
            self.drop_database(made.name)

    def close(self) -> None:
        """Let go of the server, and stop it."""
        self._server.close()
        self.postgres.stop()


USER = """
import os, pwd, sys
from pathlib import Path
from recoup.core.errors import RecoupError
from recoup.core.postgres import EmbeddedPostgres
home = Path(sys.argv[1])
for account in map(pwd.getpwnam, sys.argv[2:]):  # only now: Python itself may lie where it cannot get to
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
postgres = EmbeddedPostgres(home)
try:
    postgres.start()
except RecoupError as failure:
    sys.exit(f"{type(failure).__name__}: {failure.sentence()}")
print((home / "postgres/data/postmaster.pid").read_text().split()[0], flush=True)
sys.stdin.readline()
postgres.stop()
"""


class User:
    """Another process, of ours or of another account, that uses the server of a home until told to leave."""

    def __init__(self, home: Path, *account: str, **how: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home), *account],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **how,
        )

    def server(self) -> int:
        """Wait until it has a server, and return the server's process number."""
        return int(self._process.stdout.readline())

    def says(self) -> str:
        """Wait until it ends, and return all that it said."""
        return self._process.communicate(timeout=60)[0]

    def leave(self) -> None:
        """Have it leave in good order, and wait until it has."""
        assert self.says() == ""
        assert self._process.returncode == 0

    def kill(self) -> None:
        """Kill it as the kernel does when memory runs out, and nothing else with it."""
        self._process.kill()
        self._process.communicate()

    def pause(self) -> None:
        """Let it do nothing for a while, not even bury its dead."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()


def server_of(home: Path) -> int:
    """Return the process number of the server of a home."""
    return int((home / "postgres/data/postmaster.pid").read_text().split()[0])


def kill_server(home: Path) -> None:
    """Kill the server's first process only, as the kernel does when memory runs out, and wait until it is dead."""
    server = Process.find(server_of(home), works_in=home / "postgres/data")
    os.kill(server.pid, signal.SIGKILL)
    assert until(lambda: not server.runs(), 10)


def end_servers(home: Path) -> None:
    """End whatever a test left running on its home."""
    for pid in processes_of(home / "postgres" / "data"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def running_cluster(home: Path, *, settings: Mapping[str, str] = FAST) -> Iterator[Cluster]:
    """Run a server under ``home`` for the time of a test session; give ``settings`` to have it sync to disk.

    It outlives us, as it should, but nobody would come to this home again: when we are killed, a watchman ends it.
    """
    with subprocess.Popen(
        [sys.executable, "-c", WATCHMAN, str(home)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    ) as watchman:
        cluster = Cluster(EmbeddedPostgres(home, settings=settings))
        try:
            yield cluster
        finally:
            cluster.close()
            watchman.kill()


WATCHMAN = """
import sys
from pathlib import Path
from support.postgres import end_servers
sys.stdin.read()
end_servers(Path(sys.argv[1]))
"""
