"""Kill an export at any of its steps, let a normal run follow, and say what is not as it should be afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from faults.export_worker import Order
from recoup import app
from recoup.areas.metering.models import Entry, Remainder, Stream, Window
from recoup.core import tasks
from recoup.core.system import System
from recoup.office.jobs import execution, service as jobs
from recoup.office.jobs.models import Run
from recoup.office.outbox import handover
from recoup.office.outbox.models import Delivery
from recoup.office.owed.models import OwedItem
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import HOUR, Service, UsageWorld
from recoup.sandbox.usage_files import HourFile, Mix
from support import checkers
from support.hour_files import Producer, Usage, body, end_of
from support.house import MovableClock, end_leases
from support.postgres import Cluster, Database
from support.usage_count import Count, count

HERE = Path(__file__).parent
NOW = datetime(2025, 7, 24, 16, 5, tzinfo=UTC)
LATER = timedelta(minutes=40)
"""Past every pause before a retry, and in the same hour: no new window opens."""
HOURS = (NOW.replace(hour=14, minute=0), NOW.replace(hour=15, minute=0))
SERVICE = Service(
    name="Postgres", plan_id="pt-HJSv20iWX0", contracts=1, subscriptions=1, unpaid=1, instances=1, pods=1
)
MIX = Mix(repeats=300, moved=0, bad=40, late=0, broken=0, gz=500, ndjson=0)
SEED = 5
WIDE = "5f1c0f5e-wide-contract"
DIMENSIONS = tuple(f"gauge_{number:02d}" for number in range(27))
"""More than fit into one submission, so that a contract has two an hour."""
CLIENT, SECRET = "stand-in-client", "stand-in-secret"
Name = tuple[str, str]


@dataclass(frozen=True)
class Usages:
    """What lies in the producer's folder, and what it comes to by the generator's own numbers."""

    folder: Path
    counts: dict[checkers.Hour, Count]
    billed: dict[Name, Decimal]


def lay_out(folder: Path, hours: Sequence[datetime] = HOURS) -> Usages:
    """Write one stream's hours: a small contract of the generator's, a wide one, and a subscription without one."""
    world = UsageWorld(SEED, [SERVICE], mix=MIX)
    folder.mkdir(parents=True)
    files: list[HourFile] = world.write(folder, hours, marker=False)
    billed: dict[Name, Decimal] = defaultdict(Decimal)
    for (_, _, contract, dimension), quantity in UsageWorld.truth(files).billed.items():
        billed[contract, dimension] += quantity
    producer = Producer(folder)
    for hour in hours:
        values = {name: _wide_value(number, hour) for number, name in enumerate(DIMENSIONS)}
        records = [Usage(WIDE, name, str(value), "0.05", "sub-wide") for name, value in values.items()]
        producer.write(producer.key(SERVICE.stream, hour, "sub-wide"), body(records))
        for name, value in values.items():
            billed[WIDE, name] += value
    producer.mark({SERVICE.stream: end_of(max(hours))})
    counts = {(SERVICE.stream, hour): count(producer.hour(SERVICE.stream, hour)) for hour in hours}
    return Usages(folder, counts, dict(billed))


def _wide_value(number: int, hour: datetime) -> Decimal:
    """Return a usage with a fraction; the first dimension's is less than one at first, so it is carried as a whole."""
    return Decimal("0.4") + hour.hour % 2 * Decimal("0.35") + number * Decimal("1.07")


