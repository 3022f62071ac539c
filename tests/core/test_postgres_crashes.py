"""Whatever is killed, nothing committed is lost, and whoever comes next gets a server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_access import Address
from recoup.core.postgres_files import PostgresFiles, until
from recoup.core.postgres_programs import processes_of
from support.postgres import FAST, User, end_servers, kill_server, server_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    end_servers(tmp_path / "home")


class Writer(threading.Thread):
    """Commits one number after another until the server dies under it."""

    def __init__(self, address: Address, start: int) -> None:
        super().__init__()
        self.address = address
        self.committed = start

    def run(self) -> None:
        with suppress(psycopg.OperationalError), self.address.connect() as server:
            while True:
                server.execute("INSERT INTO numbers VALUES (%s)", [self.committed + 1])
                self.committed += 1


def test_a_killed_server_is_back_at_once_with_every_committed_row(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        address = postgres.start()
        with address.connect() as server:
            server.execute("CREATE TABLE numbers (n bigint PRIMARY KEY)")
        committed = 0
        for _ in range(3):
            writer = Writer(address, committed)
            writer.start()
            assert until(lambda since=committed, now=writer: now.committed > since + 50, 10)
            kill_server(home)
            assert postgres.ensure_running() == address
            writer.join()
            with address.connect() as server:
                count, last = server.execute("SELECT count(*), max(n) FROM numbers").fetchone()
            # The last one may have been committed without its answer reaching the writer.
            assert count == last
            assert writer.committed <= last <= writer.committed + 1
            committed = last


def compute_for_ever(address: Address) -> None:
    with suppress(psycopg.OperationalError), address.connect() as server:
        server.execute("DO $$ BEGIN LOOP NULL; END LOOP; END $$")


def test_a_backend_that_computes_on_does_not_block_the_next_server(home: Path) -> None:
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        address = postgres.start()
        client = threading.Thread(target=compute_for_ever, args=[address], daemon=True)
        client.start()
        with address.connect() as server:
            busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
            assert until(lambda: server.execute(busy).rowcount == 1, 10)
            orphan = server.execute(busy).fetchone()[0]
        kill_server(home)
        assert until(lambda: processes_of(home / "postgres/data") == {orphan}, 10)  # the rest has noticed
        assert postgres.ensure_running() == address
        assert orphan not in processes_of(home / "postgres/data")
        client.join(10)
        assert not client.is_alive()


def test_the_next_process_uses_the_server_whose_owner_was_killed(home: Path) -> None:
    with User(home) as owner:
        server = owner.server()
        owner.kill()
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        assert server_of(home) == server
        postgres.start().connect().close()
    assert not processes_of(home / "postgres/data")


def test_any_user_may_bring_back_a_dead_server(home: Path) -> None:
    with User(home) as owner:
        first = owner.server()
        with EmbeddedPostgres(home, settings=FAST) as postgres:
            address = postgres.start()
            owner.pause()  # its server stays a zombie
            kill_server(home)
            assert postgres.ensure_running() == address
            assert server_of(home) != first
            owner.resume()
            owner.leave()
            address.connect().close()
    assert not processes_of(home / "postgres/data")


def test_everything_killed_at_once(home: Path) -> None:
    with User(home) as owner:
        owner.server()
        address = EmbeddedPostgres(home, settings=FAST).start()
        with address.connect() as server:
            server.execute("CREATE TABLE kept AS SELECT 1 AS n")
        owner.kill()
        end_servers(home)
    with EmbeddedPostgres(home, settings=FAST) as postgres, postgres.start().connect() as server:
        assert server.execute("SELECT n FROM kept").fetchone() == (1,)


# ---------------------------------------------------------------- a pid file proves nothing


def pid_file(home: Path, pid: int) -> None:
    data = home / "postgres/data"
    lines = [pid, data, 1, 5432, home / "postgres/run", "127.0.0.1", "1 1", "ready   "]
    (data / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def stopped(home: Path) -> Path:
    with EmbeddedPostgres(home, settings=FAST):
        pass
    return home


def test_a_recycled_process_number(stopped: Path) -> None:
    pid_file(stopped, os.getpid())
    with EmbeddedPostgres(stopped, settings=FAST) as postgres:
        postgres.start().connect().close()
        assert server_of(stopped) != os.getpid()


def test_a_zombie(stopped: Path) -> None:
    zombie = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid_file(stopped, zombie.pid)
    with EmbeddedPostgres(stopped, settings=FAST) as postgres:
        postgres.start().connect().close()
    zombie.wait()


@pytest.mark.parametrize("text", ["", "\n", "not a number\n", "1\n"])
def test_a_pid_file_that_is_not_whole(stopped: Path, text: str) -> None:
    (stopped / "postgres/data/postmaster.pid").write_text(text)
    with EmbeddedPostgres(stopped, settings=FAST) as postgres:
        postgres.start().connect().close()


def test_a_copy_of_a_home_does_not_use_the_originals_server(stopped: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stopped, copy)
    try:
        with EmbeddedPostgres(stopped, settings=FAST) as original:
            shutil.copy(stopped / "postgres/data/postmaster.pid", copy / "postgres/data")
            files = PostgresFiles(
                copy
            )  # what is left of the copy's own killed server holds this for a moment
            threading.Timer(0.3, files.release, [files.claim_server()]).start()
            with EmbeddedPostgres(copy, settings=FAST) as other:
                assert other.start().port != original.start().port
                assert server_of(copy) != server_of(stopped)
            original.start().connect().close()
    finally:
        end_servers(copy)


def test_a_server_that_was_started_by_hand_is_used_and_left_alone(stopped: Path) -> None:
    with User(stopped) as user:  # its command line is as good as any
        words = Path(f"/proc/{user.server()}/cmdline").read_bytes().decode().split("\0")[:-1]
        user.leave()
    masked = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
    by_hand = subprocess.Popen([*masked, *words], stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: by_hand.pid in processes_of(stopped / "postgres/data"), 10)
        with EmbeddedPostgres(stopped, settings=FAST) as postgres:
            address = postgres.start()
            assert server_of(stopped) == by_hand.pid
        address.connect().close()
    finally:
        by_hand.kill()
        by_hand.wait()


# ---------------------------------------------------------------- a cluster made by halves


def test_a_half_made_cluster_is_made_again(home: Path) -> None:
    part = home / "postgres/data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        postgres.start().connect().close()
    assert not part.exists()


@pytest.mark.parametrize(
    "sign", ["data.part", "data.part/global", "data.part/pg_hba.conf", "data.part/base/5", "data"]
)
def test_a_kill_in_the_middle_of_making_the_cluster(home: Path, sign: str) -> None:
    with User(home) as user:
        assert until((home / "postgres" / sign).exists, 20)
        user.kill()
    with EmbeddedPostgres(home, settings=FAST) as postgres, postgres.start().connect() as server:
        assert server.execute("SELECT count(*) FROM pg_database").fetchone() == (3,)
    folder = home / "postgres"
    assert not (folder / "data.part").exists()
    assert not list((folder / "run").iterdir())
    assert len(json.loads((folder / "secrets.json").read_text())) == 3


def test_two_that_race_to_make_the_cluster_while_one_is_killed(home: Path) -> None:
    with User(home) as first:
        assert until((home / "postgres/data.part/global").exists, 20)
        with User(home) as second:
            first.kill()
            second.server()
            second.leave()
    log = (home / "postgres/postgres.log").read_text()
    assert log.count("starting PostgreSQL") == 1
