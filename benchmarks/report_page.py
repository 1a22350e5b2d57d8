"""Measure the report of a thousand runs: how long it takes to write, how large it is, how fast a browser opens it.

    python -m benchmarks.report_page [--tasks 20] [--seeds 10] [--rounds 5]

Prints the median of the rounds; the bounds are what we hold ourselves to. Needs the `dev` extra and Chromium.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from headstart.comparison.report import read_report
from headstart.reports.html import write_html
from tests.support.browser import open_page, running_browser
from tests.support.stores import make_record, write_store

STRATEGIES = ("finetune", "lp_ft", "eh_ft(lora)", "eh_ft(bitfit)", "eh_ft(prefix)")
TIMING = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [page.loadEventEnd / 1000, paint ? paint.startTime / 1000 : 0];
}"""


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder) / "runs", arguments.tasks, arguments.seeds)
        page = Path(folder) / "report.html"
        begin = time.perf_counter()
        write_html(read_report(store), page)
        writing = time.perf_counter() - begin
        loads, paints = _open(page, arguments.rounds)
        size = page.stat().st_size / 1e6
    print(f"{arguments.tasks * len(STRATEGIES) * arguments.seeds} runs: written in {writing:.1f} s; {size:.2f} MB")
    print(f"loaded in {median(loads):.2f} s (bound 2 s), slowest {max(loads):.2f} s; painted in {median(paints):.2f} s")


def _store(root: Path, num_tasks: int, num_seeds: int) -> Path:
    records = [
        make_record(
            label,
            seed,
            0.7 + ((7 * seed + 3 * len(label) + task) % 11) / 200,
            task=f"task/{task}",
            stage1=None if label == "finetune" else 0.65,
        )
        for task in range(num_tasks)
        for label in STRATEGIES
        for seed in range(num_seeds)
    ]
    return write_store(root, records, with_metrics=True)


def _open(page: Path, num_rounds: int) -> tuple[list[float], list[float]]:
    loads, paints = [], []
    with running_browser() as browser:
        for _ in range(num_rounds):
            with open_page(browser, page) as window:
                window.page.wait_for_timeout(500)
                load, paint = window.page.evaluate(TIMING)
                loads.append(load)
                paints.append(paint)
    return loads, paints


if __name__ == "__main__":
    main()
