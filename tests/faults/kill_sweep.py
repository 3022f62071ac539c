"""What a kill sweep needs: one small export that can be begun anew as often as need be, and killed at any step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import psycopg
from sqlalchemy import select, text

from faults.export_worker import JOB
from faults.foreman import Foreman, House, Order, as_a_crontab_does, composed, moved_into, work_off
from recoup.core import tasks
from recoup.core.system import System
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run
from recoup.office.outbox.models import Delivery
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import Service, UsageWorld
from recoup.sandbox.usage_files import Mix
from support.hour_files import Producer, Usage, body, end_of
from support.house import end_leases
from support.postgres import Cluster
from support.usage_count import Count, count

NOW = datetime(2025, 7, 24, 16, 5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=40)
"""Past every pause before a retry, and in the same hour: no new window opens."""
HOURS = (NOW.replace(hour=14, minute=0), NOW.replace(hour=15, minute=0))
SERVICE = Service(
    name="Postgres", plan_id="pt-HJSv20iWX0", contracts=1, subscriptions=1, unpaid=1, instances=1, pods=1
)
MIX = Mix(repeats=300, moved=0, bad=40, late=0, broken=0, gz=500, ndjson=0)
SEED = 5
WIDE = "wide-contract"
DIMENSIONS = tuple(f"gauge_{number:02d}" for number in range(27))
"""More than fit into one submission, so that in its first hour a contract has two."""
Name = tuple[str, str]


@dataclass(frozen=True)
class Usages:
    """What lies in the producer's folder; ``billed`` is what it comes to by the generators' own numbers."""

    folder: Path
    counts: dict[tuple[str, datetime], Count]
    billed: dict[Name, Decimal]

    @property
    def hours(self) -> list[datetime]:
        """The hours that there are, oldest first."""
        return sorted(hour for _, hour in self.counts)


@dataclass(kw_only=True)
class Evidence:
    """What is compared with the rows in the end: the usage, what Clazar got, our folder, what was open at kills."""

    usages: Usages
    clazar: ClazarStandIn
    home: Path
    under_way: Counter[str] = field(default_factory=Counter)
    """Deliveries by key: at how many kills each was beyond the fence."""

    def look(self, system: System) -> None:
        """Note what is beyond the fence after a kill."""
        with system.sessions.begin() as db:
            keys = db.scalars(select(Delivery.key).where(Delivery.state.in_(["handing", "unknown"])))
            self.under_way.update(keys)


def lay_out(folder: Path, hours: Sequence[datetime] = HOURS) -> Usages:
    """Write one stream's hours: a small contract of the generator's, a wide one of ours, and usage without any."""
    folder.mkdir(parents=True)
    world = UsageWorld(SEED, [SERVICE], mix=MIX)
    billed: dict[Name, Decimal] = defaultdict(Decimal)
    for (_, _, contract, dimension), quantity in world.truth(world.write(folder, hours)).billed.items():
        billed[contract, dimension] += quantity
    producer = Producer(folder)
    for hour in hours:
        names = DIMENSIONS if hour == min(hours) else DIMENSIONS[:9]
        values = {name: _wide_value(number, hour) for number, name in enumerate(names)}
        records = [Usage(WIDE, name, str(value), "0.05", "sub-wide") for name, value in values.items()]
        producer.write(producer.key(SERVICE.stream, hour, "sub-wide"), body(records))
        for name, value in values.items():
            billed[WIDE, name] += value
    producer.mark({SERVICE.stream: end_of(max(hours))})
    counts = {(SERVICE.stream, hour): count(producer.hour(SERVICE.stream, hour)) for hour in hours}
    return Usages(folder, counts, dict(billed))


def _wide_value(number: int, hour: datetime) -> Decimal:
    """Return a usage with a fraction: of the first dimension 0.4, which is carried, then 0.75, which makes it one."""
    return Decimal("0.4") + hour.hour % 2 * Decimal("0.35") + number * Decimal("1.07")


def settings_of(home: Path, usages: Usages, clazar: ClazarStandIn) -> dict[str, str]:
    """Return the environment of a Recoup in a folder, in the brief's words."""
    return {
        "RECOUP_HOME": str(home / "var"),
        "RECOUP_METERING_SOURCE": str(usages.folder),
        "RECOUP_METERING_START": f"{min(usages.hours):%Y-%m-%dT%H:00:00Z}",
        "SERVICE_NAME": SERVICE.name,
        "ENVIRONMENT_TYPE": SERVICE.environment,
        "PLAN_ID": SERVICE.plan_id,
        "CLAZAR_CLOUD": "aws",
        "CLAZAR_CLIENT_ID": clazar.client_id,
        "CLAZAR_CLIENT_SECRET": clazar.client_secret,
        "CLAZAR_API_URL": clazar.metering_url,
        "STATE_FILE_PATH": str(home / "state" / "state.json"),
    }