class Exporter:
    """The process that exports in children of its own: see export_worker.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "export_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            bufsize=1,
        )

    def obey(self, order: Order) -> dict[str, Any]:
        """Let one child work, and return how it ended."""
        print(json.dumps(asdict(order)), file=self._process.stdin)
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)


@dataclass
class Tally:
    """What a sweep came upon."""

    points: int = 0
    unknown: int = 0
    again: int = 0
    doubled: int = 0
    lost: int = 0
    places: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    steps: int = 0

    def line(self) -> str:
        """Say it in one line."""
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        return (
            f"{self.points} kill points of about {self.steps} steps ({kinds}; {len(self.places)} places): "
            f"lost {self.lost}, doubled {self.doubled}, unknown at the kill {self.unknown}, "
            f"handed again and found there {self.again}"
        )


class Scenario:
    """A template database, hour files, and a new house for each trial."""

    def __init__(self, cluster: Cluster, template: str, folder: Path, exporter: Exporter) -> None:
        self.cluster, self.exporter, self._folder = cluster, exporter, folder
        self.usages = lay_out(folder / "usage")
        self.template = cluster.create_database(template, name=f"{template}_with_jobs")
        self._trials = 0
        self._make_template()

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Open a house on a copy of the template, and an empty ledger."""
        self._trials += 1
        home = self._folder / f"trial-{self._trials}"
        home.mkdir()
        clock = MovableClock(NOW)
        with (
            self.cluster.database(self.template.name) as database,
            ClazarStandIn(clock=clock) as clazar,
        ):
            yield Trial(self, database, home, clock, clazar)

    def environ(self, home: Path, clazar: ClazarStandIn) -> dict[str, str]:
        """Return the settings of a house, as the brief names them."""
        return {
            "RECOUP_HOME": str(home / "var"),
            "RECOUP_METERING_SOURCE": str(self.usages.folder),
            "RECOUP_METERING_START": f"{min(HOURS):%Y-%m-%dT%H:00:00Z}",
            "SERVICE_NAME": SERVICE.name,
            "ENVIRONMENT_TYPE": SERVICE.environment,
            "PLAN_ID": SERVICE.plan_id,
            "CLAZAR_CLOUD": "aws",
            "CLAZAR_CLIENT_ID": CLIENT,
            "CLAZAR_CLIENT_SECRET": SECRET,
            "CLAZAR_API_URL": clazar.metering_url,
            "STATE_FILE_PATH": str(home / "state" / "state.json"),
        }

    def _make_template(self) -> None:
        """Let the jobs be set up, and somebody be told how each export ends, so that mails leave, too."""
        with ExitStack() as stack:
            clazar = ClazarStandIn()
            home = self._folder / "template"
            home.mkdir()
            system = stack.enter_context(open_house(self.template, home, self.environ(home, clazar), lambda: NOW))
            with system.sessions.begin() as db:
                job = system.parts.jobs["metering.export"]
                told = ["alice@example.test"]
                jobs.notify(db, job, success=told, failure=told, actor="bob", now=NOW)


@contextmanager
def open_house(
    database: Database, home: Path, environ: dict[str, str], clock: Callable[[], datetime]
) -> Iterator[System]:
    """Compose a system as the server does, with its real channels."""
    settings = app.read_settings(cwd=home, environ=environ)
    settings.home.mkdir(exist_ok=True)
    databases = app.Databases(database.owner_url, database.app_url)
    with app.composed(settings, databases, clock=clock) as system:
        yield system


