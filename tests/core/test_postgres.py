"""The embedded Postgres comes up, is shared, and goes down."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from recoup.core.errors import Conflict
from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_files import LOG_BYTES, PostgresFiles, until
from recoup.core.postgres_programs import processes_of
from support.postgres import FAST, User, end_servers, kill_server, running_cluster, server_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    end_servers(tmp_path / "home")


def runs(home: Path) -> bool:
    return bool(processes_of(home / "postgres/data"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""))


# ---------------------------------------------------------------- up and down


def test_a_cold_start_makes_a_safe_cluster(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres, postgres.start().connect() as server:

        def shown(name: str) -> str:
            return server.execute("SELECT current_setting(%s)", [name]).fetchone()[0]

        assert [shown(name) for name in ("data_checksums", "fsync", "synchronous_commit")] == ["on"] * 3
        assert [shown(name) for name in ("listen_addresses", "server_encoding")] == ["127.0.0.1", "UTF8"]
        locale = server.execute(
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'template0'"
        ).fetchone()
        assert locale == ("b", "C.UTF-8")
        assert server.execute("SELECT upper('é')").fetchone() == ("É",)
        folder = home / "postgres"
        assert [mode(folder), mode(folder / "data"), mode(folder / "run")] == [0o700] * 3
        assert mode(folder / "secrets.json") == 0o600
        assert (folder / "postgres.log").stat().st_size
        assert os.getsid(server_of(home)) != os.getsid(0)  # Ctrl-C at our terminal is not for it
    assert not runs(home)
    assert not list((home / "postgres/run").iterdir())


def test_rows_and_the_address_outlast_a_stop(home: Path) -> None:
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        before = postgres.start()
        with before.connect() as server:
            server.execute("CREATE TABLE kept AS SELECT 1 AS n")
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        assert postgres.start() == before
        with before.connect() as server:
            assert server.execute("SELECT n FROM kept").fetchone() == (1,)


def test_another_port_is_found_when_ours_was_taken_meanwhile(home: Path) -> None:
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        before = postgres.start()
    with socket.create_server(("127.0.0.1", before.port)), EmbeddedPostgres(home, settings=FAST) as postgres:
        after = postgres.start()
        assert after.port != before.port
        after.connect().close()


def test_a_home_too_deep_for_a_socket_gets_one_elsewhere_and_keeps_it_over_a_kill(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30) / ("deeper" * 20)
    try:
        with EmbeddedPostgres(home, settings=FAST) as postgres:
            address = postgres.start()
            assert home not in address.socket_dir.parents
            assert mode(address.socket_dir) == 0o700
            kill_server(home)
            assert postgres.ensure_running() == address
            address.connect().close()
        assert not address.socket_dir.exists()
    finally:
        end_servers(home)


def test_a_stranger_in_place_of_the_far_socket_folder_is_not_trusted(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30)
    try:
        with EmbeddedPostgres(home, settings=FAST) as postgres:
            address = postgres.start()
            kill_server(home)
            shutil.rmtree(address.socket_dir)
            address.socket_dir.mkdir(mode=0o777)
            address.socket_dir.chmod(0o777)
            assert postgres.ensure_running().socket_dir != address.socket_dir
        address.socket_dir.rmdir()
    finally:
        end_servers(home)


def test_a_full_log_is_put_aside_once(home: Path) -> None:
    folder = home / "postgres"
    folder.mkdir(parents=True)
    (folder / "postgres.log").write_bytes(b"x" * (LOG_BYTES + 1))
    with EmbeddedPostgres(home, settings=FAST):
        assert (folder / "postgres.log.1").stat().st_size == LOG_BYTES + 1
        assert (folder / "postgres.log").stat().st_size < 10_000


# ---------------------------------------------------------------- shared


def test_who_leaves_last_stops_the_server(home: Path) -> None:
    with User(home) as first, User(home) as second:
        server = first.server()
        assert second.server() == server
        third = EmbeddedPostgres(home)
        address = third.start()
        first.leave()
        address.connect().close()
        second.leave()
        address.connect().close()
        third.stop()
        assert not runs(home)


def test_the_starter_may_leave_first_and_leaves_no_zombie(home: Path) -> None:
    starter, other = EmbeddedPostgres(home, settings=FAST), EmbeddedPostgres(home, settings=FAST)
    address = starter.start()
    other.start()
    server = server_of(home)
    starter.stop()
    starter.stop()
    address.connect().close()
    other.stop()
    assert until(lambda: not Path(f"/proc/{server}").exists(), 5)  # the starter has waited for it


def test_many_that_come_at_once_share_one_server(home: Path) -> None:
    users = [User(home) for _ in range(4)]
    try:
        assert len({user.server() for user in users}) == 1
        for user in users:
            user.leave()
        assert not runs(home)
    finally:
        for user in users:
            user.__exit__()


def come_and_go(home: Path, times: int) -> int:
    answered = 0
    for _ in range(times):
        with EmbeddedPostgres(home, settings=FAST) as postgres, postgres.start().connect() as server:
            answered += server.execute("SELECT 1").rowcount
    return answered


def test_who_comes_while_the_last_one_leaves_gets_a_server(home: Path) -> None:
    with ThreadPoolExecutor(3) as crowd:
        assert sum(crowd.map(come_and_go, [home] * 3, [10] * 3)) == 30
    assert not runs(home)


def test_starting_and_stopping_wait_for_their_turn(home: Path) -> None:
    files, postgres = PostgresFiles(home), EmbeddedPostgres(home, settings=FAST)
    with ThreadPoolExecutor(1) as other, EmbeddedPostgres(home, settings=FAST):
        for step in (postgres.start, postgres.stop):
            with files.turn():
                done = other.submit(step)
                with pytest.raises(TimeoutError):
                    done.result(0.3)
            done.result(10)


def test_a_forked_child_does_not_stop_its_parents_server(home: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from recoup.core.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
    child = os.fork()
    if not child:
        postgres.stop()
        os._exit(0)
    os.waitpid(child, 0)
    postgres.start().connect().close()
    print(open(sys.argv[1] + "/postgres/data/postmaster.pid").readline())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)], check=True, capture_output=True, text=True, timeout=60
    )
    log = (home / "postgres/postgres.log").read_text()
    assert log.count("fast shutdown request") == 1
    assert f"[{done.stdout.strip()}] LOG:  received fast shutdown request" in log


def test_only_a_user_of_the_server_may_ask_for_it(home: Path) -> None:
    postgres = EmbeddedPostgres(home, settings=FAST)
    with postgres:
        pass
    with pytest.raises(Conflict):
        postgres.ensure_running()
    assert not runs(home)


# ---------------------------------------------------------------- the tests' own server


def test_a_copied_database_has_the_rows_and_the_doors_of_its_template(home: Path) -> None:
    with running_cluster(home) as cluster:
        template = cluster.create_database()
        with connected(template.owner_url) as owner:
            owner.execute("CREATE TABLE stamp AS SELECT 7 AS n")
            owner.execute("GRANT SELECT ON stamp TO recoup_app")
        with cluster.database(template.name) as copy, connected(copy.app_url) as app:
            assert app.execute("SELECT n FROM stamp").fetchone() == (7,)
        with cluster.database() as empty, connected(empty.app_url) as app:
            assert app.execute("SELECT to_regclass('stamp')").fetchone() == (None,)
