"""The embedded Postgres under root, which it refuses: as whom it runs then, and what that changes in the home."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup.core.postgres import EmbeddedPostgres
from recoup.core.postgres_files import PostgresFiles
from recoup.core.postgres_programs import PostgresPrograms
from support.postgres import FAST, User, end_servers, server_of

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it as somebody else")


@pytest.fixture
def open_home() -> Iterator[Path]:
    """Name a home that other accounts can get to, unlike pytest's folders."""
    folder = Path(tempfile.mkdtemp(prefix="recoup-test-"))
    folder.chmod(0o711)
    bin_dir = PostgresPrograms(PostgresFiles(folder), None).bin_dir
    if subprocess.run(["/usr/bin/test", "-x", bin_dir / "postgres"], user="nobody", check=False).returncode:
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
        with User(open_home, env={**os.environ, "PATH": "/nowhere"}) as user:
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
    with User(open_home, env={**os.environ, "PATH": "/nowhere"}) as user:
        user.server()
        assert account_of(open_home) == pwd.getpwnam("nobody").pw_uid
        user.leave()
    assert not list((open_home / "postgres/run").iterdir())


@as_root
def test_a_home_that_nobody_can_get_to_is_refused_in_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"  # below a folder that is open to root only
    with User(home, env={**os.environ, "PATH": "/nowhere"}) as user:
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
def test_an_ordinary_account_has_a_server_that_root_may_use_too(open_home: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    open_home.mkdir()
    os.chown(open_home, daemon.pw_uid, daemon.pw_gid)
    for _ in range(2):
        with User(open_home, "daemon") as user:
            server = user.server()
            assert account_of(open_home) == daemon.pw_uid
            with EmbeddedPostgres(open_home, settings=FAST):
                assert server_of(open_home) == server
            user.leave()
    assert {path.lstat().st_uid for path in open_home.rglob("*")} == {daemon.pw_uid}


@as_root
def test_another_account_is_told_whose_home_it_is(open_home: Path) -> None:
    with EmbeddedPostgres(open_home, settings=FAST):
        pass
    with User(open_home, "daemon") as user:
        said = user.says()
    assert said.startswith(f"Misconfigured: The database's folder {open_home}/postgres cannot be used (")
    assert "Permission denied" in said
    assert "Run Recoup as the account that the folder belongs to" in said