@dataclass
class Trial:
    """One house, the kills that befall it, and what is found afterwards."""

    scenario: Scenario
    database: Database
    home: Path
    clock: MovableClock
    clazar: ClazarStandIn
    handing: set[str] = field(default_factory=set)
    """Keys of deliveries that were beyond the fence at a kill."""

    def run(self, at: int, *, server: Path | None = None) -> dict[str, Any]:
        """Let a child export; kill it, or the server, at its step ``at``."""
        order = Order(
            cwd=str(self.home),
            environ=self.scenario.environ(self.home, self.clazar),
            owner_url=self.database.owner_url,
            app_url=self.database.app_url,
            now=self.clock().isoformat(),
            at=at,
            server=str(server) if server else None,
        )
        (self.home / "var").mkdir(exist_ok=True)
        return self.scenario.exporter.obey(order)

    @contextmanager
    def house(self) -> Iterator[System]:
        """Open the house here."""
        environ = self.scenario.environ(self.home, self.clazar)
        with open_house(self.database, self.home, environ, self.clock) as system:
            yield system

    def look(self, system: System) -> None:
        """Remember what is beyond the fence right now."""
        with system.sessions.begin() as db:
            under_way = db.scalars(select(Delivery.key).where(Delivery.state.in_(["handing", "unknown"])))
            self.handing |= set(under_way)

    def recover(self, system: System, *, elsewhere: bool) -> Run:
        """Let time pass, and export once more as usual.

        ``elsewhere``: the killed worker ran on another machine, so that only its leases tell that it is gone, and
        our worker here takes up what it left before the next export is due.
        """
        self.clock.advance(minutes=LATER.total_seconds() / 60)
        if elsewhere:
            with system.sessions.begin() as db:
                for table in ("runs", "deliveries"):
                    db.execute(text(f"update {table} set worker = 'elsewhere' where worker is not null"))
            end_leases(system)
            tasks.sweep(system, self.clock())
            work_off(system)
        run = execution.execute_here(system, system.parts.jobs["metering.export"], {}, actor="crontab")
        handover.drain(system, "mail")
        return run

    def problems(self, system: System, run: Run) -> list[str]:
        """Return everything that is not as it should be after a normal run."""
        found = [] if run.state == "succeeded" and not run.needs_person else [f"the run {run.state}: {run.summary}"]
        found += checkers.everything(system, self.clazar.ledger, self.scenario.usages.counts)
        with system.sessions.begin() as db:
            found += checkers.nothing_is_open(db)
            found += self._exact(db)
            found += self._handed_once(db)
            found += _nothing_moves(db)
            found += self._mails(db)
            found += self._state_file()
        return found + checkers.journal_is_whole(system, self.clock())

    def lost(self) -> int:
        """Count the names of which nothing was billed that should have been."""
        billed = {(row.contract_id, row.dimension) for row in self.clazar.ledger}
        whole = {name for name, value in self.scenario.usages.billed.items() if value >= 1}
        return len(whole - billed)

    def doubled(self) -> int:
        """Count the records that were sent again though the outcome of the first time was known."""
        sent: Counter[str] = Counter()
        for request in self.clazar.asked("/metering/"):
            if not request.body:
                continue
            for record in json.loads(request.body)["request"]:
                sent[record["contract_id"], record["dimension"], record["start_time"]] += 1
        return sum(times - 1 for times in sent.values()) - self._may_be_sent_again()

    def _exact(self, db: Session) -> Iterator[str]:
        sums: dict[Name, Decimal] = defaultdict(Decimal)
        for row in self.clazar.ledger:
            sums[row.contract_id, row.dimension] += Decimal(row.quantity)
        for rest in db.scalars(select(Remainder)):
            sums[rest.contract, rest.dimension] += rest.carried
        expected = self.scenario.usages.billed
        for name in {*sums, *expected}:
            if sums.get(name) != expected.get(name):
                yield f"{name}: {sums.get(name)} billed and carried, {expected.get(name)} used"
        accepted = select(Entry.contract, Entry.dimension, Entry.hour, Entry.quantity)
        ours = {(c, d, h): q for c, d, h, q in db.execute(accepted.where(Entry.state == "accepted"))}
        theirs = {row.key: Decimal(row.quantity) for row in self.clazar.ledger}
        if ours != theirs:
            yield f"our ledger and theirs differ in {sorted(set(ours.items()) ^ set(theirs.items()))}"
        hours = set(db.scalars(select(Window.hour).where(Window.state == "taken")))
        if hours != set(HOURS):
            yield f"taken are {sorted(hours)}"

    def _handed_once(self, db: Session) -> Iterator[str]:
        """Unknown is only what was under way at a kill, and only that is handed again."""
        for delivery in db.scalars(select(Delivery)):
            if delivery.handings > 1 and delivery.key not in self.handing:
                yield f"{delivery.key} was handed over {delivery.handings} times, and no kill explains it"
        found_there = select(Delivery.key).join(Entry, Entry.submission_id == Delivery.id)
        for key in db.scalars(found_there.where(Entry.reason.contains("had it already")).distinct()):
            if key not in self.handing:
                yield f"{key} was at Clazar already, and was never under way at a kill"

    def _mails(self, db: Session) -> Iterator[str]:
        mails = db.scalars(select(Delivery).where(Delivery.channel == "mail")).all()
        for mail in mails:
            if mail.state != "accepted":
                yield f"the mail {mail.key} is {mail.state}: {mail.reason}"
        files = list((self.home / "var" / "mail").glob("*.eml"))
        if len(files) != len(mails):
            yield f"{len(mails)} mails were planned, and {len(files)} lie in the folder"
        if not mails:
            yield "nobody was told how an export ended"

    def _state_file(self) -> Iterator[str]:
        state = json.loads((self.home / "state" / "state.json").read_text())
        last = f"{max(HOURS):%Y-%m-%dT%H:%M:%SZ}"
        if state[SERVICE.stream]["last_processed_hour"] != last:
            yield f"the state file says {state}, and {last} was taken"

    def _may_be_sent_again(self) -> int:
        return 0


def work_off(system: System) -> None:
    """Run what the engine has queued until nothing is left, as a worker does."""
    while True:
        with system.sessions.begin() as db:
            row = db.execute(text("select id, task_name, args from procrastinate_jobs where status = 'todo' limit 1"))
            task = row.first()
            if task is None:
                return
            db.execute(text("delete from procrastinate_jobs where id = :id"), {"id": task.id})
        system.parts.tasks[task.task_name](system, **task.args)


def _nothing_moves(db: Session) -> Iterator[str]:
    for run in db.scalars(select(Run).where(Run.state.in_(["queued", "running"]))):
        yield f"run {run.id} is {run.state}"
    for delivery in db.scalars(select(Delivery).where(Delivery.state.in_(["planned", "leased", "handing", "unknown"]))):
        yield f"delivery {delivery.key} is {delivery.state}"
    for stream in db.scalars(select(Stream).where(Stream.lease_until > func.now())):
        yield f"{stream.key} is still leased by {stream.lease_run}"
    for item in db.scalars(select(OwedItem).where(OwedItem.state != "settled")):
        yield f"{item.key} is {item.state}"
