"""Runs per hour by several processes at once, beside one: `compare --jobs`.

    python -m benchmarks.jobs [--data-root ../shared/data] [--steps 60] [--seeds 6] [--out runs/jobs]

The same sweep three times, each in a store of its own: one run at a time on one core, one at a time on two, and two at
a time of one core each. The embedded encoder, 500 rows of SST-2. Wall seconds are of the whole command, starts of
processes included; a quiet machine with two cores or more is needed, and the others stay unused.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from headstart.store.local import LocalStore

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Way:
    """How many runs at once, on how many cores."""

    name: str
    jobs: int
    cores: int


WAYS = (Way("one run, one core", 1, 1), Way("one run, two cores", 1, 2), Way("two runs, one core each", 2, 2))


@dataclass(frozen=True)
class Timed:
    """What a way took for its runs, in seconds of wall time."""

    way: Way
    num_runs: int
    seconds: float

    @property
    def per_hour(self) -> float:
        """Runs per hour."""
        return 3600 * self.num_runs / self.seconds


def main() -> None:
    """Time all ways and say how they compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "jobs")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    timed = [time_way(way, given.out, given.data_root, steps=given.steps, seeds=given.seeds) for way in WAYS]
    one, two, apart = (each.per_hour for each in timed)
    print(f"two runs of one core each: {apart / one:.2f} times one run of one core, {apart / two:.2f} of two cores")
    (given.out / "jobs.json").write_text(json.dumps([asdict(each) for each in timed], indent=2) + "\n")


def time_way(way: Way, out: Path, data_root: Path, *, steps: int, seeds: int) -> Timed:
    """Have all runs done in one way, and time it."""
    store = out / way.name.replace(" ", "-").replace(",", "")
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "headstart", "compare", "--tasks", "glue/sst2", "--data-root", str(data_root)]
    command += ["--strategies", "finetune", "--rows-per-class", "250", "--steps", str(steps), "--seeds", str(seeds)]
    command += ["--no-diagnostics", "--quiet", "--store", str(store), "--jobs", str(way.jobs)]
    begin = time.perf_counter()
    subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, range(way.cores)))
    timed = Timed(way, len(LocalStore(store).records()), time.perf_counter() - begin)
    print(f"{way.name}: {timed.num_runs} runs in {timed.seconds:.1f} s, {timed.per_hour:.0f} an hour", flush=True)
    return timed


if __name__ == "__main__":
    main()
