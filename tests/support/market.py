"""Metering's outside world for a test: hour files in a folder, Clazar's stand-in on loopback, the system between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recoup.adapters.clazar import ClazarChannel
from recoup.adapters.clazar_token import ClazarSettings
from recoup.areas.metering.jobs.export import ExportParams
from recoup.core.system import System
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.sandbox.clazar import ClazarStandIn
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database


@dataclass
class Market:
    """A system whose metering reads ``files`` and submits to ``clazar``."""

    system: System
    clazar: ClazarStandIn
    clock: MovableClock
    files: Path

    def export(self, **params: object) -> Run:
        """Run the export here, as a command would."""
        job = self.system.parts.jobs["metering.export"]
        checked = ExportParams.model_validate(params).model_dump(mode="json")
        return execution.execute_here(self.system, job, checked, actor="test")


@contextmanager
def market(
    database: Database,
    home: Path,
    clazar: ClazarStandIn,
    *,
    clock: MovableClock,
    environ: Mapping[str, str],
    toml: str = "",
) -> Iterator[Market]:
    """Open a system on ``home``; hour files are read from ``home/usage``."""
    files = home / "usage"
    files.mkdir(parents=True, exist_ok=True)
    (home / "recoup.toml").write_text(toml, encoding="utf-8")
    settings = ClazarSettings(
        client_id=clazar.client_id, client_secret=clazar.client_secret, metering_url=clazar.metering_url
    )
    channel = ClazarChannel(settings, now=clock)
    channels = {"clazar": channel, "mail": ScriptedChannel("mail", dedupes=False)}
    told = {"RECOUP_METERING_SOURCE": str(files), **environ}
    try:
        with opened(database, home, clock=clock, channels=channels, environ=told) as system:
            yield Market(system, clazar, clock, files)
    finally:
        channel.close()
