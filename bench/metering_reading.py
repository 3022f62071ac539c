"""Reading usage files: ours beside a bare msgspec decode-and-sum and a naive script, on the same files.

``python bench/metering_reading.py [--records 2000000] [--files 200] [--gz] [--full] [--repeats-share 0.05]``

Each pass starts its processes anew, so what a process costs to start is in every figure. Passes of all readers take
turns; medians are printed. "processors" is what the processes used, which says more on a machine that is not idle.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import usage_data
import usage_readers
from usage_readers import Reader, Sums

Contest = tuple[str, int]
"""A reader, and with how many processes."""
READERS: dict[str, tuple[Reader, tuple[int, ...]]] = {
    "bare": (usage_readers.bare, (1, 2)),
    "naive": (usage_readers.naive, (1,)),
    "ours": (usage_readers.ours, (1, 2)),
}


def main() -> None:
    """Write the files, time every reader in turn, check their answers, print figures and ratios."""
    options = _options()
    plan = usage_data.Plan(
        options.records, options.files, options.repeats_share, full=options.full, packed=options.gz
    )
    with tempfile.TemporaryDirectory() as folder:
        truth = usage_data.write(Path(folder), plan)
        paths = sorted(Path(folder).iterdir())
        size = sum(path.stat().st_size for path in paths)
        print(f"{plan}: {size / 1e6:.0f} MB")
        contests = [(name, processes) for name, (_, some) in READERS.items() for processes in some]
        results: dict[Contest, list[Pass]] = {contest: [] for contest in contests}
        for _ in range(options.passes):
            for name, processes in contests:
                result, sums = _run(READERS[name][0], paths, processes)
                assert sums == truth, f"{name} is wrong"
                results[name, processes].append(result)
    _report(plan.records, results)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass took: seconds by the clock, seconds of the processors, megabytes of the largest process."""

    clock: float
    busy: float
    peak: float


def _run(reader: Reader, paths: list[Path], processes: int) -> tuple[Pass, Sums]:
    start, busy = time.perf_counter(), _children()
    sums: Sums = {}
    peak = 0
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for some, memory in pool.map(reader, paths, chunksize=4):
            peak = max(peak, memory)
            for key, value in some.items():
                sums[key] = sums.get(key, Decimal(0)) + value
    return Pass(time.perf_counter() - start, _children() - busy, peak / 1024), sums


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report(records: int, results: Mapping[Contest, Sequence[Pass]]) -> None:
    clock = {contest: statistics.median(one.clock for one in some) for contest, some in results.items()}
    busy = {contest: statistics.median(one.busy for one in some) for contest, some in results.items()}
    print("reader  processes   clock  (least to most)    x bare   processors  x bare   records/s   peak MB")
    for contest, some in results.items():
        name, processes = contest
        least, most = min(one.clock for one in some), max(one.clock for one in some)
        print(
            f"{name:8}{processes:9} {clock[contest]:6.2f} s ({least:.2f} to {most:.2f} s)"
            f" {clock[contest] / clock['bare', processes]:8.2f} {busy[contest]:10.2f} s"
            f" {busy[contest] / busy['bare', processes]:7.2f} {records / clock[contest]:11,.0f}"
            f" {max(one.peak for one in some):9.0f}"
        )
    print(f"naive / ours with two processes: {clock['naive', 1] / clock['ours', 2]:.2f} (wanted: at least 4)")
    print(
        f"ours with one / with two processes: {clock['ours', 1] / clock['ours', 2]:.2f} (wanted: at least 1.7)"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--repeats-share", type=float, default=0.0, help="share of records written twice")
    parser.add_argument("--gz", action="store_true", help="compressed files")
    parser.add_argument("--full", action="store_true", help="every field that the vendor writes, prices too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
