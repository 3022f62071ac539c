"""The whole way from hour files to committed entries, beside a bare decode-and-sum and the straightforward script.

Records as small as they come (about 200 bytes: eight fields), 200 files, four contracts and dimensions in each. All
three read the same files and must come to the same sums; "bare" is msgspec into a struct of three fields and a dict,
"script" is json with ``parse_float=Decimal`` and a dict, ours is the export with listing, hashing, folding, checks,
provenance, entries, submissions, owed items and journal, committed. Nothing is handed over: no marketplace is set up.
Memory is the peak of each process of ours, the one that commits and the readers; Postgres is not counted.

Run: ``python bench/metering.py [--records 2000000] [--files 200] [--rounds 3]``, and for the proof that memory does not
grow with what is read ``python bench/metering.py --large``: ours alone on ten times as much (5 GB of disk meanwhile).
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Self

import msgspec

START = datetime(2025, 7, 1, tzinfo=UTC)
FOLDER = "omnistrate-metering/Bench/PROD/pt-bench"
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "replica_hours", "storage_allocated_byte_hours")
CONTRACTS_PER_FILE = 4
FILES_PER_HOUR = 20
LARGE = 20_000_000
WANTED_MEGABYTES = 120
Way = tuple[str, int]
"""Who reads, and with how many processes."""
Megabytes = tuple[int, int]
"""The peak of the process itself, and of the largest of its reading children, if it has any."""
Sums = dict[tuple[str, str], Decimal]


class Bare(msgspec.Struct, gc=False):
    """The least that can be decoded and summed."""

    externalPayerId: str  # noqa: N815 - the producer's name
    dimension: str
    value: Decimal


def make(root: Path, *, records: int, files: int, repeats: int) -> Decimal:
    """Write hour files; of a hundred records, ``repeats`` are the vendor's repetitions. Return the sum without them."""
    dice = random.Random(7)
    total = 0
    per_file = records // files
    for number in range(files):
        hour = START + timedelta(hours=number // FILES_PER_HOUR)
        subscription = f"sub-{dice.getrandbits(40):010x}"
        contracts = [
            f"{dice.getrandbits(32):08x}-0000-4000-8000-{number:012x}" for _ in range(CONTRACTS_PER_FILE)
        ]
        rows: list[str] = []
        for index in range(per_file):
            if rows and dice.randrange(100) < repeats:
                rows.append(dice.choice(rows))
                continue
            micros = dice.randrange(1, 4_000_000)
            total += micros
            rows.append(
                f'{{"timestamp":"{hour:%Y-%m-%dT%H}:59:40Z","externalPayerId":"{contracts[index % 4]}",'
                f'"subscriptionId":"{subscription}","instanceId":"instance-{index // 64:06x}",'
                f'"podName":"pg-{index // 4 % 16}","dimension":"{DIMENSIONS[index // 4 % 4]}",'
                f'"value":{micros // 1_000_000}.{micros % 1_000_000:06d}}}'
            )
        path = root / FOLDER / f"{hour:%Y/%m/%d/%H}" / f"{subscription}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[" + ",".join(rows) + "]", encoding="ascii")
    return Decimal(total).scaleb(-6)


def bare(paths: list[str]) -> Sums:
    """Decode and sum, and nothing else."""
    sums: Sums = defaultdict(Decimal)
    decoder = msgspec.json.Decoder(list[Bare])
    for path in paths:
        for record in decoder.decode(Path(path).read_bytes()):
            sums[record.externalPayerId, record.dimension] += record.value
    return dict(sums)


def script(paths: list[str]) -> Sums:
    """Do what anyone would write first, exactly."""
    sums: Sums = defaultdict(Decimal)
    for path in paths:
        with Path(path).open(encoding="utf-8") as file:
            for record in json.load(file, parse_float=Decimal, parse_int=Decimal):
                sums[record["externalPayerId"], record["dimension"]] += record["value"]
    return dict(sums)


