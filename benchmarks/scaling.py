"""How many workers a sweep keeps busy: a simulation on recorded run times and the driver's measured cost per run.

    python -m benchmarks.scaling STORE [--runs 540 10000] [--workers 1 4 16 64 256] [--cost SECONDS]

Run times are drawn (seed 0) from the finished runs of STORE. The driver does one thing at a time: it sends a run, and
it takes in what came back. Its cost per run is measured here on the folders of these runs, as the Ray executor handles
them, unless `--cost` gives it. The longest runs start first. Efficiency is the sum of all run times over the time that
all workers were there for.
"""

from __future__ import annotations

import argparse
import heapq
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore, existing_store
from headstart.store.record import RunRecord
from headstart.sweeps.travel import files_of_run, take_in, write_files

TIMED_RUNS = 20
FEW_RUNS_PER_WORKER = 10


def main() -> None:
    """Print a table of efficiencies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, nargs="*", default=[540, 10_000])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 54, 64, 128, 256])
    parser.add_argument("--cost", type=float, help="Seconds of the driver per run. (Default: measured.)")
    given = parser.parse_args()
    store = existing_store(given.store)
    records = store.records()
    cost = given.cost if given.cost is not None else driver_cost(store, records)
    recorded = [record.seconds for record in records]
    print(f"{len(recorded)} runs of {min(recorded):.1f} to {max(recorded):.1f} s; driver: {1000 * cost:.1f} ms a run")
    draw = random.Random(0)
    for num_runs in given.runs:
        seconds = draw.choices(recorded, k=num_runs)
        for num_workers in given.workers:
            found = efficiency(seconds, num_workers, cost)
            few = num_runs / num_workers < FEW_RUNS_PER_WORKER
            low = "" if found >= 0.9 else f"  under 0.9{', few runs per worker' if few else ''}"
            print(
                f"{num_runs:>6} runs, {num_workers:>3} workers, {num_runs / num_workers:>7.1f} each: {found:.3f}{low}"
            )


def efficiency(seconds: Sequence[float], num_workers: int, cost: float) -> float:
    """Return the share of the workers' time that runs take, until the last one is taken in.

    Args:
        seconds: of each run.
        num_workers: that do one run at a time each.
        cost: seconds that the driver is busy with each run, half of them before it and half after it.
    """
    waiting = sorted(seconds)
    driver = 0.0
    working: list[float] = []  # when each run that is away ends
    while waiting or working:
        if waiting and len(working) < num_workers:
            driver += cost / 2
            heapq.heappush(working, driver + waiting.pop())
        else:
            driver = max(driver, heapq.heappop(working)) + cost / 2
    return sum(seconds) / (num_workers * driver)


def driver_cost(store: LocalStore, records: Sequence[RunRecord]) -> float:
    """Return the seconds that a driver needs to claim, send and take in a run: the median over some."""
    with tempfile.TemporaryDirectory() as folder:
        copy = LocalStore(Path(folder) / "store")
        return median(_handling(copy, store.run_folder(*key)) for key in _keys(records)[:TIMED_RUNS])


def _keys(records: Sequence[RunRecord]) -> list[tuple[str, int]]:
    return [(record.experiment_digest, record.seed) for record in records]


def _handling(copy: LocalStore, done: RunFolder) -> float:
    files = files_of_run(done)
    write_files(copy.root, {name: content for name, content in files.items() if name.count("/") == 1})
    begin = time.perf_counter()
    with copy.claim(done.digest, done.seed):
        files_of_run(copy.run_folder(done.digest, done.seed))
        take_in(copy.run_folder(done.digest, done.seed), files)
        copy.record(done.digest, done.seed)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
