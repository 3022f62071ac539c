"""Reading usage files: ours beside a bare msgspec decode-and-sum and a naive script, on the same files.

``python bench/metering_reading.py [--records 2000000] [--files 200] [--gz] [--full] [--repeats-share 0.05]``

Each pass starts its processes anew, so what a process costs to start is in every figure. Passes of all readers take
turns; medians are printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path

import usage_data
import usage_readers
from usage_readers import Reader, Sums

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
        times: dict[tuple[str, int], list[float]] = {contest: [] for contest in contests}
        peaks: dict[tuple[str, int], int] = {}
        for _ in range(options.passes):
            for name, processes in contests:
                seconds, peak, sums = _run(READERS[name][0], paths, processes)
                assert sums == truth, f"{name} is wrong"
                times[name, processes].append(seconds)
                peaks[name, processes] = max(peak, peaks.get((name, processes), 0))
    _report(plan.records, times, peaks)


def _run(reader: Reader, paths: list[Path], processes: int) -> tuple[float, int, Sums]:
    start = time.perf_counter()
    sums: Sums = {}
    peak = 0
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for some, memory in pool.map(reader, paths, chunksize=4):
            peak = max(peak, memory)
            for key, value in some.items():
                sums[key] = sums.get(key, Decimal(0)) + value
    return time.perf_counter() - start, peak, sums


def _report(
    records: int, times: dict[tuple[str, int], list[float]], peaks: dict[tuple[str, int], int]
) -> None:
    middle = {contest: statistics.median(some) for contest, some in times.items()}
    print("reader  processes  seconds (median, all)                      records/s   x bare  peak MB")
    for (name, processes), seconds in middle.items():
        each = " ".join(f"{one:.2f}" for one in sorted(times[name, processes]))
        ratio = seconds / middle["bare", processes]
        print(
            f"{name:8}{processes:9}  {seconds:7.2f}  {each:34} {records / seconds:10,.0f} {ratio:7.2f}"
            f" {peaks[name, processes] / 1024:8.0f}"
        )
    print(f"naive / ours with two processes: {middle['naive', 1] / middle['ours', 2]:.2f}")
    print(f"ours with one / with two processes: {middle['ours', 1] / middle['ours', 2]:.2f}")


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
