"""The demo's last act: the portal on what the demo left behind, and a link that lets somebody in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recoup.core.errors import Unavailable
from recoup.entry.demo_places import Places, environment
from recoup.office.people.permissions import Role
from recoup.office.people.service import links, people
from recoup.settings import ProcessSettings

VISITOR = "you@company.test"
COLLEAGUES = (
    ("ana@company.test", "Ana Lima", Role.REVIEWER),
    ("bo@company.test", "Bo Winter", Role.ANALYST),
)
STARTS_WITHIN = 30.0
DRAINS_WITHIN = 40.0


@dataclass(frozen=True, slots=True)
class WayIn:
    """Where the portal listens, and the link that opens it once."""

    address: str
    link: str


def invite(db: Session, *, now: datetime) -> str:
    """Add an administrator; return the path of a link that signs them in."""
    visitor = people.add(db, address=VISITOR, role=Role.ADMINISTRATOR, name="You", actor="demo", now=now)
    return links.print_link(db, visitor, counts_as_factor=True, actor="demo", now=now).path


def add_colleagues(db: Session, *, now: datetime) -> None:
    """Add who works here besides the administrator."""
    for address, name, role in COLLEAGUES:
        people.add(db, address=address, role=role, name=name, actor="demo", now=now)


def usual_address(where: Mapping[str, str]) -> str:
    """Return where `recoup up` will listen, as long as nobody sets anything else."""
    port = where.get("RECOUP_PORT") or ProcessSettings.model_fields["port"].default
    return f"http://127.0.0.1:{port}"


def free_port(where: Mapping[str, str]) -> int:
    """Return the usual port, or 0 for any other where a program listens there."""
    port = int(where.get("RECOUP_PORT") or ProcessSettings.model_fields["port"].default)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


class Portal:
    """`recoup up` in the demo's folder, in a process of its own."""

    def __init__(self, where: Places, *, port: int) -> None:
        self._log = where.folder / "portal.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "recoup.entry.cli", "up"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=where.folder,
                env=environment({"RECOUP_PORT": str(port)}),
                start_new_session=True,  # Ctrl-C is for the demo, which ends its portal itself
            )

    def address(self) -> str:
        """Wait until it listens, and return where; raise Unavailable when it does not start."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            _, found, rest = said.partition("Recoup answers on ")
            if found:
                return rest.split(";")[0].strip()
            time.sleep(0.1)
        raise Unavailable("The portal did not start.", fix=f"{self._log} says why.")

    def wait(self) -> None:
        """Wait until it ends, which only a signal makes it."""
        self._process.wait()

    def end(self) -> None:
        """Let it finish what it does, and end it."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(DRAINS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
