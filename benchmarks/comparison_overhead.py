"""Measure what `compare` does beside its runs: claims, records, provenance, what is shown, and the table at the end.

    python -m benchmarks.comparison_overhead [--runs 500]

Every run is one update of a tiny model. Prints the milliseconds a run beside what runs take themselves; the bound is
what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from headstart.cli.comparing import run_comparison
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunDataCache
from headstart.sweeps import serial
from tests.support import tiny
from tests.support.runs import tiny_choices, tiny_rows, tiny_sweep

STRATEGIES = ("finetune", "linear_probe")
BOUND = 50.0


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        total, inside = _measure(arguments.runs)
    beside = 1000 * (total - inside) / arguments.runs
    print(f"{arguments.runs} runs: {total:.1f} s, {inside:.1f} s of it in runs")
    print(f"beside them {beside:.1f} ms a run (bound {BOUND:.0f} ms)")


def _measure(num_runs: int) -> tuple[float, float]:
    """Return the seconds of a whole comparison, and of its runs."""
    tiny.make_checkpoint(Path("tiny"), "bert", seed=1)
    with Path("rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(text, ("bad", "good")[label]) for text, label in tiny_rows(40)]
        csv.writer(file).writerows([("text", "label"), *rows])
    seeds = tuple(range(num_runs // len(STRATEGIES)))
    choices = tiny_choices(Path("tiny"), "finetune", steps=1)
    sources = (TaskSource(name="rows.csv", file="rows.csv"),)
    sweep = tiny_sweep(choices, *STRATEGIES, sources=sources, seeds=seeds)
    inside, run_one = 0.0, serial.run_one

    def timed(*arguments: Any) -> Any:
        nonlocal inside
        begin = time.perf_counter()
        try:
            return run_one(*arguments)
        finally:
            inside += time.perf_counter() - begin

    serial.run_one = timed
    begin = time.perf_counter()
    with suppress(SystemExit):
        run_comparison(sweep, RunDataCache(), Path("runs"), quiet=False, json=False)
    return time.perf_counter() - begin, inside


if __name__ == "__main__":
    main()
