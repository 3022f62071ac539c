"""Who comes in to the embedded Postgres, and what they may not do there."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from psycopg import errors, sql

from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_access import Address, Roles
from recoup.core.postgres_files import PostgresFiles
from support.postgres import FAST, end_servers


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    home = tmp_path_factory.mktemp("access")
    try:
        with EmbeddedPostgres(home, settings=FAST) as running:
            yield running
    finally:
        end_servers(home)


@pytest.fixture(scope="module")
def roles(postgres: EmbeddedPostgres) -> Roles:
    return postgres.provision(database="recoup")


def connected(url: str, **other: object) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, **other)


def test_provisioning_twice_is_the_same_as_once(postgres: EmbeddedPostgres, roles: Roles) -> None:
    with connected(roles.owner_url) as owner:
        owner.execute("CREATE SCHEMA twice CREATE TABLE kept (n int)")
    assert postgres.provision(database="recoup") == roles
    with connected(roles.owner_url) as owner:
        assert owner.execute("SELECT to_regclass('twice.kept') IS NOT NULL").fetchone() == (True,)


def test_provisioning_takes_back_what_a_role_should_not_have(
    postgres: EmbeddedPostgres, roles: Roles
) -> None:
    with postgres.start().connect() as server:
        server.execute("ALTER ROLE recoup_app SUPERUSER CREATEDB PASSWORD 'guess'")
    postgres.provision(database="recoup")
    with connected(roles.app_url) as app:
        assert app.execute(
            "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False,)


@pytest.mark.parametrize("role", ["owner", "app"])
def test_neither_role_rules_the_server(roles: Roles, role: str) -> None:
    with connected(getattr(roles, f"{role}_url")) as session:
        rights = session.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert rights == (False, False, False, False, False, True)
        for forbidden in (
            "CREATE DATABASE mine",
            "CREATE ROLE friend",
            "SET ROLE postgres",
            "SELECT pg_read_file('postmaster.pid')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(forbidden)


def test_the_owner_makes_schemas_and_the_app_uses_what_it_is_granted(roles: Roles) -> None:
    with connected(roles.owner_url) as owner, connected(roles.app_url) as app:
        owner.execute("CREATE EXTENSION btree_gist")
        owner.execute("CREATE SCHEMA ledger")
        owner.execute("CREATE TABLE ledger.line (n int)")
        owner.execute("GRANT USAGE ON SCHEMA ledger TO recoup_app")
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("SELECT * FROM ledger.line")
        owner.execute("GRANT SELECT, INSERT ON ledger.line TO recoup_app")
        app.execute("INSERT INTO ledger.line VALUES (1)")
        for forbidden in (
            "DELETE FROM ledger.line",
            "ALTER TABLE ledger.line ADD m int",
            "DROP TABLE ledger.line",
            "CREATE SCHEMA mine",
            "CREATE TABLE public.mine (n int)",
            "CREATE TABLE ledger.mine (n int)",
            "SET ROLE recoup_owner",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(forbidden)
        app.execute("CREATE TEMPORARY TABLE staged (n int)")


def test_others_may_not_enter(postgres: EmbeddedPostgres, roles: Roles) -> None:
    address = postgres.start()
    with address.connect() as server:
        server.execute("CREATE ROLE stranger LOGIN PASSWORD 'known'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connected(address.url(user="stranger", password="known", database="recoup"))
    for elsewhere in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connected(roles.app_url.replace("/recoup?", f"/{elsewhere}?"))


@pytest.mark.parametrize("user", ["postgres", "recoup_owner", "recoup_app"])
@pytest.mark.parametrize("way", ["socket", "port"])
def test_a_password_is_always_asked_for(
    postgres: EmbeddedPostgres, roles: Roles, user: str, way: str
) -> None:
    assert roles
    address = postgres.start()
    host = {"socket": str(address.socket_dir), "port": address.host}[way]
    place = {"host": host, "port": address.port, "dbname": "recoup", "user": user}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**place, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**place)


class Impostor(threading.Thread):
    """Listens where the server listened, and asks whoever comes for the password in clear."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.heard = b""
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / ".s.PGSQL.5432"))
        self._door.listen()

    def run(self) -> None:
        with self._door, self._door.accept()[0] as caller:
            self.heard += caller.recv(8192)
            caller.sendall(b"R" + struct.pack("!ii", 8, 3))
            self.heard += caller.recv(8192)


def test_a_false_server_is_refused_and_not_told_the_password(tmp_path: Path) -> None:
    impostor = Impostor(tmp_path)
    impostor.start()
    with pytest.raises(psycopg.OperationalError, match="requirement"):
        Address("127.0.0.1", 5432, tmp_path, "hush").connect()
    impostor.join(5)
    assert b"user" in impostor.heard
    assert b"hush" not in impostor.heard


def test_nothing_but_scram_lets_anybody_in(postgres: EmbeddedPostgres) -> None:
    with postgres.start().connect() as server:
        assert server.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall() == [
            ("scram-sha-256",)
        ]
        kept = server.execute(
            "SELECT DISTINCT left(rolpassword, 14) FROM pg_authid WHERE rolcanlogin"
        ).fetchall()
        assert kept == [("SCRAM-SHA-256$",)]


def test_both_roles_come_in_by_the_port_too(postgres: EmbeddedPostgres, roles: Roles) -> None:
    for url in (roles.owner_url, roles.app_url):
        parts = psycopg.conninfo.conninfo_to_dict(url.replace("+psycopg", ""))
        with psycopg.connect(**{**parts, "host": postgres.start().host}) as session:
            assert session.execute("SELECT inet_client_addr()::text").fetchone() == ("127.0.0.1/32",)


def test_an_address_holds_any_name_and_password(postgres: EmbeddedPostgres) -> None:
    address, odd = postgres.start(), "p@ss/w:rd %&?#+é'\""
    with address.connect() as server:
        server.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier("o@dd:/ %"), sql.Literal(odd))
        )
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier("a/b?c d%")))
    url = address.url(user="o@dd:/ %", password=odd, database="a/b?c d%")
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as session:
        assert session.execute(sqlalchemy.text("SELECT current_user, current_database()")).one() == (
            "o@dd:/ %",
            "a/b?c d%",
        )
    engine.dispose()
    connected(url).close()


def test_no_password_and_no_customer_shows_in_the_log_or_a_repr(
    postgres: EmbeddedPostgres, roles: Roles
) -> None:
    with connected(roles.owner_url) as owner:
        owner.execute("CREATE TABLE customer (mail text PRIMARY KEY)")
        owner.execute("INSERT INTO customer VALUES ('alice@acme.test')")
        with pytest.raises(errors.UniqueViolation):
            owner.execute("INSERT INTO customer VALUES ('alice@acme.test')")
    folder = postgres.start().socket_dir.parent
    log = (folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "alice" not in log
    shown = log + repr(roles) + repr(postgres.start())
    assert not [word for word in PostgresFiles(folder.parent).passwords().values() if word in shown]
