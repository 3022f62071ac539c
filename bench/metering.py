"""The whole way from hour files to committed entries, beside a bare decode-and-sum and the straightforward script.

Records as small as they come (about 200 bytes: eight fields), 200 files, four contracts and dimensions in each. All
three read the same files and must come to the same sums; "bare" is msgspec into a struct of three fields and a dict,
"script" is json with ``parse_float=Decimal`` and a dict, ours is the export with listing, hashing, folding, checks,
provenance, entries, submissions, owed items and journal, committed. Nothing is handed over: no marketplace is set up.

Run: ``python bench/metering.py [--records 2000000] [--files 200] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

START = datetime(2025, 7, 1, tzinfo=UTC)
FOLDER = "omnistrate-metering/Bench/PROD/pt-bench"
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "replica_hours", "storage_allocated_byte_hours")
CONTRACTS_PER_FILE = 4
FILES_PER_HOUR = 20
Sums = dict[tuple[str, str], Decimal]


class Bare(msgspec.Struct, gc=False):
    """The least that can be decoded and summed."""

    externalPayerId: str  # noqa: N815 - the producer's name
    dimension: str
    value: Decimal


def make(root: Path, *, records: int, files: int, repeats: int) -> None:
    """Write hour files; of a hundred records, ``repeats`` are the vendor's repetitions."""
    dice = random.Random(7)
    per_file = records // files
    for number in range(files):
        hour = START + timedelta(hours=number // FILES_PER_HOUR)
        subscription = f"sub-{dice.getrandbits(40):010x}"
        contracts = [
            f"{dice.getrandbits(32):08x}-0000-4000-8000-{number:012x}" for _ in range(CONTRACTS_PER_FILE)
        ]
        rows = []
        for index in range(per_file):
            if rows and dice.randrange(100) < repeats:
                rows.append(dice.choice(rows))
                continue
            micros = dice.randrange(1, 4_000_000)
            rows.append(
                f'{{"timestamp":"{hour:%Y-%m-%dT%H}:59:40Z","externalPayerId":"{contracts[index % 4]}",'
                f'"subscriptionId":"{subscription}","instanceId":"instance-{index // 64:06x}",'
                f'"podName":"pg-{index // 4 % 16}","dimension":"{DIMENSIONS[index // 4 % 4]}",'
                f'"value":{micros // 1_000_000}.{micros % 1_000_000:06d}}}'
            )
        path = root / FOLDER / f"{hour:%Y/%m/%d/%H}" / f"{subscription}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[" + ",".join(rows) + "]", encoding="ascii")


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
    """Measure all three in turn, several rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=0, help="repeated measurements in a hundred records")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(one(**json.loads(options.child))))
        return
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        root = Path(folder) / "usage"
        make(root, records=options.records, files=options.files, repeats=options.repeats)
        size = sum(path.stat().st_size for path in root.rglob("*.json"))
        print(
            f"{options.records:,} records in {options.files} files, {size / 1e6:.0f} MB, {os.cpu_count()} cores"
        )
        compare(root, rounds=options.rounds, same_sums=not options.repeats)


def compare(root: Path, *, rounds: int, same_sums: bool) -> None:
    """Run every way in turn, so that a machine that drifts drifts for all of them alike."""
    ways = [("bare", 1), ("bare", 2), ("script", 1), ("ours", 1), ("ours", 2)]
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    memory: dict[tuple[str, int], float] = defaultdict(float)
    sums: set[str] = set()
    for _ in range(rounds):
        for way in ways:
            asked = json.dumps({"way": way[0], "processes": way[1], "root": str(root)})
            done = subprocess.run(
                [sys.executable, __file__, "--child", asked], check=True, stdout=subprocess.PIPE
            )
            result = json.loads(done.stdout.splitlines()[-1])
            seconds[way].append(result["seconds"])
            memory[way] = max(memory[way], result["megabytes"])
            if way[0] == "ours" or same_sums:
                sums.add(result["sum"])
    assert len(sums) == 1, f"they do not agree: {sums}"
    middle = {way: statistics.median(found) for way, found in seconds.items()}
    for way in ways:
        least, most = min(seconds[way]), max(seconds[way])
        name = f"{way[0]}, {way[1]} process{'es' if way[1] > 1 else ''}"
        print(f"{name:22} {middle[way]:6.2f} s  ({least:.2f} to {most:.2f})   {memory[way]:5.0f} MB at most")
    print(f"ours / bare, 1 process     {middle['ours', 1] / middle['bare', 1]:.2f} x   (wanted: at most 1.6)")
    print(f"ours / bare, 2 processes   {middle['ours', 2] / middle['bare', 2]:.2f} x   (wanted: at most 1.6)")
    print(
        f"script / ours, 2 processes {middle['script', 1] / middle['ours', 2]:.2f} x   (wanted: at least 4)"
    )
    print(
        f"ours, 1 / 2 processes      {middle['ours', 1] / middle['ours', 2]:.2f} x   (wanted: at least 1.7)"
    )


def one(*, way: str, processes: int, root: str) -> dict[str, object]:
    """Do one measurement in this process; the start of Python and of Postgres is not part of it."""
    paths = sorted(str(path) for path in Path(root).rglob("*.json"))
    if way == "ours":
        seconds, total = ours(Path(root), processes)
    else:
        work = {"bare": bare, "script": script}[way]
        start = time.perf_counter()
        sums = spread(work, paths, processes)
        seconds, total = time.perf_counter() - start, exact_sum(sums.values())
    largest = max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"seconds": seconds, "megabytes": largest / 1024, "sum": total}


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