def spread(work: Callable[[list[str]], Sums], paths: list[str], processes: int) -> Sums:
    """Run ``work`` over the files in so many processes, started as ours are."""
    if processes == 1:
        return work(paths)
    shares = [paths[start::processes] for start in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        sums: Sums = defaultdict(Decimal)
        for part in pool.map(work, shares):
            for name, value in part.items():
                sums[name] += value
        return dict(sums)


def main() -> None:
    """Measure all three in turn, several rounds, and print medians and ratios; or prove the bound on memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=0, help="repeated measurements in a hundred records")
    parser.add_argument("--large", action="store_true", help=f"ours alone, on {LARGE:,} records")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(one(**json.loads(options.child))))
        return
    records = options.records or (LARGE if options.large else 2_000_000)
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        root = Path(folder) / "usage"
        truth = make(root, records=records, files=options.files, repeats=options.repeats)
        size = sum(path.stat().st_size for path in root.rglob("*.json"))
        print(f"{records:,} records in {options.files} files, {size / 1e6:.0f} MB, {os.cpu_count()} cores")
        if options.large:
            large(root, truth=truth)
        else:
            compare(root, rounds=options.rounds, truth=truth, same_sums=not options.repeats)


def compare(root: Path, *, rounds: int, truth: Decimal, same_sums: bool) -> None:
    """Run every way in turn, so that a machine that drifts drifts for all of them alike."""
    ways: list[Way] = [("bare", 1), ("bare", 2), ("script", 1), ("ours", 1), ("ours", 2)]
    seconds: dict[Way, list[float]] = defaultdict(list)
    memory: dict[Way, Megabytes] = {}
    for _ in range(rounds):
        for way in ways:
            took, megabytes, total = apart(root, way)
            seconds[way].append(took)
            memory[way] = max(memory.get(way, megabytes), megabytes)
            if way[0] == "ours" or same_sums:
                assert total == truth, f"{way} says {total}, it is {truth}"
    middle = {way: statistics.median(found) for way, found in seconds.items()}
    for way in ways:
        least, most = min(seconds[way]), max(seconds[way])
        print(f"{name(way):22} {middle[way]:6.2f} s  ({least:.2f} to {most:.2f})   {told(memory[way])}")
    print(f"ours / bare, 1 process     {middle['ours', 1] / middle['bare', 1]:.2f} x   (wanted: at most 1.6)")
    print(f"ours / bare, 2 processes   {middle['ours', 2] / middle['bare', 2]:.2f} x   (wanted: at most 1.6)")
    print(
        f"script / ours, 2 processes {middle['script', 1] / middle['ours', 2]:.2f} x   (wanted: at least 4)"
    )
    print(
        f"ours, 1 / 2 processes      {middle['ours', 1] / middle['ours', 2]:.2f} x   (wanted: at least 1.7)"
    )


def large(root: Path, *, truth: Decimal) -> None:
    """Run ours once with two processes, and print what it took of memory."""
    way = ("ours", 2)
    took, megabytes, total = apart(root, way)
    assert total == truth, f"it says {total}, it is {truth}"
    print(f"{name(way):22} {took:6.2f} s   {told(megabytes)}   (wanted: each below {WANTED_MEGABYTES} MB)")


def name(way: Way) -> str:
    """Return a way's name in print."""
    return f"{way[0]}, {way[1]} process{'es' if way[1] > 1 else ''}"


def told(megabytes: Megabytes) -> str:
    """Return peaks of memory in print."""
    own, children = megabytes
    return f"{own:4} MB at most" + (f", a child {children} MB" if children else "")


def apart(root: Path, way: Way) -> tuple[float, Megabytes, Decimal]:
    """Do one measurement in a process of its own; return seconds, megabytes and the sum."""
    asked = json.dumps({"way": way[0], "processes": way[1], "root": str(root)})
    done = subprocess.run([sys.executable, __file__, "--child", asked], check=True, stdout=subprocess.PIPE)
    result = json.loads(done.stdout.splitlines()[-1])
    own, children = result["megabytes"]
    return result["seconds"], (own, children), Decimal(result["sum"])


def one(*, way: str, processes: int, root: str) -> dict[str, object]:
    """Do one measurement in this process; the start of Python and of Postgres is not part of it."""
    paths = sorted(str(path) for path in Path(root).rglob("*.json"))
    with Peaks() as peaks:
        if way == "ours":
            seconds, total = ours(Path(root), processes)
        else:
            work = {"bare": bare, "script": script}[way]
            start = time.perf_counter()
            sums = spread(work, paths, processes)
            seconds, total = time.perf_counter() - start, exact_sum(sums.values())
    return {"seconds": seconds, "megabytes": [peaks.own // 1024, peaks.children // 1024], "sum": total}


class Peaks:
    """Watches how much memory this process and its children in Python have at most, each by itself.

    The kernel's account of children that ended (``ru_maxrss``) will not do: it begins with what the parent had when
    it started them, and it has Postgres in it.
    """

    def __init__(self) -> None:
        self.own = self.children = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self._look()
        self._look()

    def _look(self) -> None:
        self.own = _peak("self")
        for child in multiprocessing.active_children():
            with suppress(OSError):  # it has ended
                self.children = max(self.children, _peak(child.pid))


def _peak(process: object) -> int:
    """Return the most kilobytes that a process had in memory so far; none of one that ends just now."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def exact_sum(values: Iterable[Decimal]) -> str:
    """Add up, as text."""
    return f"{sum(values, Decimal(0)).normalize():f}"


def ours(root: Path, processes: int) -> tuple[float, str]:
    """Export everything on a fresh database; return seconds and the sum of the committed entries."""
    from sqlalchemy import text  # noqa: PLC0415 - the bare ways must not pay for our imports

    from recoup import app  # noqa: PLC0415
    from recoup.core.postgres import EmbeddedPostgres  # noqa: PLC0415
    from recoup.office.jobs import execution  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        environ = {
            "RECOUP_HOME": folder,
            "RECOUP_READERS": str(processes),
            "RECOUP_METERING_SOURCE": str(root),
            "RECOUP_METERING_START": START.isoformat(),
            "RECOUP_METERING_COMPLETE_BY": "settle",
            "RECOUP_METERING_RECHECK_HOURS": "0",
            "SERVICE_NAME": "Bench",
            "ENVIRONMENT_TYPE": "PROD",
            "PLAN_ID": "pt-bench",
            "CLAZAR_CLOUD": "gcp",
            "MAX_HOURS_PER_RUN": "10000",
        }
        settings = app.read_settings(cwd=Path(folder), environ=environ)
        hours = len({path.parent for path in root.rglob("*.json")})
        now = START + timedelta(hours=hours + 3)
        # That nothing is handed over, which a run rightly complains of, is meant here.
        logging.getLogger("recoup.jobs").addFilter(
            lambda line: "Clazar is not set up" not in line.getMessage()
        )
        with EmbeddedPostgres(settings.home) as postgres:
            roles = postgres.provision(database="bench")
            databases = app.Databases(roles.owner_url, roles.app_url)
            with app.composed(settings, databases, channels={}, clock=lambda: now) as system:
                job = system.parts.jobs["metering.export"]
                start = time.perf_counter()
                run = execution.execute_here(system, job, {}, actor="bench")
                seconds = time.perf_counter() - start
                assert run.counts["hours"] >= hours, run.summary
                with system.sessions.begin() as db:
                    total = db.execute(text("select sum(quantity) from metering_entries")).scalar_one()
    return seconds, exact_sum([total])


if __name__ == "__main__":
    main()