class Scenario:
    """Hour files, a database that can be as it was at first, an exporter, and a new house for each trial.

    There is one database, and its rows are put back before each trial: making a copy of it takes longer than an
    export, and the systems on it, here and in the exporter, would have to compile every statement again.
    """

    def __init__(self, cluster: Cluster, folder: Path, *, template: str) -> None:
        self.cluster, self._folder, self._stack, self._trials = cluster, folder, ExitStack(), 0
        self.usages = lay_out(folder / "usage")
        self.database = cluster.create_database(template)
        self._server = self._connected()
        with ClazarStandIn(clock=lambda: NOW) as clazar:
            house = self.house(folder / "first", clazar, NOW)
            self.system = self._stack.enter_context(composed(house))
            self._set_up()
            self.exporter = Foreman(Path(__file__).with_name("export_worker.py"), house)
            self._stack.callback(self.exporter.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._stack.close()

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Open a house whose database is as it was at first, and an empty ledger."""
        self._trials += 1
        self._server.execute(self._put_back)
        with ClazarStandIn(clock=lambda: LATER) as clazar:
            home = self._folder / f"trial-{self._trials}"
            yield Trial(usages=self.usages, clazar=clazar, home=home, scenario=self)

    def server_came_back(self) -> None:
        """Connect again after the server was killed and started."""
        self._server.close()
        self._server = self._connected()
        self.system.sessions.kw["bind"].dispose()

    def house(self, home: Path, clazar: ClazarStandIn, now: datetime) -> House:
        """Return a house in a folder, made where it is missing."""
        home.mkdir(exist_ok=True)
        environ = settings_of(home, self.usages, clazar)
        return House(str(home), environ, self.database.owner_url, self.database.app_url, now.isoformat())

    def _set_up(self) -> None:
        """Have somebody told how each export ends, so that mails leave, too; and keep a copy of every row."""
        with self.system.sessions.begin() as db:
            job, told = self.system.parts.jobs["metering.export"], ["alice@example.test"]
            jobs.notify(db, job, success=told, failure=told, actor="bob", now=NOW)
        named = self._server.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = [f'"{name}"' for (name,) in named]
        self._server.execute("create schema at_first")
        for table in tables:
            self._server.execute(f"create table at_first.{table} as table public.{table}")
        deleted = [f"delete from public.{table}" for table in tables]
        copied = [
            f"insert into public.{table} overriding system value table at_first.{table}" for table in tables
        ]
        # No trigger and no foreign key speaks up meanwhile.
        self._put_back = "; ".join(["set session_replication_role = replica", *deleted, *copied])

    def _connected(self) -> psycopg.Connection:
        return self.cluster.postgres.ensure_running().connect(self.database.name)


@dataclass(kw_only=True)
class Trial(Evidence):
    """One house, and what befalls it."""

    scenario: Scenario

    def run(self, at: int, *, now: datetime = NOW, server: Path | None = None) -> dict[str, Any]:
        """Let a child export; kill it, or the server with that home, at its step ``at``."""
        house = self.scenario.house(self.home, self.clazar, now)
        outcome = self.scenario.exporter.obey(Order(house, at, server=str(server) if server else None))
        if outcome["ended"] < 0:
            self.look(self.scenario.system)
        return outcome

    @contextmanager
    def system(self) -> Iterator[System]:
        """Open the house here, forty minutes later."""
        system = moved_into(self.scenario.system, self.scenario.house(self.home, self.clazar, LATER))
        with closing(system.ports.channels["clazar"]):
            yield system

    def recover(self, system: System, *, elsewhere: bool) -> Run:
        """Export once more, as usual.

        ``elsewhere``: the killed process ran on another machine, so that only its leases tell that it is gone; and a
        worker takes up what it left before the next export is due.
        """
        if elsewhere:
            with system.sessions.begin() as db:
                for table in ("runs", "deliveries"):
                    db.execute(text(f"update {table} set worker = 'elsewhere' where worker is not null"))
            end_leases(system)
            tasks.sweep(system, system.clock())
            work_off(system)
        return as_a_crontab_does(system, JOB)
