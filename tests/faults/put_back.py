"""A database, and a house's folder, that are put back to how they were at first, between one trial and the next."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from support.postgres import Cluster


class PutBack:
    """Keeps a copy of every table of a database in it, and connects as its owner."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self._cluster, self._database = cluster, database
        self._server = self._connected()
        self._statements: Any = ""
        self._trials = 0

    def remember(self) -> None:
        """Remember how the tables are now."""
        named = self._server.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = [f'"{name}"' for (name,) in named]
        self._server.execute("create schema at_first")
        for table in tables:
            self._server.execute(f"create table at_first.{table} as table public.{table}")
        deleted = [f"delete from public.{table}" for table in tables]
        copied = [
            f"insert into public.{table} overriding system value table at_first.{table}" for table in tables
        ]
        self._statements = "; ".join(["set session_replication_role = replica", *deleted, *copied])

    def back(self) -> None:
        """Make the tables as they were."""
        self._server.execute(self._statements)

    @contextmanager
    def beside(self, first: Path) -> Iterator[Path]:
        """Make the tables as they were, and yield a copy of a house's folder, which is removed after its trial."""
        self._trials += 1
        self.back()
        home = first.with_name(f"trial-{self._trials}")
        shutil.copytree(first, home)
        yield home
        shutil.rmtree(home)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self._server.execute(statement).fetchall()

    def came_back(self) -> None:
        """Connect again after the server was killed and started."""
        self._server.close()
        self._server = self._connected()

    def leave_elsewhere(self) -> None:
        """Let killed processes have run on another machine, so that only their leases tell, and let those be over."""
        for table in ("runs", "deliveries"):
            self._server.execute(
                f"update {table} set worker = 'elsewhere', lease_until = now() - interval '1 second' "
                "where lease_until is not null"
            )

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _connected(self) -> psycopg.Connection:
        return self._cluster.postgres.ensure_running().connect(self._database)
