"""A whole Recoup for a test: its own database, a clock that moves when told, channels that can be scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from recoup import app
from recoup.core.ports import Channel, ChannelDown, Handover, Parcel, Receipt, Refused, Unknown
from recoup.core.system import System
from support.postgres import Database

START = datetime.fromisoformat("2025-07-24T16:30:00+00:00")


class MovableClock:
    """The time, as a test says."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class ScriptedChannel:
    """A far side that takes parcels into a ledger, and fails as the script says, one line per hand-over.

    Script lines: ``ok``, ``refuse``, ``refuse for now``, ``unknown before``, ``unknown after``, ``down``,
    ``down first`` (at prepare), ``break`` (an unforeseen error after the parcel was taken).
    """

    def __init__(self, name: str, *, dedupes: bool, script: list[str] | None = None) -> None:
        self.name = name
        self.dedupes = dedupes
        self.script = script or []
        self.ledger: list[str] = []
        self.duplicates: list[str] = []
        self.while_sending: Callable[[Parcel], None] = lambda _parcel: None
        self._lock = threading.Lock()

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        with self._lock:
            line = self.script.pop(0) if self.script else "ok"
        if line == "down first":
            raise ChannelDown("The credentials are wrong.")
        yield _Scripted(self, parcel, line)

    def take(self, parcel: Parcel) -> None:
        with self._lock:
            (self.duplicates if parcel.key in self.ledger and self.dedupes else self.ledger).append(
                parcel.key
            )


class _Scripted:
    def __init__(self, channel: ScriptedChannel, parcel: Parcel, line: str) -> None:
        self._channel, self._parcel, self._line = channel, parcel, line

    def send(self) -> Receipt:
        self._channel.while_sending(self._parcel)
        match self._line:
            case "refuse":
                raise Refused("No such mailbox.", permanent=True)
            case "refuse for now":
                raise Refused("Busy.", permanent=False, retry_after=timedelta(minutes=5))
            case "unknown before":
                raise Unknown("No answer.")
            case "down":
                raise ChannelDown("The credentials were revoked.")
        self._channel.take(self._parcel)
        match self._line:
            case "unknown after":
                raise Unknown("The connection was cut.")
            case "break":
                raise RuntimeError("something unforeseen")
        return Receipt(f"receipt for {self._parcel.key}", {"said": "ok"})


@contextmanager
def opened(
    database: Database,
    home: Path,
    *,
    clock: MovableClock,
    channels: Mapping[str, Channel] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """Compose a system on a test's database, as ``app.py`` does for real."""
    home.mkdir(parents=True, exist_ok=True)
    settings = app.read_settings(cwd=home, environ={"RECOUP_HOME": str(home / "var"), **(environ or {})})
    settings.home.mkdir(parents=True, exist_ok=True)
    databases = app.Databases(database.owner_url, database.app_url)
    with ExitStack() as stack:
        yield stack.enter_context(app.composed(settings, databases, clock=clock, channels=channels))


def end_leases(system: System) -> None:
    """Let every lease be over, as if the time had passed: leases go by the database's clock, which does not move."""
    over = "now() - interval '1 second'"
    with system.sessions.begin() as db:
        for statement in (
            f"update runs set lease_until = {over} where lease_until is not null",
            f"update deliveries set lease_until = {over} where lease_until is not null",
            f"update metering_streams set lease_until = {over} where lease_until is not null",
        ):
            db.execute(text(statement))
