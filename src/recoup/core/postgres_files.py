"""What the embedded Postgres keeps in its folder: data, log, passwords, locks, and where it last listened."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.postgres_access import ROLES

TURN_SECONDS = 360.0
"""How long to wait for another process that starts or stops the server: longer than a server may recover."""

LOG_BYTES = 16 * 1024 * 1024
LOG_READ_BYTES = 1024 * 1024
SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108, the last of which is a zero byte
POLL_SECONDS = 0.01
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class PidFile:
    """What ``postmaster.pid`` says: written by Postgres, left behind by a kill, and so never proof of life."""

    pid: int
    port: int
    socket_dir: str
    ready: bool


class PostgresFiles:
    """The folder ``home/postgres`` and everything in it that Recoup, not Postgres, writes and reads.

    Three flocks order who does what, and the kernel gives them back when their holder is killed:
    ``start.lock`` is held by the one process that starts or stops the server, ``users.lock`` is shared by all that
    use it, and ``server.lock`` is inherited by every program of Postgres: held means that one of them still runs.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.resolve() / "postgres"
        self.data = self.folder / "data"
        self.part = self.folder / "data.part"
        self.run = self.folder / "run"
        self.log = self.folder / "postgres.log"

    def prepare(self) -> None:
        """Make the folder and the one for its socket, for their owner only; what is there stays as it is."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.run):
            with suppress(FileExistsError):
                folder.mkdir(mode=_PRIVATE)
                _give_to_owner_of(folder.parent, folder)

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Open a file of the folder, made 0600 when new, and return its descriptor."""
        opened = os.open(self.folder / name, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _give_to_owner_of(self.folder, opened)
        return opened

    # ------------------------------------------------------------ locks

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only process that starts or stops the server; raise Unavailable when another takes too long."""
        lock = self.open("start.lock")
        try:
            if not until(lambda: _lock(lock, fcntl.LOCK_EX), TURN_SECONDS):
                raise Unavailable(
                    f"Another process has been starting or stopping the database in {self.folder} "
                    f"for {TURN_SECONDS:.0f} s.",
                    fix=f"Read {self.log}, and end that process.",
                )
            yield
        finally:
            # A child forked meanwhile holds a copy of the descriptor: closing ours alone would not let go.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def join(self) -> int:
        """Become a user of the server; only within ``turn``. Return the descriptor to ``leave`` with."""
        users = self.open("users.lock")
        fcntl.flock(users, fcntl.LOCK_SH)
        return users

    def leave(self, users: int) -> bool:
        """Stop being a user; only within ``turn``. Return whether nobody is left."""
        last = _lock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        os.close(users)
        return last

    def claim_server(self) -> int | None:
        """Return the locked ``server.lock`` to hand to a new server, or None while an old one still lives."""
        claim = self.open("server.lock")
        if _lock(claim, fcntl.LOCK_EX):
            return claim
        os.close(claim)
        return None

    def release(self, claim: int) -> None:
        """Give back a claim that no server was started with."""
        fcntl.flock(claim, fcntl.LOCK_UN)
        os.close(claim)

    def server_lives(self) -> bool:
        """Whether any program of Postgres that we started, in any process or container, still runs."""
        claim = self.claim_server()
        if claim is None:
            return True
        self.release(claim)
        return False

    # ------------------------------------------------------------ records

    def passwords(self) -> Mapping[str, str]:
        """Return the passwords of our roles by role, made and written down on first use."""
        path = self.folder / "secrets.json"
        try:
            known = json.loads(path.read_text())
            return {role: str(known[role]) for role in ROLES}
        except FileNotFoundError:
            if self.data.exists():
                raise Misconfigured(
                    f"The passwords of the database in {self.data} are gone: {path} is missing.",
                    fix="Put the file back from your backup.",
                ) from None
        except (ValueError, KeyError, TypeError):
            raise Misconfigured(
                f"{path} does not hold the passwords of the database.",
                fix="Put the file back from your backup.",
            ) from None
        made = {role: secrets.token_urlsafe(32) for role in ROLES}
        self._write(path.name, made)
        return made

    def last_port(self) -> int | None:
        """Return the port that the server last listened on, so that addresses survive a restart."""
        port = self._runtime().get("port")
        return port if isinstance(port, int) else None

    def remember(self, *, port: int, socket_dir: Path) -> None:
        """Write down where the server listens now."""
        now = {"port": port, "socket_dir": str(socket_dir)}
        if self._runtime() != now:
            self._write("runtime.json", now)

    def pid_file(self) -> PidFile | None:
        """Read ``postmaster.pid``; None where there is none, or it is not whole."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            status = lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004 - the eighth line, where it is there yet
            return PidFile(int(lines[0]), int(lines[3]), lines[4], ready=status == "ready")
        except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
            return None

    # ------------------------------------------------------------ places

    def socket_dir(self) -> Path:
        """Return an empty 0700 folder for the socket: ours, or a short one elsewhere where ours is too deep.

        Only while no server lives: sockets and passwords that a kill left are removed. It is the same folder as last
        time, where that is still there and still ours, so that addresses survive a restart.
        """
        place = self.run
        if not _fits(place):
            place = self._far() or Path(tempfile.mkdtemp(prefix="recoup-"))
        if not _fits(place):
            place.rmdir()
            raise Misconfigured(
                f"The folder for temporary files, {place.parent}, has too long a name for a socket in it.",
                fix="Set TMPDIR to a shorter one.",
            )
        for left in (*self.run.iterdir(), *place.iterdir()):
            left.unlink(missing_ok=True)
        return place

    def remove_far_socket_dir(self) -> None:
        """Remove the folder outside of ours in which a server that is gone had its socket."""
        far = self._far()
        if far is not None:
            shutil.rmtree(far, ignore_errors=True)

    def bound_log(self) -> None:
        """Keep one older log and start over when the log has grown; the server goes on appending to the same file."""
        if self.log_size() > LOG_BYTES:
            older = self.open("postgres.log.1", os.O_WRONLY | os.O_TRUNC)
            with self.log.open("rb") as full, os.fdopen(older, "wb") as kept:
                shutil.copyfileobj(full, kept)
            os.truncate(self.log, 0)

    def log_size(self) -> int:
        """Return where the log ends now, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, start: int) -> str:
        """Return what the log says from there on, as far as a failure to start may go on about it."""
        with self.log.open("rb") as log:
            log.seek(start)
            return log.read(LOG_READ_BYTES).decode(errors="replace")

    def remove_half_made(self) -> None:
        """Remove the cluster that somebody was killed in the middle of making; only with the server's claim."""
        shutil.rmtree(self.part, ignore_errors=True)

    def sync(self) -> None:
        """Make the names in the folder survive a power cut."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    # ------------------------------------------------------------ helpers

    def _far(self) -> Path | None:
        named = self._runtime().get("socket_dir")
        if not isinstance(named, str) or named == str(self.run):
            return None
        try:
            found = os.lstat(named)
        except FileNotFoundError:
            return None
        # Where anybody may write, a name proves nothing: only a folder that nobody else could have made or opened.
        ours = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == _PRIVATE
        return Path(named) if ours and found.st_uid == self.data.stat().st_uid else None

    def _runtime(self) -> dict[str, Any]:
        try:
            known = json.loads((self.folder / "runtime.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write whole or not at all, and on disk before anything that relies on it."""
        with os.fdopen(self.open(f"{name}.part", os.O_WRONLY | os.O_TRUNC), "w") as part:
            json.dump(content, part)
            part.flush()
            os.fsync(part.fileno())
        (self.folder / f"{name}.part").replace(self.folder / name)
        self.sync()


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until it is true; return False when the time is over."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _give_to_owner_of(folder: Path, what: Path | int) -> None:
    """Give what root makes in another account's folder to that account, which could not open it otherwise."""
    if os.geteuid() == 0 and (owner := folder.stat()).st_uid != 0:
        os.chown(what, owner.st_uid, owner.st_gid)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.65535")) <= SOCKET_PATH_BYTES
