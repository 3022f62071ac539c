"""The embedded Postgres says in a sentence what keeps it from coming up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup.core.errors import Misconfigured, RecoupError, Unavailable
from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_programs import processes_of
from support.postgres import FAST, end_servers


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    end_servers(tmp_path / "home")


def failure_of(home: Path, bin_dir: Path | None = None) -> RecoupError:
    with pytest.raises(RecoupError) as raised:
        EmbeddedPostgres(home, bin_dir=bin_dir, settings=FAST).start()
    return raised.value


def test_missing_programs(home: Path, tmp_path: Path) -> None:
    failure = failure_of(home, bin_dir=tmp_path / "nowhere")
    assert isinstance(failure, Misconfigured)
    assert str(tmp_path / "nowhere") in failure.detail
    assert "RECOUP_PG_BIN" in failure.fix


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_data_of_another_version(home: Path) -> None:
    with EmbeddedPostgres(home, settings=FAST):
        pass
    version = home / "postgres/data/PG_VERSION"
    version.write_text("17\n")
    failure = failure_of(home)
    assert isinstance(failure, Misconfigured)
    assert "made by PostgreSQL 17" in failure.detail
    assert not processes_of(home / "postgres/data")
    version.unlink()
    assert "holds no database" in failure_of(home).detail


def test_programs_that_do_not_run(home: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    program(programs, "initdb", "exit 1")
    program(programs, "postgres", "echo no such library; exit 127")
    assert "cannot be run (no such library)" in failure_of(home, programs).detail


def test_a_cluster_that_cannot_be_made_leaves_the_reason_and_nothing_else(home: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    program(programs, "postgres", "echo 'postgres (PostgreSQL) 18.6'")
    program(programs, "initdb", "echo 'initdb: error: the moon is full'; echo more; exit 1")
    failure = failure_of(home, programs)
    assert isinstance(failure, Misconfigured)
    assert "the moon is full" in failure.detail
    assert "more" not in failure.sentence().split()
    folder = home / "postgres"
    assert str(folder / "postgres.log") in failure.fix
    assert "more" in (folder / "postgres.log").read_text()
    assert not (folder / "data").exists()
    assert not (folder / "data.part").exists()
    assert not list((folder / "run").iterdir())
    with EmbeddedPostgres(home, settings=FAST):  # and the folder is as good as new
        pass


def test_a_server_that_refuses_to_start_says_why(home: Path) -> None:
    with pytest.raises(Unavailable, match="unrecognized configuration parameter"):
        EmbeddedPostgres(home, settings={**FAST, "no_such_setting": "1"}).start()
    with EmbeddedPostgres(home, settings=FAST):
        pass


def test_lost_and_wrong_passwords(home: Path) -> None:
    with EmbeddedPostgres(home, settings=FAST):
        pass
    path = home / "postgres/secrets.json"
    true = path.read_text()
    path.unlink()
    assert "is missing" in failure_of(home).detail
    path.write_text("{}")
    assert "does not hold" in failure_of(home).detail
    path.write_text('{"postgres": "x", "recoup_owner": "x", "recoup_app": "x"}')
    failure = failure_of(home)
    assert isinstance(failure, Misconfigured)
    assert "does not accept the password" in failure.detail
    path.write_text(true)
    with EmbeddedPostgres(home, settings=FAST) as postgres:
        postgres.start().connect().close()


def test_a_home_that_is_a_file(home: Path) -> None:
    home.write_text("")
    failure = failure_of(home)
    assert isinstance(failure, Misconfigured)
    assert "cannot be used" in failure.detail


def test_a_full_disk(home: Path) -> None:
    home.mkdir()
    small = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=24m none "$0" && exec "$@"', str(home)]
    if subprocess.run([*small, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us mount nothing")
    user = [sys.executable, "-c", FULL_DISK, str(home)]
    done = subprocess.run([*small, *user], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == f"Unavailable: The disk that holds {home}/postgres is full. False\n", done.stderr


FULL_DISK = """
import sys
from pathlib import Path
from recoup.core.errors import RecoupError
from recoup.core.postgres import EmbeddedPostgres
home = Path(sys.argv[1])
try:
    EmbeddedPostgres(home).start()
except RecoupError as failure:
    print(f"{type(failure).__name__}: {failure.detail} {(home / 'postgres/data.part').exists()}")
"""
