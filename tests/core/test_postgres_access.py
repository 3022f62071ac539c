"""Who comes in to the embedded Postgres, and what they may not do there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from psycopg import errors, sql

from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_access import Roles
from recoup.core.postgres_files import PostgresFiles
from recoup.core.postgres_programs import PostgresPrograms
from support.postgres import FAST, USER, User, end_servers, server_of


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
            "GRANT SELECT ON ledger.line TO PUBLIC",
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
        folder = Path(owner.execute("SHOW data_directory").fetchone()[0]).parent
    log = (folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "alice" not in log
    shown = log + repr(roles) + repr(postgres.start())
    assert not [word for word in PostgresFiles(folder.parent).passwords().values() if word in shown]


# ---------------------------------------------------------------- the account that it runs as

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it as somebody else")


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A home that other accounts can get to, unlike pytest's folders."""
    folder = Path(tempfile.mkdtemp(prefix="recoup-test-"))
    folder.chmod(0o711)
    bin_dir = PostgresPrograms(PostgresFiles(folder), None).bin_dir
    if subprocess.run(["test", "-x", bin_dir / "postgres"], user="nobody", check=False).returncode:
        pytest.skip("the programs of Postgres lie where other accounts cannot get to them")
    yield folder / "home"
    end_servers(folder / "home")
    shutil.rmtree(folder)


def account_of(home: Path) -> int:
    return Path(f"/proc/{server_of(home)}").stat().st_uid


@as_root
def test_under_root_nothing_changes_its_owner_where_namespaces_are_allowed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        with EmbeddedPostgres(home, settings=FAST):
            assert account_of(home) == 0
            assert {path.lstat().st_uid for path in home.rglob("*")} == {0}
            assert {path.stat().st_mode & 0o077 for path in home.rglob("*") if path.is_dir()} == {0}
    finally:
        end_servers(home)


@as_root
def test_under_root_without_unshare_it_runs_as_nobody_who_gets_its_own_folders_only(open_home: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with EmbeddedPostgres(open_home, settings=FAST):  # made with namespaces, continued without
        pass
    for _ in range(2):
        with User(open_home, env={"PATH": "/nowhere"}) as user:
            user.server()
            assert account_of(open_home) == nobody
            user.leave()
    with EmbeddedPostgres(open_home, settings=FAST):  # and with them again
        assert account_of(open_home) == nobody
    folder = open_home / "postgres"
    owners = {path.name: path.stat().st_uid for path in folder.iterdir()}
    assert {name for name, owner in owners.items() if owner == nobody} == {"data", "run"}
    assert folder.stat().st_mode & 0o777 == 0o711


@as_root
def test_under_root_without_unshare_a_new_cluster_is_nobodys(open_home: Path) -> None:
    with User(open_home, env={"PATH": "/nowhere"}) as user:
        user.server()
        assert account_of(open_home) == pwd.getpwnam("nobody").pw_uid
        user.leave()
    assert not list((open_home / "postgres/run").iterdir())


@as_root
def test_a_home_that_nobody_can_get_to_is_refused_in_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"  # below a folder that is open to root only
    with User(home, env={"PATH": "/nowhere"}) as user:
        said = user.says()
    assert said.startswith("Misconfigured: A new database could not be made in")
    assert "as 'nobody'" in said
    assert "Permission denied" in said


@as_root
def test_in_somebody_elses_home_root_runs_it_as_them_and_leaves_them_everything(open_home: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    open_home.mkdir()
    os.chown(open_home, daemon.pw_uid, daemon.pw_gid)
    with EmbeddedPostgres(open_home, settings=FAST):
        assert account_of(open_home) == daemon.pw_uid
        assert {path.lstat().st_uid for path in open_home.rglob("*")} == {daemon.pw_uid}
    assert (open_home / "postgres").stat().st_mode & 0o777 == 0o700


@as_root
def test_another_account_is_told_whose_home_it_is(open_home: Path) -> None:
    with EmbeddedPostgres(open_home, settings=FAST):
        pass
    python = "/usr/bin/python3"
    where = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [python, "-c", USER, str(open_home)],
        user="daemon",
        env={"PYTHONPATH": where},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Misconfigured" in done.stderr
