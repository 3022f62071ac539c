"""Who may come in to the embedded Postgres: its address, its two roles, and what a database lets them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
OWNER = "recoup_owner"
APP = "recoup_app"
ROLES = (SUPERUSER, OWNER, APP)

_CONNECT_SECONDS = 5
_LOCK_SECONDS = 60
_PROVISION_LOCK = 0x7265636F75700001  # "recoup", 1: the advisory lock of this file


@dataclass(frozen=True, slots=True)
class Address:
    """Where the running server listens, and the password of its superuser."""

    host: str
    port: int
    socket_dir: Path
    password: str = field(repr=False)

    def url(self, *, user: str, password: str, database: str) -> str:
        """Return the URL of a database for SQLAlchemy on psycopg, percent-encoded.

        It names the socket: nobody else can listen in its folder, whereas a port is anybody's while we are down.
        """
        return (
            f"postgresql+psycopg://{quote(user, safe='')}:{quote(password, safe='')}@/{quote(database, safe='')}"
            f"?host={quote(str(self.socket_dir), safe='')}&port={self.port}"
        )

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection:
        """Connect as superuser, each statement its own transaction; raises psycopg.OperationalError.

        A server that does not prove to know the password, too, is refused, and is not told it.
        """
        return psycopg.connect(
            host=str(self.socket_dir),
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            connect_timeout=_CONNECT_SECONDS,
            require_auth="scram-sha-256",
            autocommit=True,
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """The URLs of one database: for migrations, which own it, and for the application, which may only use it."""

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)


def roles_of(address: Address, passwords: Mapping[str, str], database: str) -> Roles:
    """Return the URLs of a database for its owner and for the application."""
    owner, app = (
        address.url(user=role, password=passwords[role], database=database) for role in (OWNER, APP)
    )
    return Roles(owner_url=owner, app_url=app)


def provision(address: Address, passwords: Mapping[str, str], database: str) -> None:
    """Create the roles and the database, or set right what is there already; raises psycopg's errors."""
    with address.connect() as server:
        server.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        server.execute("SELECT pg_advisory_lock(%s)", [_PROVISION_LOCK])
        for role in (OWNER, APP):
            _set_role(server, role, passwords[role])
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount:
            create_database(server, database)
        server.execute(_named("ALTER DATABASE {} OWNER TO {}", database, OWNER))
        _close_to_others(server, database)
        for other in ("postgres", "template1"):
            server.execute(_named("REVOKE ALL ON DATABASE {} FROM PUBLIC", other))
        with address.connect(database) as inside:
            inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            inside.execute(_named("GRANT USAGE ON SCHEMA public TO {}", APP))


def create_database(
    server: psycopg.Connection, database: str, *, template: str = "template0", strategy: str = "wal_log"
) -> None:
    """Create a database of the owner's as a copy of another, which nobody may be connected to meanwhile.

    What is inside comes along with its grants; who may connect does not, and is set here.
    """
    server.execute(
        _named("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}", database, OWNER, template, strategy)
    )
    _close_to_others(server, database)


def _set_role(server: psycopg.Connection, role: str, password: str) -> None:
    """Create a role or take from it what it should not have; the server never reads the password itself."""
    if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
        server.execute(_named("CREATE ROLE {}", role))
    proof = server.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    server.execute(
        sql.SQL("ALTER ROLE {} {} PASSWORD {}").format(
            sql.Identifier(role), sql.SQL(attributes), sql.Literal(proof)
        )
    )


def _close_to_others(server: psycopg.Connection, database: str) -> None:
    server.execute(_named("REVOKE ALL ON DATABASE {} FROM PUBLIC", database))
    server.execute(_named("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}", database, APP))


def _named(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))
